"""Pictures: from the bytes of one file to the array of a pool's shape, or a refusal that says why.

`decoding.py` decodes, `fitting.py` scales into a shape. Nobody but `worker.py` calls them with bytes of others: it does
so in a process with little memory and little time, one of those that `decoders.py` starts and talks to by `frames.py`.

This package is imported by the web process: it needs Pillow and NumPy alone.
"""

from app.pictures.decoders import Decoders
from app.pictures.decoding import Limits, Picture
from app.pictures.fitting import fit_pixels

__all__ = ["Decoders", "Limits", "Picture", "fit_pixels"]

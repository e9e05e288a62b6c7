"""Sources: where the images of one's own pool come from, as items one after the other, with little in memory.

`item.py` says what an item is; `folder.py`, `zips.py`, `tars.py`, `arrays.py` and `lists.py` are the kinds, told apart
by `opening.py`; `labels.py` reads labels that lie beside a source. No source writes, or follows a name out of itself.
"""

from app.sources.item import Item, Source, SourceLimits
from app.sources.labels import Relabeled, read_labels
from app.sources.opening import open_source

__all__ = ["Item", "Relabeled", "Source", "SourceLimits", "open_source", "read_labels"]

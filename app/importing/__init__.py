"""Bring images into a pool: `placing.py` stores items, `standing.py` gives labels that stand, `images.py` makes what is
stored of one image; `bringing.py` does it for a source, `uploads.py` for the files of a request."""

from app.importing.bringing import Refusals, Report, import_source, open_pool
from app.importing.images import Look, look, make_image, sort_classes
from app.importing.placing import LabelUse
from app.importing.uploads import Placed, Upload, take_uploads

__all__ = [
    "LabelUse",
    "Look",
    "Placed",
    "Refusals",
    "Report",
    "Upload",
    "import_source",
    "look",
    "make_image",
    "open_pool",
    "sort_classes",
    "take_uploads",
]

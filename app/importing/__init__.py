"""Bring a source into a pool: `images.py` makes what is stored of one image, `bringing.py` stores them all."""

from app.importing.bringing import (
    LabelUse,
    Refusals,
    Report,
    answer_all,
    import_source,
    open_pool,
)
from app.importing.images import Look, look, make_image, sort_classes
from app.importing.uploads import Placed, Upload, take_uploads

__all__ = [
    "LabelUse",
    "Look",
    "Placed",
    "Refusals",
    "Report",
    "Upload",
    "answer_all",
    "import_source",
    "look",
    "make_image",
    "open_pool",
    "sort_classes",
    "take_uploads",
]

"""Trained models as what predicts: from the database, or from one file that needs neither a database nor TensorFlow.

The file is a zip with the ending .inkling: model.json (classes, the shape of images and how pictures are brought to it,
what it was trained on, and a hash of each other file), network.keras (which Keras reads alone, too) and CARD.md.
"""

import hashlib
import io
import json
import threading
import zipfile
import zlib
from collections import OrderedDict
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from sqlalchemy.orm import Session

from app import trained_models
from app.accuracy import Accuracy
from app.errors import ModelDamaged
from app.learning.forward import Forward, NetworkDamaged, read_network
from app.learning.learner import Float32, Images
from app.model_cards import get_accuracy, write_card
from app.models import Pool, TrainedModel
from app.zips import ZipStream

ENDING = ".inkling"
FORMAT = 1  # of model.json; a reader refuses a higher one
ABOUT, NETWORK, CARD = "model.json", "network.keras", "CARD.md"
KEPT = 4  # networks in memory, of some megabytes each
FITTING = (
    "upright by EXIF; scaled by area until it just fits, the aspect ratio kept; the rest filled with the median colour "
    "of its border; transparency laid on white; grey by ITU-R 601-2"
)
# What the readers of zip files and of JSON raise on bytes that are not what they should be.
_DAMAGE = (zipfile.BadZipFile, zlib.error, OSError, EOFError, LookupError, ValueError, TypeError, NotImplementedError)


@dataclass(frozen=True, slots=True)
class Predictor:
    """A model that predicts. `classes` are those that it knows: the pool may have got more since.

    `model_id` is its number in the database that it comes from.
    """

    model_id: int
    classes: tuple[str, ...]
    network: Forward

    @property
    def image_shape(self) -> tuple[int, ...]:
        """The shape of the images that it takes: (H, W), or (H, W, 3) with colours."""
        height, width, channels = self.network.shape
        return (height, width) if channels == 1 else (height, width, channels)

    def predict(self, images: Images) -> Float32:
        """The probabilities (M, K) of the classes for images uint8 (M, *image_shape)."""
        return self.network.predict(images)


def make_predictor(pool: Pool, model: TrainedModel, content: bytes) -> Predictor:
    """What predicts with the file of a model as Keras wrote it.

    Raises:
        ModelDamaged: the file is not what was stored.
    """
    try:
        network = read_network(content)
    except NetworkDamaged as error:
        raise ModelDamaged(f"Model {model.id} of {pool.name} is damaged: {error}.", model_id=model.id) from error
    return Predictor(model.id, tuple(pool.classes[: network.n_classes]), network)


class Predictors:
    """The newest model of each pool, read once. Safe to use from any thread; one of them predicts at a time.

    So requests that predict leave a processor to those that do not.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[int, Predictor] = OrderedDict()
        self._lock = threading.Lock()

    def get_newest(self, session: Session, pool: Pool) -> Predictor:
        """
        Raises:
            NotFound: none is trained.
            ModelDamaged: its file is not what was stored.
        """
        model = trained_models.get_newest_done(session, pool)
        with self._lock:
            if model.id not in self._kept:
                self._kept[model.id] = make_predictor(pool, model, trained_models.read_content(session, model))
            self._kept.move_to_end(model.id)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return self._kept[model.id]

    def predict(self, predictor: Predictor, images: Images) -> Float32:
        """As the predictor does, when no other thread predicts."""
        with self._lock:
            return predictor.predict(images)


def pack_model(pool: Pool, model: TrainedModel, content: bytes, predictions: bytes) -> bytes:
    """The one file with all that predicting needs, from a model's row, its `.keras` file and its predictions.

    Raises:
        ModelDamaged: the `.keras` file is not what was stored.
    """
    predictor = make_predictor(pool, model, content)
    files = {NETWORK: content, CARD: write_card(pool, model, predictions).encode()}
    about = _describe(pool, model, predictor) | {"files": {name: _hash(each) for name, each in files.items()}}
    text = json.dumps(about, ensure_ascii=False, indent=2).encode()
    with closing(ZipStream()) as stream:
        pieces = [piece for name, each in ({ABOUT: text} | files).items() for piece in stream.add(name, each)]
        return b"".join([*pieces, *stream.end()])


def open_model(content: bytes, name: str) -> Predictor:
    """What predicts with a file that `pack_model` made; `name` is the file's, for messages.

    Raises:
        ModelDamaged: it is another file, it is damaged, or a newer version wrote it.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            about = json.loads(file.read(ABOUT))
            if about["format"] > FORMAT:
                raise ModelDamaged(f"{name} was written by a newer Inkling ({about['made_by']}). Install that version.")
            files = {each: file.read(each) for each in about["files"]}
        wrong = [each for each, found in files.items() if _hash(found) != about["files"][each]]
        if wrong:
            raise ModelDamaged(f"{name} is damaged: its part {wrong[0]} is not what was written. Export it again.")
        return Predictor(about["model"], tuple(about["classes"]), read_network(files[NETWORK]))
    except _DAMAGE as error:
        raise ModelDamaged(f"{name} is no model of Inkling, or is damaged ({error}). Export it again.") from error


def _describe(pool: Pool, model: TrainedModel, predictor: Predictor) -> dict[str, Any]:
    height, width, channels = predictor.network.shape
    return {
        "format": FORMAT,
        "made_by": f"Inkling {version('inkling')}",
        "pool": {"slug": pool.slug, "name": pool.name, "data": pool.dataset_description},
        "model": model.id,
        "classes": list(predictor.classes),
        "input": {"height": height, "width": width, "channels": channels, "values": "0 to 255", "fitting": FITTING},
        "labels": {"human": model.n_human, "oracle": model.n_oracle, "machine": model.n_machine},
        "accuracy": _describe_accuracy(get_accuracy(model), model),
        "trained": {
            "finished_at": model.finished_at.isoformat() if model.finished_at else None,
            "round": model.round,
            "last_event_id": model.last_event_id,
            "seed": model.seed,
            "numerics": model.numerics,
        },
    }


def _describe_accuracy(accuracy: Accuracy | None, model: TrainedModel) -> dict[str, Any] | None:
    if accuracy is None:
        return None
    low, high = accuracy.interval
    counts = {"correct": accuracy.correct, "total": accuracy.total, "accuracy": accuracy.value}
    return counts | {"low": low, "high": high, "tested_on": model.tested_on}


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

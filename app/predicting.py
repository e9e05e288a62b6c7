"""Trained models as what predicts: from the database, or from one file that needs neither a database nor TensorFlow.

The file is a zip with the ending .inkling: model.json (classes, and which of them each output of the network counts
for; the shape of images, and how pictures are brought to it; what it was trained on; a hash of each other file),
network.keras (which Keras reads alone, too) and CARD.md.
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

import numpy as np

from app import trained_models
from app.accuracy import Accuracy
from app.db import Database
from app.errors import ModelDamaged
from app.learning.forward import Forward, NetworkDamaged, read_network
from app.learning.learner import Float32, Images
from app.merges import Merges, read_merges
from app.model_cards import get_accuracy, write_card
from app.models import Pool, TrainedModel
from app.pools import get_pool
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
    """A model that predicts. `classes` are those that it tells apart: the pool may have got more since.

    `counts_for` says of each output of the network which of `classes` it counts for, as an index into them: classes
    that were merged share one. `model_id` is its number in the database that it comes from.
    """

    model_id: int
    classes: tuple[str, ...]
    counts_for: tuple[int, ...]
    network: Forward

    @property
    def image_shape(self) -> tuple[int, ...]:
        """The shape of the images that it takes: (H, W), or (H, W, 3) with colours."""
        height, width, channels = self.network.shape
        return (height, width) if channels == 1 else (height, width, channels)

    def predict(self, images: Images) -> Float32:
        """The probabilities (M, K) of the classes for images uint8 (M, *image_shape)."""
        found = self.network.predict(images)  # (M, outputs)
        if self.counts_for == tuple(range(len(self.classes))):
            return found
        summed = np.zeros((len(found), len(self.classes)), np.float32)  # (M, K)
        for output, value in enumerate(self.counts_for):
            summed[:, value] += found[:, output]
        return summed


def make_predictor(pool: Pool, merges: Merges, model: TrainedModel, content: bytes) -> Predictor:
    """What predicts with the file of a model as Keras wrote it, by the classes of the pool with these merges.

    Raises:
        ModelDamaged: the file is not what was stored.
    """
    return _name_outputs(pool, merges, model, _read_network(pool, model, content))


class Predictors:
    """The newest model of each pool, read once. Safe to use from any thread; one of them predicts at a time.

    So requests that predict leave a processor to those that do not.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[int, Forward] = OrderedDict()  # by the id of the model, which is never reused
        self._keeping = threading.Lock()  # never held for long
        self._predicting = threading.Lock()

    def get_newest(self, database: Database, slug: str) -> Predictor:
        """The newest model of a pool, with its classes as they are named and merged now.

        No session is open while a network is built. Two threads may both build one; both are the same.

        Raises:
            NotFound: there is no such pool, or none of its models is trained.
            ModelDamaged: its file is not what was stored.
        """
        with database.read() as session:
            pool = get_pool(session, slug)
            model = trained_models.get_newest_done(session, pool)
            merges = read_merges(session, pool)
            network = self._find(model.id)
            content = b"" if network is not None else trained_models.read_content(session, model)
        if network is None:
            network = _read_network(pool, model, content)
            self._keep(model.id, network)
        return _name_outputs(pool, merges, model, network)

    def predict(self, predictor: Predictor, images: Images) -> Float32:
        """As the predictor does, when no other thread predicts."""
        with self._predicting:
            return predictor.predict(images)

    def _find(self, model_id: int) -> Forward | None:
        with self._keeping:
            if model_id in self._kept:
                self._kept.move_to_end(model_id)
            return self._kept.get(model_id)

    def _keep(self, model_id: int, network: Forward) -> None:
        with self._keeping:
            self._kept[model_id] = network
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)


def _read_network(pool: Pool, model: TrainedModel, content: bytes) -> Forward:
    try:
        return read_network(content)
    except NetworkDamaged as error:
        raise ModelDamaged(f"Model {model.id} of {pool.name} is damaged: {error}.", model_id=model.id) from error


def _name_outputs(pool: Pool, merges: Merges, model: TrainedModel, network: Forward) -> Predictor:
    values = [merges.resolve(value) for value in range(network.n_classes)]
    told = sorted(set(values))  # one of them may be newer than the model: another class was merged into it
    classes = tuple(pool.classes[value] for value in told)
    return Predictor(model.id, classes, tuple(map(told.index, values)), network)


def pack_model(pool: Pool, merges: Merges, model: TrainedModel, content: bytes, predictions: bytes) -> bytes:
    """The one file with all that predicting needs, from a model's row, its `.keras` file and its predictions.

    Raises:
        ModelDamaged: the `.keras` file is not what was stored.
    """
    predictor = make_predictor(pool, merges, model, content)
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
            if ABOUT not in file.namelist() and "config.json" in file.namelist():
                raise ModelDamaged(
                    f"{name} is a network for Keras, which knows no classes. Take the file {ENDING} of the page Take "
                    "away, or of `inkling model export`."
                )
            about = json.loads(file.read(ABOUT))
            if about["format"] > FORMAT:
                raise ModelDamaged(f"{name} was written by a newer Inkling ({about['made_by']}). Install that version.")
            files = {each: file.read(each) for each in about["files"]}
        wrong = [each for each, found in files.items() if _hash(found) != about["files"][each]]
        if wrong:
            raise ModelDamaged(f"{name} is damaged: its part {wrong[0]} is not what was written. Export it again.")
        named = tuple(about["classes"]), tuple(about["counts_for"])
        return Predictor(about["model"], *named, read_network(files[NETWORK]))
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
        "counts_for": list(predictor.counts_for),
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

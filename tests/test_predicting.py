"""Models in one file: what it holds, that nothing else is needed to open it, and that a damaged one is named."""

import io
import json
import subprocess
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.db import Database
from app.errors import ModelDamaged, NotFound
from app.learning.learner import Float32
from app.merges import read_merges
from app.models import Annotator, Pool
from app.own_pools import add_classes, rename_class
from app.predicting import Predictors, open_model, pack_model
from app.settings import ROOT

from .factories.making import add_pool
from .factories.merged import merge
from .factories.networks import draw_row, make_network
from .factories.trained import add_model, get_model_row

ALONE = """
import sys
import numpy as np
from app.predicting import open_model
predictor = open_model(open(sys.argv[1], "rb").read(), sys.argv[1])
image = np.zeros((1, 4, 4), np.uint8)
image[0, 2] = 255
print(predictor.classes[predictor.predict(image).argmax()])
assert not {"tensorflow", "keras", "sklearn"} & sys.modules.keys()
"""


@pytest.fixture
def bees(database: Database) -> Pool:
    """A pool of four classes."""
    return add_pool(database, slug="bees", name="Bees", classes=("bee", "wasp", "fly", "花"))


def pack(database: Database, pool: Pool, **values: object) -> bytes:
    model_id = add_model(database, pool, **{"content": make_network(4, 4, 1, 4)} | values)
    row = get_model_row(database, model_id)
    with database.read() as session:
        merges = read_merges(session, pool)
    return pack_model(pool, merges, row, row.content or b"", row.predictions or b"")


def test_a_packed_model_predicts_by_the_names_of_the_classes(database: Database, bees: Pool) -> None:
    predictor = open_model(pack(database, bees), "bees.inkling")
    found = predictor.predict(np.stack([draw_row(3), draw_row(0)]))

    assert [predictor.classes[best] for best in found.argmax(axis=1)] == ["花", "bee"]
    assert predictor.image_shape == (4, 4)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)


def test_the_file_tells_all_that_is_known_of_the_model(database: Database, bees: Pool) -> None:
    packed = pack(database, bees)
    with zipfile.ZipFile(io.BytesIO(packed)) as file:
        about, card = json.loads(file.read("model.json")), file.read("CARD.md").decode()

    assert packed == pack_again(database, bees)
    assert about["classes"] == ["bee", "wasp", "fly", "花"]
    assert about["labels"] == {"human": 28, "oracle": 2, "machine": 30}
    assert (about["accuracy"]["correct"], about["accuracy"]["total"]) == (27, 30)
    assert about["accuracy"]["low"] < 0.9 < about["accuracy"]["high"]
    assert about["input"] | {"fitting": ""} == {
        "height": 4,
        "width": 4,
        "channels": 1,
        "values": "0 to 255",
        "fitting": "",
    }
    assert card.startswith("# Bees: model 1\n")


def pack_again(database: Database, pool: Pool) -> bytes:
    row = get_model_row(database, 1)
    with database.read() as session:
        merges = read_merges(session, pool)
    return pack_model(pool, merges, row, row.content or b"", row.predictions or b"")


def test_no_database_and_no_tensorflow_is_needed(database: Database, bees: Pool, tmp_path: Path) -> None:
    file = tmp_path / "bees.inkling"
    file.write_bytes(pack(database, bees))
    environment = {"INKLING_DATABASE_URL": "sqlite:////nowhere/inkling.db", "PYTHONIOENCODING": "utf-8"}
    found = subprocess.run(
        [sys.executable, "-c", ALONE, str(file)], capture_output=True, text=True, check=True, cwd=ROOT, env=environment
    )

    assert found.stdout == "fly\n"


def test_a_damaged_file_is_named_and_never_predicts_otherwise(database: Database, bees: Pool) -> None:
    packed = pack(database, bees)
    images = np.stack([draw_row(row) for row in range(4)])
    whole = open_model(packed, "bees.inkling").predict(images)
    n_named = 0
    for place in np.random.default_rng(0).integers(0, len(packed), 300):
        broken = bytearray(packed)
        broken[place] ^= 0xFF
        try:
            found = open_model(bytes(broken), "bees.inkling").predict(images)
        except ModelDamaged as error:
            n_named += 1
            assert "bees.inkling" in error.message
        else:  # a byte that nobody reads, such as a time
            np.testing.assert_array_equal(found, whole)
    assert n_named > 250


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06" + bytes(18)])
def test_another_file_is_named(content: bytes) -> None:
    with pytest.raises(ModelDamaged, match=r"^x\.txt is no model of Inkling"):
        open_model(content, "x.txt")


def test_a_pool_that_got_classes_since_predicts_those_that_the_model_knows(database: Database) -> None:
    pool = add_pool(database, classes=("bee", "wasp", "later"))

    assert open_model(pack(database, pool, content=make_network(4, 4, 1, 2)), "x").classes == ("bee", "wasp")


def test_the_newest_model_is_read_once_and_again_when_there_is_a_newer_one(database: Database, bees: Pool) -> None:
    predictors = Predictors()
    with pytest.raises(NotFound, match="has no model yet"):
        predictors.get_newest(database, "bees")
    add_model(database, bees, content=make_network(4, 4, 1, 4))
    first = predictors.get_newest(database, "bees")
    assert predictors.get_newest(database, "bees").network is first.network
    add_model(database, bees, content=make_network(4, 4, 1, 4))
    assert predictors.get_newest(database, "bees").model_id == first.model_id + 1


def test_a_stored_model_that_is_damaged_is_named(database: Database, bees: Pool) -> None:
    add_model(database, bees)
    with pytest.raises(ModelDamaged, match="Model 1 of Bees is damaged"):
        Predictors().get_newest(database, "bees")


def test_a_class_has_the_name_of_today(database: Database, bees: Pool) -> None:
    predictors = Predictors()
    add_model(database, bees, content=make_network(4, 4, 1, 4))
    predictors.get_newest(database, "bees")
    with database.write() as session:
        rename_class(session, bees, 1, "hornet")

    assert predictors.get_newest(database, "bees").classes == ("bee", "hornet", "fly", "花")


def test_a_merged_class_counts_for_the_one_that_it_was_merged_into(
    database: Database, bees: Pool, ada: Annotator
) -> None:
    predictors, images = Predictors(), np.stack([draw_row(row) for row in range(4)])
    add_model(database, bees, content=make_network(4, 4, 1, 4))
    apart = predictors.get_newest(database, "bees").predict(images)
    with database.write() as session:
        bees = add_classes(session, bees, ["insect"])  # the model does not know it
    merge(database, bees, ada, 2, 0)
    merge(database, bees, ada, 3, 4)
    merged = predictors.get_newest(database, "bees")

    assert merged.classes == ("bee", "wasp", "insect")
    together = np.stack([apart[:, 0] + apart[:, 2], apart[:, 1], apart[:, 3]], axis=1)
    np.testing.assert_array_equal(merged.predict(images), together)
    opened = open_model(pack_again(database, bees), "bees.inkling")
    assert opened.classes == merged.classes
    np.testing.assert_array_equal(opened.predict(images), together)


def test_a_model_is_found_while_another_request_predicts(database: Database, bees: Pool) -> None:
    predictors, begun, go_on = Predictors(), threading.Event(), threading.Event()
    add_model(database, bees, content=make_network(4, 4, 1, 4))
    known = predictors.get_newest(database, "bees")

    def wait(x: Float32) -> Float32:
        begun.set()
        assert go_on.wait(60)
        return x

    slow = replace(known, network=replace(known.network, layers=(wait, *known.network.layers)))
    with ThreadPoolExecutor(2) as threads:
        predicting = threads.submit(predictors.predict, slow, np.stack([draw_row(0)]))
        assert begun.wait(60)
        try:
            found = threads.submit(predictors.get_newest, database, "bees").result(timeout=30)
        finally:
            go_on.set()
        assert predicting.result().shape == (1, 4)
    assert found == known


def test_the_network_alone_is_told_from_the_file_that_predicts(database: Database, bees: Pool) -> None:
    with zipfile.ZipFile(io.BytesIO(pack(database, bees))) as file:
        network = file.read("network.keras")
    with pytest.raises(ModelDamaged, match=r"model-1\.keras is a network for Keras, .* Take the file \.inkling"):
        open_model(network, "model-1.keras")

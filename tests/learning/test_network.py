"""The network to take away: what it learns from, and that Keras alone can use it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from app.learning import network
from app.learning.learner import Classes, Images
from app.learning.network import LEFT_OUT, Targets
from tests.factories.making import make_images

N_CLASSES = 4
ALONE = """
import sys
import keras, numpy as np
file, images, probabilities = sys.argv[1:]
model = keras.saving.load_model(file)
np.save(probabilities, model.predict(np.load(images), verbose=0))
assert not [name for name in sys.modules if name.split(".")[0] == "app"]
"""

tensorflow = pytest.mark.tensorflow


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty steps are enough for patterns."""
    monkeypatch.setattr(network, "EPOCHS", 2)
    monkeypatch.setattr(network, "LEAST_SEEN", 40 * network.BATCH // N_CLASSES)


def patterns(n_images: int, seed: int = 0) -> tuple[Images, Classes]:
    return make_images(n_images, height=8, width=8, n_classes=N_CLASSES, seed=seed)


def by_machine(classes: Classes, given: NDArray[np.int64] | None = None) -> Targets:
    """Labels of a machine that is equally sure of all; those at `given` are a person's."""
    is_given = np.zeros(len(classes), np.bool_)
    is_given[given if given is not None else []] = True
    return Targets(classes, is_given, np.full(len(classes), 0.9, np.float32))


def test_a_given_label_counts_more_than_any_of_the_machines_and_what_it_doubts_counts_least() -> None:
    targets = Targets(
        np.array([0, 1, 2, LEFT_OUT, 1, 0]),
        np.array([True, False, False, False, False, False]),
        np.array([0, 0.9, 0.2, 1, 0.8, 0.7], np.float32),
    )
    weights = targets.weigh()

    assert weights[0] > weights[1]
    assert weights[3] == 0
    assert 0 < weights[2] < weights[1]
    assert weights.dtype == np.float32


def test_every_image_comes_once_before_any_comes_again() -> None:
    kept = np.arange(3, 103)
    drawn = np.concatenate(list(network._draw(kept, 25, np.random.default_rng(0))))

    for start in range(0, len(drawn) - 99, 100):
        assert sorted(drawn[start : start + 100]) == kept.tolist()


@pytest.mark.parametrize(("n_images", "least", "most"), [(20, 1000, 1000), (4000, 1000, 1000), (60_000, 3750, 3750)])
def test_small_pools_are_seen_more_often_and_large_ones_less(
    n_images: int, least: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "EPOCHS", 16)
    monkeypatch.setattr(network, "LEAST_SEEN", 2000)

    assert least <= network._count_steps(n_images, 10) <= most


@tensorflow
def test_keras_alone_reads_the_file_and_finds_the_same(tmp_path: Path) -> None:
    images, classes = patterns(60)
    content = network.train(images, by_machine(classes), N_CLASSES, seed=1)
    file, given, found = (tmp_path / name for name in ("network.keras", "images.npy", "found.npy"))
    file.write_bytes(content)
    np.save(given, images[..., None])
    subprocess.run([sys.executable, "-P", "-c", ALONE, file, given, found], check=True, cwd=tmp_path)

    assert np.allclose(np.load(found), network.predict(content, images), atol=1e-5)


@tensorflow
def test_it_makes_fewer_mistakes_than_the_labels_it_learns_from() -> None:
    images, truth = patterns(800)
    rng = np.random.default_rng(5)
    is_wrong = rng.random(len(truth)) < 0.15
    labels = np.where(is_wrong, (truth + rng.integers(1, N_CLASSES, len(truth))) % N_CLASSES, truth)
    content = network.train(images, by_machine(labels), N_CLASSES, seed=1)
    others, their_truth = patterns(300, seed=9)
    right = network.predict(content, others).argmax(axis=1) == their_truth

    assert is_wrong.mean() > 0.1
    assert 1 - right.mean() < 0.6 * is_wrong.mean()


@tensorflow
def test_what_is_left_out_changes_nothing() -> None:
    images, classes = patterns(50)
    labels = classes.copy()
    labels[10:20] = LEFT_OUT
    other = images.copy()
    other[10:20] = 255 - other[10:20]
    first, second = (
        network.predict(network.train(each, by_machine(labels), N_CLASSES, seed=3), images) for each in (images, other)
    )

    assert np.array_equal(first, second)


@tensorflow
def test_another_seed_gives_another_network() -> None:
    images, classes = patterns(30)
    first, again, other = (
        network.predict(network.train(images, by_machine(classes), N_CLASSES, seed=seed), images) for seed in (1, 1, 2)
    )

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@tensorflow
@pytest.mark.parametrize("shape", [(64, 64, 3), (13, 9), (2, 2)])
def test_images_of_any_size_and_with_colours_are_learned(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "LEAST_SEEN", 40 // N_CLASSES)
    images = np.random.default_rng(0).integers(0, 256, (20, *shape)).astype(np.uint8)
    classes = np.arange(20) % 2
    content = network.train(images, by_machine(classes), 2, seed=1)
    probabilities = network.predict(content, images)

    assert probabilities.shape == (20, 2)
    assert probabilities.dtype == np.float32
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert network.predict(content, images[:0]).shape == (0, 2)


@tensorflow
def test_who_listens_hears_how_far_it_is_and_may_stop_it() -> None:
    images, classes = patterns(30)
    heard: list[tuple[str, float]] = []

    def stop_at_half(step: str, share: float) -> None:
        heard.append((step, share))
        if share >= 0.5:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        network.train(images, by_machine(classes), N_CLASSES, seed=1, on_step=stop_at_half)
    shares = [share for _, share in heard]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert len({step for step, _ in heard}) == 2


def test_without_an_image_to_learn_from_there_is_no_network() -> None:
    images, classes = patterns(10)

    with pytest.raises(ValueError, match="no image"):
        network.train(images, by_machine(np.full_like(classes, LEFT_OUT)), N_CLASSES, seed=1)

"""The network by NumPy alone finds what Keras finds, and a file that is none is named."""

import io
import zipfile

import numpy as np
import pytest

from app.learning import forward
from app.learning.forward import NetworkDamaged, read_network
from tests.factories.networks import make_network


@pytest.mark.tensorflow
@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (45, 51, 3), (9, 8, 1)], ids=str)
def test_it_is_equal_to_keras(shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """After some steps, so that no weight and no running mean is as it began."""
    from app.learning import network_tf

    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (12, *shape)).astype(np.uint8)
    network = network_tf.Network(*shape, 5, n_steps=8, seed=1)
    for _ in range(8):
        wanted = np.eye(5, dtype=np.float32)[rng.integers(0, 5, 12)]
        network.step(images.astype(np.float32), wanted, np.ones(12, np.float32))
    content = network.to_bytes()
    monkeypatch.setattr(forward, "BLOCK_FLOATS", 5 * shape[0] * shape[1] * 72)  # blocks of five images

    found = read_network(content).predict(images)

    expected = network_tf.predict(content, images)
    assert found.dtype == np.float32
    assert expected.max() - expected.min() > 0.01
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=0)


def test_grey_images_need_no_axis_of_channels_and_none_is_no_error() -> None:
    network = read_network(make_network(4, 4, 1, 3))
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 4)).astype(np.uint8)

    np.testing.assert_array_equal(network.predict(images), network.predict(images[..., None]))
    assert network.predict(images[:0]).shape == (0, 3)
    np.testing.assert_allclose(network.predict(images).sum(axis=1), 1, rtol=1e-6)
    with pytest.raises(ValueError, match="images of the shape"):
        network.predict(np.zeros((1, 5, 4), np.uint8))


def test_what_is_no_network_is_named() -> None:
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as file:
        file.writestr("config.json", "{}")
    whole = make_network(4, 4, 1, 3)
    for content in (b"", b"a network", other.getvalue(), whole[: len(whole) // 2], make_network(4, 4, 1, 3, "LSTM")):
        with pytest.raises(NetworkDamaged):
            read_network(content)

"""Each broken or hostile file has its outcome, and the process that decodes serves the next as before."""

from collections.abc import Iterator

import pytest

from app.errors import PictureRefused
from app.pictures import Decoders

from ..factories.drawing import draw, encode
from ..factories.hostile_files import FILES, TAKEN

SHAPE = (16, 16, 3)


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    with Decoders() as decoders:
        yield decoders


@pytest.mark.parametrize("name", FILES)
def test_a_broken_or_hostile_file_is_refused_in_words_or_taken(decoders: Decoders, name: str) -> None:
    make, expected = FILES[name]
    try:
        picture = decoders.decode(make(), SHAPE)
    except PictureRefused as refusal:
        outcome = type(refusal).__name__
        assert refusal.message[0].isupper()
        assert refusal.message.endswith(".")
        assert len(refusal.message) < 400
    else:
        outcome = TAKEN
        assert picture.pixels.shape == SHAPE

    assert outcome == expected
    assert decoders.decode(encode(draw()), SHAPE).width == 48


def test_the_table_is_large_enough() -> None:
    assert len(FILES) >= 60

"""Each broken or hostile source has its outcome, and nothing is written anywhere."""

from pathlib import Path

import pytest

from app.errors import AppError
from app.sources import SourceLimits, open_source

from ..factories.hostile_sources import READ, SOURCES, WHOLE

LIMITS = SourceLimits(entries=2000)


def files_below(path: Path) -> dict[Path, int]:
    return {each: each.lstat().st_mtime_ns for each in path.rglob("*")}


def read_all(path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    try:
        for item in open_source(path, LIMITS):
            found[item.name] = READ if item.refused is None else type(item.refused).__name__
            assert (item.refused is None) == (item.content is not None or item.pixels is not None)
    except AppError as error:
        found[WHOLE] = type(error).__name__
    return found


@pytest.mark.parametrize("name", SOURCES)
def test_a_broken_or_hostile_source_is_read_as_far_as_it_may_be(tmp_path: Path, name: str) -> None:
    make, expected = SOURCES[name]
    inner = tmp_path / "inner"
    inner.mkdir()
    source = make(inner)
    before = files_below(tmp_path)

    assert read_all(source) == expected
    assert files_below(tmp_path) == before


@pytest.mark.parametrize("name", SOURCES)
def test_the_labels_of_a_hostile_source_are_asked_for_without_harm(tmp_path: Path, name: str) -> None:
    make, expected = SOURCES[name]
    source = make(tmp_path)
    try:
        labels = list(open_source(source, LIMITS).labels())
    except AppError as error:
        assert type(error).__name__ == expected[WHOLE]
    else:
        assert len(labels) >= sum(outcome == READ for outcome in expected.values())

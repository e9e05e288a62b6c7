"""Labels that lie beside a source, in a file of their own."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from app.datasets.files import reading
from app.errors import DataSetInvalid, PictureRefused
from app.sources.arrays import number_name, read_idx_labels
from app.sources.item import Item, Source
from app.sources.lists import ENDINGS, REMEDY, find_columns, read_list


def read_labels(path: Path) -> dict[str, str]:
    """Label by name, of a CSV or JSON lines file; or by number, of an IDX file of labels. Empty ones are left out.

    Raises:
        DataSetInvalid: the file is none of these, names an image twice with two labels, or has a damaged line.
    """
    if path.suffix.lower() not in ENDINGS:
        return {number_name(index): label for index, label in enumerate(read_idx_labels(path))}
    with reading(path, REMEDY):
        if find_columns(path).label is None:
            raise ValueError("it has no column of labels")
    labels: dict[str, str] = {}
    for number, row in enumerate(read_list(path), 1):
        if isinstance(row, PictureRefused):
            raise DataSetInvalid(f"{path}, row {number:,}: {row.message}", path=str(path))
        name, label = row
        if label is not None and labels.setdefault(name.removeprefix("./"), label) != label:
            raise DataSetInvalid(f"{path} has two labels for {name}. Leave one.", path=str(path), name=name)
    return labels


class Relabeled:
    """A source with the labels of another file, or with none."""

    def __init__(self, source: Source, labels: Mapping[str, str]) -> None:
        self._source, self._labels = source, labels
        self.description = source.description

    def labels(self) -> Iterator[str | None]:
        """All of the file; for the other items none."""
        given = list(self._labels.values())
        yield from given
        yield from (None for _ in range(sum(1 for _ in self._source.labels()) - len(given)))

    def __iter__(self) -> Iterator[Item]:
        """The items of the source."""
        return (replace(item, label=self._labels.get(item.name)) for item in self._source)

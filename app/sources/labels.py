"""Labels that lie beside a source, in a file of their own."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from app.datasets.files import reading
from app.errors import DataSetInvalid, PictureRefused
from app.sources.arrays import number_name, read_idx_labels
from app.sources.item import Item, Source
from app.sources.lists import ENDINGS, REMEDY, Listed, find_columns, read_list


def read_labels(path: Path) -> dict[str, Listed]:
    """By name, what a CSV or JSON lines file says; or by number an IDX file of labels. Empty labels are left out.

    Raises:
        DataSetInvalid: the file is none of these, names an image twice with two labels, or has a damaged line.
    """
    if path.suffix.lower() not in ENDINGS:
        names = ((number_name(index), label) for index, label in enumerate(read_idx_labels(path)))
        return {name: Listed(name, label, None, None) for name, label in names}
    with reading(path, REMEDY):
        if find_columns(path).label is None:
            raise ValueError("it has no column of labels")
    labels: dict[str, Listed] = {}
    for number, row in enumerate(read_list(path), 1):
        if isinstance(row, PictureRefused):
            raise DataSetInvalid(f"{path}, row {number:,}: {row.message}", path=str(path))
        if row.label is not None and labels.setdefault(row.name.removeprefix("./"), row).label != row.label:
            raise DataSetInvalid(f"{path} has two labels for {row.name}. Leave one.", path=str(path), name=row.name)
    return labels


class Relabeled:
    """A source with the labels of another file, or with none."""

    def __init__(self, source: Source, labels: Mapping[str, Listed]) -> None:
        self._source, self._labels = source, labels
        self.description = source.description

    def labels(self) -> Iterator[str | None]:
        """All of the file; for the other items none."""
        given = [listed.label for listed in self._labels.values()]
        yield from given
        yield from (None for _ in range(sum(1 for _ in self._source.labels()) - len(given)))

    def __iter__(self) -> Iterator[Item]:
        """The items of the source."""
        nothing = Listed("", None, None, None)
        for item in self._source:
            said = self._labels.get(item.name, nothing)
            yield replace(item, label=said.label, annotator=said.annotator, labeled_at=said.labeled_at)

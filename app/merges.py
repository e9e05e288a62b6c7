"""Which classes are merged into which: a fold of the rows of `ClassMerge`. An index never changes its meaning."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Case, SQLColumnExpression, case, select
from sqlalchemy.orm import Session

from app.models import ClassMerge, Pool


@dataclass(frozen=True)
class Merges:
    """All merges of a pool so far, in their order, those that were taken back among them.

    Only classes with a button are merged, and only into such. So what stands is a forest: it has no circle, and a class
    has been merged before the class that it was merged into.
    """

    rows: Sequence[ClassMerge]

    @cached_property
    def taken_back(self) -> dict[int, ClassMerge]:
        """By the id of a merge: the row that took it back."""
        return {row.undoes_id: row for row in self.rows if row.undoes_id is not None}

    @cached_property
    def standing(self) -> dict[int, ClassMerge]:
        """By class: the merge that took its button away."""
        merges = (row for row in self.rows if row.undoes_id is None)
        return {row.from_class: row for row in merges if row.id not in self.taken_back}

    @property
    def last_id(self) -> int:
        """The newest row, which rounds name; 0 before any."""
        return self.rows[-1].id if self.rows else 0

    @property
    def is_settled(self) -> bool:
        """Whether all labels have followed."""
        return all(row.done_at is not None for row in self.rows)

    def resolve(self, value: int) -> int:
        """The class that a class counts for: itself, or where its merges lead."""
        while value in self.standing:
            value = self.standing[value].into_class
        return value

    def as_map(self, n_classes: int) -> NDArray[np.int64] | None:
        """What each class counts for (n_classes,); None if nothing is merged."""
        if not self.standing:
            return None
        return np.array([self.resolve(value) for value in range(n_classes)], np.int64)

    def as_sql(self, column: SQLColumnExpression[int] | SQLColumnExpression[int | None]) -> Case[int | None]:
        """What the class in a column counts for."""
        counted = [(column == value, self.resolve(value)) for value in self.standing]
        return case((column.is_(None), None), *counted, else_=column)


def read_merges(session: Session, pool: Pool, *, until: int | None = None) -> Merges:
    """The merges of a pool; with `until`, as they were after this row."""
    query = select(ClassMerge).where(ClassMerge.pool_id == pool.id).order_by(ClassMerge.id)
    return Merges(session.scalars(query if until is None else query.where(ClassMerge.id <= until)).all())


def apply_map(class_map: NDArray[np.int64] | None, classes: NDArray[np.int64]) -> NDArray[np.int64]:
    """What these classes count for, in the same shape; what is negative is no class, and stays."""
    if class_map is None:
        return classes
    mapped: NDArray[np.int64] = np.where(classes < 0, classes, class_map[np.maximum(classes, 0)])
    return mapped

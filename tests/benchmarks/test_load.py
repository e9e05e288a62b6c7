"""What the load test takes for a fault: each kind is told from what is right."""

import datetime as dt

import pytest

from benchmarks.annotators import Acknowledgement, Handout
from benchmarks.load import LEASE_SECONDS, StoredLabel, given_twice, lost, shared

NOON = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)


def handout(annotator: str, image_id: int, leased_at: float) -> Handout:
    """A lease that began so many seconds after noon."""
    return Handout(annotator, image_id, NOON + dt.timedelta(seconds=leased_at + LEASE_SECONDS))


def test_an_image_is_given_twice_while_somebody_elses_lease_stands() -> None:
    assert given_twice([handout("ada", 7, 0), handout("ben", 7, LEASE_SECONDS - 1)]) == {7}
    assert given_twice([handout("ben", 7, 1), handout("ada", 7, 0)]) == {7}


def test_a_renewed_lease_stands_for_longer() -> None:
    given = [handout("ada", 7, 0), handout("ada", 7, 100), handout("ben", 7, LEASE_SECONDS + 50)]

    assert given_twice(given) == {7}


@pytest.mark.parametrize(
    "given",
    [
        [handout("ada", 7, 0), handout("ben", 8, 0)],
        [handout("ada", 7, 0), handout("ada", 7, 1)],
        [handout("ada", 7, 0), handout("ben", 7, LEASE_SECONDS)],
    ],
    ids=["two images", "one annotator", "a lease that has ended"],
)
def test_it_is_right_to_give_out(given: list[Handout]) -> None:
    assert given_twice(given) == set()


def test_images_of_two_annotators_are_told_from_those_that_come_twice_with_one() -> None:
    assert shared([(7, "ada"), (7, "ben"), (8, "ada"), (8, "ada")]) == {7}


@pytest.mark.parametrize(
    "stored",
    [
        [],
        [StoredLabel("ada", 7, 4, "ada-7", 4)],
        [StoredLabel("ada", 7, 3, "ada-7", None)],
        [StoredLabel("ada", 7, 3, "ada-7", 4)],
        [StoredLabel("ben", 7, 3, "ada-7", 3)],
        [StoredLabel("ada", 7, 3, "ada-8", 3)],
    ],
    ids=["no event", "another value", "no label", "another label", "by another", "another key"],
)
def test_a_label_is_lost(stored: list[StoredLabel]) -> None:
    acknowledged = Acknowledgement("ada", 7, 3, "ada-7")

    assert lost([acknowledged], stored) == [acknowledged]


def test_a_label_that_is_there_is_not_lost() -> None:
    assert lost([Acknowledgement("ada", 7, 3, "ada-7")], [StoredLabel("ada", 7, 3, "ada-7", 3)]) == []

"""The card of a model says what it can and what it cannot."""

import re

from app.accuracy import Accuracy
from app.db import Database
from app.model_cards import write_card
from app.models import Pool, TrainedModel

from .factories.trained import add_model, get_model_row


def card_of(database: Database, pool: Pool, **values: object) -> str:
    model: TrainedModel = get_model_row(database, add_model(database, pool, **values))
    return write_card(pool, model, model.predictions or b"")


def test_the_accuracy_has_its_interval_and_says_what_it_was_counted_on(database: Database, pool: Pool) -> None:
    low, high = Accuracy(27, 30).interval
    card = card_of(database, pool)

    assert f"**90.00%** right (27 of 30; 95 % interval {low:.2%} to {high:.2%})" in card
    assert "the pool’s test images" in card
    assert "drawn by chance" in card_of(database, pool, tested_on="chance")


def test_without_images_to_count_on_no_accuracy_is_claimed(database: Database, pool: Pool) -> None:
    card = card_of(database, pool, tested_on=None, correct=None, total=None)

    assert "Not known" in card
    assert not re.search(r"\d%", card.split("## Use")[0])


def test_the_reason_why_the_accuracy_is_not_known_is_the_true_one(database: Database, pool: Pool) -> None:
    unknown = {"tested_on": None, "correct": None, "total": None}

    assert "no label of an image that was drawn by chance" in card_of(database, pool, **unknown)
    of_one = card_of(database, pool, **unknown, n_human=1, n_oracle=0)
    assert "its only label was needed for the training" in of_one
    assert "by chance" not in of_one


def test_labels_are_told_apart_by_who_gave_them(database: Database, pool: Pool) -> None:
    card = card_of(database, pool)

    assert "Labels by people: 28\n" in card
    assert "Labels by an oracle, from known answers: 2\n" in card
    assert "Labels by a machine, the learner “softmax” of the pool: 30\n" in card


def test_the_classes_are_in_order_and_those_that_are_never_predicted_are_named(database: Database, pool: Pool) -> None:
    card = card_of(database, pool)

    assert "\n0. 0\n1. 1\n" in card
    assert "no image of the pool in these classes: 2, 3, 4, 5, 6, 7, 8, 9." in card
    every = b"".join(index.to_bytes(2, "little") for index in range(10))
    assert "no image of the pool" not in card_of(database, pool, predictions=every)


def test_the_lines_that_load_it_are_python_and_name_the_file(database: Database, pool: Pool) -> None:
    card = card_of(database, pool)
    code = card.split("```python\n")[1].split("```")[0]

    compile(code, "card", "exec")
    assert len(code.splitlines()) == 3
    assert re.search(r'"patterns-model-\d+\.keras"', code)
    assert "(1, 4, 4, 1)" in code

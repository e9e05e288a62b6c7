"""The bodies about models to take away."""

import datetime as dt
from typing import Self

from pydantic import BaseModel, Field

from app.model_cards import get_accuracy
from app.models import RunStatus, TestedOn, TrainedModel
from app.trained_models import MAX_SEED
from app.web.api.schemas import AccuracyOut, Strict


class ModelIn(Strict):
    """The same labels and the same seed give the same model, on one machine."""

    seed: int = Field(default=0, ge=0, le=MAX_SEED)


class ModelLabelsOut(BaseModel):
    """How many images a model was trained on, by who gave their labels. `machine` is the pool's learner."""

    human: int
    oracle: int
    machine: int


class ModelOut(BaseModel):
    """A model to take away, and how far its training is: `step` in words, `share` from 0 to 1.

    `accuracy` counts images that it was not trained on: the pool's test images (`tested_on` is `test`), or images that
    were asked by chance. It is null until the model is done, and where there are no such images. `round` is the pool's
    newest round when it was trained.
    """

    id: int
    status: RunStatus
    step: str
    share: float
    seed: int
    round: int | None
    labels: ModelLabelsOut | None
    tested_on: TestedOn | None
    accuracy: AccuracyOut | None
    train_ms: float | None
    error: str | None
    created_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None

    @classmethod
    def of(cls, model: TrainedModel) -> Self:
        accuracy = get_accuracy(model)
        return cls(
            id=model.id,
            status=model.status,
            step=model.step,
            share=model.share,
            seed=model.seed,
            round=model.round,
            labels=_labels_of(model),
            tested_on=model.tested_on,
            accuracy=AccuracyOut.of(accuracy.correct, accuracy.total) if accuracy else None,
            train_ms=None if model.train_ms is None else round(model.train_ms),
            error=model.error,
            created_at=model.created_at,
            started_at=model.started_at,
            finished_at=model.finished_at,
        )


def _labels_of(model: TrainedModel) -> ModelLabelsOut | None:
    if model.n_human is None or model.n_oracle is None or model.n_machine is None:
        return None
    return ModelLabelsOut(human=model.n_human, oracle=model.n_oracle, machine=model.n_machine)

"""The second opinion: what the newest trained model of a pool predicts, for the learner to compare itself with."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.learning.names import PREPARING
from app.models import Pool, TrainedModel


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a trained model predicts for the images (N,) of its pool: classes, -1 where it predicts none."""

    trained_model_id: int
    classes: NDArray[np.int64]


def find_opinion(session: Session, pool: Pool) -> Opinion | None:
    """The predictions of the pool's newest trained model, if its learner asks for a second opinion."""
    if pool.learner not in PREPARING:
        return None
    newest = (
        select(TrainedModel.id)
        .where(TrainedModel.pool_id == pool.id, TrainedModel.status == "done", TrainedModel.predictions.is_not(None))
        .order_by(TrainedModel.id.desc())
        .limit(1)
    )
    trained_model_id = session.scalar(newest)
    return None if trained_model_id is None else read_opinion(session, pool, trained_model_id)


def read_opinion(session: Session, pool: Pool, trained_model_id: int) -> Opinion:
    """The predictions of one trained model. It knew the first images of the pool; others may have come since."""
    stored = session.scalar(select(TrainedModel.predictions).where(TrainedModel.id == trained_model_id))
    classes = np.full(pool.n_images, -1)
    known = np.frombuffer(stored or b"", "<u2")[: pool.n_images]
    classes[: len(known)] = known
    return Opinion(trained_model_id, classes)

"""The bodies about people: who is logged in, who works, what the audit holds."""

import datetime as dt
from typing import Self

from pydantic import BaseModel, ConfigDict

from app.annotators import AnnotatorWork
from app.models import Role
from app.web.api.schemas import AccuracyOut


class AnnotatorOut(BaseModel):
    """An annotator's work in a pool. Agreement counts current answers that had a prediction, or a known truth.

    `agrees_with_truth` is null to annotators: it would tell them the true class of each image.
    """

    name: str
    role: Role
    labels: int
    skips: int
    flags: int
    held: int
    labels_last_hour: int
    seconds_per_label: float | None
    agrees_with_model: AccuracyOut | None
    agrees_with_truth: AccuracyOut | None
    last_event_at: dt.datetime | None

    @classmethod
    def of(cls, work: AnnotatorWork) -> Self:
        return cls(
            name=work.name,
            role=work.role,
            labels=work.labels,
            skips=work.skips,
            flags=work.flags,
            held=work.held,
            labels_last_hour=work.labels_last_hour,
            seconds_per_label=work.seconds_per_label,
            agrees_with_model=AccuracyOut.of(*work.model_agreement) if work.model_agreement[1] else None,
            agrees_with_truth=AccuracyOut.of(*work.truth_agreement) if work.truth_agreement[1] else None,
            last_event_at=work.last_event_at,
        )


class RevokedOut(BaseModel):
    """How many labels were undone."""

    revoked: int


class CallerOut(BaseModel):
    """Who is logged in; `open` says that the server has no accounts, and every caller is an admin."""

    name: str
    role: Role
    open: bool


class AuditEntryOut(BaseModel):
    """A login, a failed login, or a change of an account. `actor` did it; null: a login, or a command."""

    id: int
    at: dt.datetime
    action: str
    name: str
    actor: str | None
    address: str | None
    request_id: str | None

    model_config = ConfigDict(from_attributes=True)

"""The tables. The schema carries the guarantees: each CHECK is a rule, each index names the query it serves."""

from app.models.base import (
    LOCAL,
    ORACLE,
    AskedBy,
    AutolabelStatus,
    Base,
    EventKind,
    Role,
    RunStatus,
    Source,
    Split,
    TokenKind,
    TrainerState,
    UtcDateTime,
)
from app.models.labels import Answer, Autolabel, Label, LabelEvent, Lease, Skip
from app.models.people import AccessToken, Annotator, AuditEntry, ServerSecret
from app.models.pools import Blob, FeatureSet, Image, Pool
from app.models.rounds import ChangeRow, FailedRound, OracleRun, RankedImage, Round, TrainerStatus

__all__ = [
    "LOCAL",
    "ORACLE",
    "AccessToken",
    "Annotator",
    "Answer",
    "AskedBy",
    "AuditEntry",
    "Autolabel",
    "AutolabelStatus",
    "Base",
    "Blob",
    "ChangeRow",
    "EventKind",
    "FailedRound",
    "FeatureSet",
    "Image",
    "Label",
    "LabelEvent",
    "Lease",
    "OracleRun",
    "Pool",
    "RankedImage",
    "Role",
    "Round",
    "RunStatus",
    "ServerSecret",
    "Skip",
    "Source",
    "Split",
    "TokenKind",
    "TrainerState",
    "TrainerStatus",
    "UtcDateTime",
]

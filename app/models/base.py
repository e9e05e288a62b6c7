"""What all tables share: the types of their columns, and the naming of their constraints."""

import datetime as dt
from typing import Any, Literal

from sqlalchemy import JSON, CheckConstraint, DateTime, MetaData
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import String, TypeDecorator

from app.learning.names import LearnerName, Strategy

Split = Literal["pool", "validation", "test"]
AccountRole = Literal["admin", "annotator"]
Role = Literal["admin", "annotator", "oracle"]
EventKind = Literal["label", "change", "skip", "flag", "undo"]
TokenKind = Literal["session", "api"]
Source = Literal["human", "oracle", "model"]
AskedBy = Literal["strategy", "chance", "review"]
AutolabelStatus = Literal["auditing", "accepted", "rejected", "withdrawn"]
ORACLE = "oracle"  # the name of the annotator that knows the truth: no other may have it
LOCAL = "local"  # the annotator of requests that name none, on a server without accounts
RunStatus = Literal["queued", "running", "done", "failed", "stopped"]
TrainerState = Literal["loading", "ready"]
TestedOn = Literal["test", "chance"]
HookEvent = Literal["round_stored", "goal_reached", "pool_finished", "test"]
DeliveryStatus = Literal["waiting", "delivered", "given_up"]


def one_of(column: str, values: str) -> CheckConstraint:
    """The rule that a column has one of these values, given with spaces between them."""
    quoted = ", ".join(f"'{value}'" for value in values.split())
    return CheckConstraint(f"{column} IN ({quoted})", name=f"{column}_is_known")


class UtcDateTime(TypeDecorator[dt.datetime]):
    """An aware UTC datetime; SQLite keeps no time zones, so it is stored without one."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(dt.UTC).replace(tzinfo=None)

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:  # noqa: ARG002
        return None if value is None else value.replace(tzinfo=dt.UTC)


class Base(DeclarativeBase):
    """All tables share one naming of constraints, so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy reads it from the class)
        dt.datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[str]: JSON,
        list[int]: JSON,
        Split: String(10),
        AccountRole: String(10),
        Role: String(10),
        EventKind: String(10),
        TokenKind: String(10),
        Source: String(10),
        AskedBy: String(10),
        LearnerName: String(10),
        Strategy: String(20),
        AutolabelStatus: String(10),
        RunStatus: String(10),
        TrainerState: String(10),
        TestedOn: String(10),
        HookEvent: String(20),
        DeliveryStatus: String(10),
    }

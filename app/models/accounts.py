"""Annotators, the credentials of those who are users, and the audit."""

import datetime as dt

from sqlalchemy import CheckConstraint, ForeignKey, Index, false
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.types import String

from app.models.base import AccountRole, Base, Role, TokenKind, one_of


class Annotator(Base):
    """Who answers: a person, a script, or the oracle. With a password it is a user, who may log in."""

    __tablename__ = "annotator"
    __table_args__ = (one_of("role", "admin annotator oracle"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[Role]
    password_hash: Mapped[str | None] = mapped_column(String(255))  # null: not an account, cannot log in
    is_disabled: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[dt.datetime]


class AccessToken(Base):
    """What a script or a logged-in browser shows instead of a password. Only its SHA-256 is stored."""

    __tablename__ = "access_token"
    __table_args__ = (
        one_of("kind", "session api"),
        Index("ix_access_token_annotator", "annotator_id"),  # all tokens of one user, to revoke them
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"))
    kind: Mapped[TokenKind]
    name: Mapped[str] = mapped_column(String(64))  # what it is for, as its owner says
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime | None]
    revoked_at: Mapped[dt.datetime | None]

    annotator: Mapped[Annotator] = relationship()


class Invitation(Base):
    """A link with which somebody sets a password, once: for a new account, or anew for one that is there.

    Only the SHA-256 of its token is stored. A link for a new account has a role and perhaps a name; without a name the
    person chooses one. A link for an account that is there has `annotator_id` alone.
    """

    __tablename__ = "invitation"
    __table_args__ = (
        one_of("role", "admin annotator"),
        CheckConstraint("(annotator_id IS NULL) = (role IS NOT NULL)", name="makes_an_account_or_is_for_one"),
        CheckConstraint("annotator_id IS NULL OR name IS NULL", name="only_a_new_account_is_named"),
        CheckConstraint("used_at IS NULL OR revoked_at IS NULL", name="is_used_or_revoked"),
        CheckConstraint("length(sha256) = 64", name="sha256_is_hexadecimal"),
        CheckConstraint("expires_at > created_at", name="lasts_a_while"),
        Index("ix_invitation_annotator", "annotator_id"),  # the links of one account, to revoke them
        Index("ix_invitation_inviter", "inviter_id"),  # those that an admin made, to revoke them with the role
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    annotator_id: Mapped[int | None] = mapped_column(ForeignKey("annotator.id"))
    name: Mapped[str | None] = mapped_column(String(64))
    role: Mapped[AccountRole | None]
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    inviter_id: Mapped[int | None] = mapped_column(ForeignKey("annotator.id"))  # null: the command line
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    used_at: Mapped[dt.datetime | None]
    revoked_at: Mapped[dt.datetime | None]

    annotator: Mapped[Annotator | None] = relationship(foreign_keys=annotator_id)
    inviter: Mapped[Annotator | None] = relationship(foreign_keys=inviter_id)


class ServerSecret(Base):
    """The key that signs cookies: one row, created when it is first needed."""

    __tablename__ = "server_secret"
    __table_args__ = (CheckConstraint("id = 1", name="there_is_one"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(String(64))


class AuditEntry(Base):
    """A login, a failed login, or an act on an account or a whole pool. Append-only, like label events."""

    __tablename__ = "audit_entry"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[dt.datetime]
    action: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(64))  # as given; it need not be an account's. A pool's: its slug
    actor: Mapped[str | None] = mapped_column(String(64))  # who did it; null: a login, or a command
    address: Mapped[str | None] = mapped_column(String(64))
    request_id: Mapped[str | None] = mapped_column(String(40))

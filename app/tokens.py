"""Tokens for scripts and sessions of browsers. Only hashes are stored."""

import datetime as dt
import hashlib
import secrets
from collections.abc import Sequence

from sqlalchemy import ColumnElement, CursorResult, bindparam, delete, select, update
from sqlalchemy.orm import Session, joinedload

from app.audit import COMMAND, Actor, record_audit
from app.errors import AccountDisabled, NotFound
from app.models import AccessToken, Annotator, ServerSecret, TokenKind

# Every request runs this. It is built once, because building it takes longer than running it.
_TOKEN = (
    select(AccessToken)
    .where(
        AccessToken.sha256 == bindparam("sha256"),
        AccessToken.kind == bindparam("kind"),
        AccessToken.revoked_at.is_(None),
    )
    .options(joinedload(AccessToken.annotator, innerjoin=True))
)


def create_token(
    session: Session,
    annotator: Annotator,
    kind: TokenKind,
    name: str,
    *,
    now: dt.datetime,
    lifetime: dt.timedelta | None = None,
    by: Actor = COMMAND,
) -> str:
    """Create a token, in plain text. It cannot be shown again: only its hash is stored.

    Raises:
        AccountDisabled: a disabled account gets no token; enabling it would revoke the token again.
    """
    ensure_enabled(session.get_one(Annotator, annotator.id))
    plain = new_token()
    session.add(
        AccessToken(
            annotator_id=annotator.id,
            kind=kind,
            name=name,
            sha256=digest(plain),
            created_at=now,
            expires_at=None if lifetime is None else now + lifetime,
        )
    )
    if kind == "api":
        record_audit(session, "token created", annotator.name, by=by, now=now)
    return plain


def ensure_enabled(account: Annotator) -> None:
    """
    Raises:
        AccountDisabled: nothing that lets somebody in is made for a disabled account.
    """
    if account.is_disabled:
        raise AccountDisabled(
            f"The account {account.name} is disabled. Enable it first.",
            hint=f"The command is: inkling user enable {account.name}",
            name=account.name,
        )


def find_token(session: Session, plain: str, kind: TokenKind, *, now: dt.datetime) -> AccessToken | None:
    """The token with its annotator; None if it is unknown, revoked or expired, or the account is disabled."""
    token = session.scalar(_TOKEN, {"sha256": digest(plain), "kind": kind})
    if token is None or token.annotator.is_disabled or (token.expires_at is not None and token.expires_at <= now):
        return None
    return token


def list_tokens(session: Session, *, annotator_id: int | None = None) -> Sequence[AccessToken]:
    """The tokens of scripts that are not revoked, expired ones too, with their annotators; of all, or of one."""
    query = select(AccessToken).where(AccessToken.kind == "api", AccessToken.revoked_at.is_(None))
    if annotator_id is not None:
        query = query.where(AccessToken.annotator_id == annotator_id)
    with_owner = joinedload(AccessToken.annotator, innerjoin=True)
    return session.scalars(query.options(with_owner).order_by(AccessToken.id)).all()


def revoke_token(
    session: Session, token_id: int, *, now: dt.datetime, annotator_id: int | None = None, by: Actor = COMMAND
) -> AccessToken:
    """End a token at once. With `annotator_id` it has to be theirs.

    Raises:
        NotFound: there is no such token in force.
    """
    which = [AccessToken.id == token_id, AccessToken.kind == "api"]
    if annotator_id is not None:
        which.append(AccessToken.annotator_id == annotator_id)
    if not _revoke(session, *which, now=now):
        raise NotFound(
            f"There is no token {token_id} in force.", hint="`inkling token list` shows them.", token_id=token_id
        )
    token = session.get_one(AccessToken, token_id)
    record_audit(session, "token revoked", token.annotator.name, by=by, now=now)
    return token


def revoke_all(session: Session, annotator: Annotator, kind: TokenKind | None = None, *, now: dt.datetime) -> None:
    """End all tokens and sessions of an account, or those of one kind."""
    of_kind = () if kind is None else (AccessToken.kind == kind,)
    _revoke(session, AccessToken.annotator_id == annotator.id, *of_kind, now=now)


def end_session(session: Session, plain: str, *, now: dt.datetime) -> None:
    """Log out: revoke this session's token."""
    _revoke(session, AccessToken.sha256 == digest(plain), AccessToken.kind == "session", now=now)


def forget_ended_sessions(session: Session, *, now: dt.datetime) -> None:
    """Delete the revoked and expired tokens of browsers."""
    is_over = AccessToken.revoked_at.is_not(None) | (AccessToken.expires_at <= now)
    session.execute(delete(AccessToken).where(AccessToken.kind == "session", is_over))


def ensure_secret(session: Session) -> str:
    """The key that signs cookies, created by the first call. Needs a session that may write."""
    row = session.get(ServerSecret, 1)
    if row is None:
        row = ServerSecret(id=1, value=secrets.token_hex(32))
        session.add(row)
        session.flush()
    return row.value


def _revoke(session: Session, *which: ColumnElement[bool], now: dt.datetime) -> bool:
    revoked = session.execute(
        update(AccessToken).where(AccessToken.revoked_at.is_(None), *which).values(revoked_at=now)
    )
    assert isinstance(revoked, CursorResult)  # an UPDATE's result has a row count
    return revoked.rowcount > 0


def new_token() -> str:
    """256 random bits as text for an address or a header."""
    return secrets.token_urlsafe(32)


def digest(plain: str) -> str:
    """What is stored of a token. It is 256 random bits: a plain hash is enough, and quick enough for each request."""
    return hashlib.sha256(plain.encode()).hexdigest()

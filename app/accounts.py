"""Users and their credentials: passwords, tokens for scripts, sessions of browsers. Only hashes are stored."""

import datetime as dt
import hashlib
import secrets
from collections.abc import Sequence

from sqlalchemy import ColumnElement, CursorResult, bindparam, delete, select, update
from sqlalchemy.orm import Session, joinedload

from app.audit import record_audit
from app.changes import Change, note
from app.errors import AccountDisabled, NameTaken, NotFound, WrongLogin
from app.models import ORACLE, AccessToken, Annotator, Lease, Role, ServerSecret, TokenKind
from app.names import check_name, looks_like, normalize
from app.passwords import HashedPassword, is_right

# Every request runs these. They are built once, because building one takes longer than running it.
_ANY_ACCOUNT = select(Annotator.id).where(Annotator.password_hash.is_not(None)).limit(1)
_TOKEN = (
    select(AccessToken)
    .where(
        AccessToken.sha256 == bindparam("sha256"),
        AccessToken.kind == bindparam("kind"),
        AccessToken.revoked_at.is_(None),
    )
    .options(joinedload(AccessToken.annotator, innerjoin=True))
)


def has_accounts(session: Session) -> bool:
    """Whether there is an account, disabled or not: from the first one on every request needs a session or a token."""
    return session.connection().scalar(_ANY_ACCOUNT) is not None


def list_accounts(session: Session) -> Sequence[Annotator]:
    """All accounts, by name."""
    return session.scalars(select(Annotator).where(Annotator.password_hash.is_not(None)).order_by(Annotator.name)).all()


def add_account(session: Session, name: str, role: Role, password: HashedPassword, *, now: dt.datetime) -> Annotator:
    """Create an account. An annotator who labeled under this name before keeps the labels.

    Raises:
        NameInvalid
        NameTaken: there is such an account or one whose name looks like it, or the name is the oracle's.
    """
    name = check_name(name)
    for taken in (ORACLE, *(account.name for account in list_accounts(session))):
        if looks_like(name, taken):
            raise NameTaken(f"There is an account {taken} already. Choose a name that looks different.", name=taken)
    annotator = find_annotator(session, name)
    if annotator is None:
        annotator = Annotator(name=name, created_at=now)
        session.add(annotator)
    annotator.role = role
    annotator.password_hash = password
    session.flush()
    record_audit(session, f"{role} added", name, now=now)
    return annotator


def set_password(session: Session, name: str, password: HashedPassword, *, now: dt.datetime) -> None:
    """Set a new password, and revoke the sessions opened with the old one.

    Raises:
        NotFound: there is no such account.
    """
    annotator = get_account(session, name)
    annotator.password_hash = password
    _revoke(session, AccessToken.annotator_id == annotator.id, AccessToken.kind == "session", now=now)
    record_audit(session, "password set", annotator.name, now=now)


def set_disabled(session: Session, name: str, is_disabled: bool, *, now: dt.datetime) -> None:
    """Disable an account and free what it held, or enable a disabled one. Its sessions and tokens are revoked.

    Raises:
        NotFound: there is no such account.
    """
    annotator = get_account(session, name)
    if not is_disabled and not annotator.is_disabled:
        return  # it is enabled already: its sessions go on
    annotator.is_disabled = is_disabled
    _revoke(session, AccessToken.annotator_id == annotator.id, now=now)
    if is_disabled:
        freed = delete(Lease).where(Lease.annotator_id == annotator.id).returning(Lease.pool_id)
        for pool_id in set(session.scalars(freed)):
            note(session, Change("leases", pool_id))  # others may wait for one of them
    record_audit(session, "account disabled" if is_disabled else "account enabled", annotator.name, now=now)


def get_account(session: Session, name: str) -> Annotator:
    """
    Raises:
        NotFound: there is no such account.
    """
    account = find_annotator(session, name)
    if account is None or account.password_hash is None:
        raise NotFound(f"There is no account {name}. `inkling user list` shows them.", name=name)
    return account


def find_annotator(session: Session, name: str) -> Annotator | None:
    """The annotator of this name as it was typed, or else of its normalized spelling."""
    found = session.scalars(select(Annotator).where(Annotator.name.in_((name, normalize(name))))).all()
    return next((each for each in found if each.name == name), next(iter(found), None))


def check_password(annotator: Annotator | None, password: str) -> Annotator:
    """The account, if this is its password. An unknown account is refused no sooner than a wrong password.

    Hashing takes long, so it needs no session: `confirm` checks again in the transaction that acts on the account.

    Raises:
        WrongLogin: no such account, a wrong password, or an account that is disabled: all alike.
    """
    right = is_right(password, annotator.password_hash if annotator else None)
    if annotator is None or annotator.is_disabled or not right:
        raise _wrong_login()
    return annotator


def confirm(session: Session, checked: Annotator) -> Annotator:
    """The account whose password was checked, read again: another process may have changed it meanwhile.

    Raises:
        WrongLogin: its password was changed, or it was disabled.
    """
    current = session.get_one(Annotator, checked.id, populate_existing=True)
    if current.password_hash != checked.password_hash or current.is_disabled:
        raise _wrong_login()
    return current


def create_token(
    session: Session,
    annotator: Annotator,
    kind: TokenKind,
    name: str,
    *,
    now: dt.datetime,
    lifetime: dt.timedelta | None = None,
) -> str:
    """Create a token, in plain text. It cannot be shown again: only its hash is stored.

    Raises:
        AccountDisabled: a disabled account gets no token; enabling it would revoke the token again.
    """
    if session.get_one(Annotator, annotator.id).is_disabled:
        raise AccountDisabled(
            f"The account {annotator.name} is disabled. Enable it first.",
            hint=f"The command is: inkling user enable {annotator.name}",
            name=annotator.name,
        )
    plain = secrets.token_urlsafe(32)
    session.add(
        AccessToken(
            annotator_id=annotator.id,
            kind=kind,
            name=name,
            sha256=_digest(plain),
            created_at=now,
            expires_at=None if lifetime is None else now + lifetime,
        )
    )
    if kind == "api":
        record_audit(session, "token created", annotator.name, now=now)
    return plain


def find_token(session: Session, plain: str, kind: TokenKind, *, now: dt.datetime) -> AccessToken | None:
    """The token with its annotator; None if it is unknown, revoked or expired, or the account is disabled."""
    token = session.scalar(_TOKEN, {"sha256": _digest(plain), "kind": kind})
    if token is None or token.annotator.is_disabled or (token.expires_at is not None and token.expires_at <= now):
        return None
    return token


def list_tokens(session: Session) -> Sequence[AccessToken]:
    """The tokens of scripts that are in force, with their annotators."""
    return session.scalars(
        select(AccessToken)
        .where(AccessToken.kind == "api", AccessToken.revoked_at.is_(None))
        .options(joinedload(AccessToken.annotator, innerjoin=True))
        .order_by(AccessToken.id)
    ).all()


def revoke_token(session: Session, token_id: int, *, now: dt.datetime) -> None:
    """End a token at once.

    Raises:
        NotFound: there is no such token in force.
    """
    if not _revoke(session, AccessToken.id == token_id, AccessToken.kind == "api", now=now):
        raise NotFound(f"There is no token {token_id} in force. `inkling token list` shows them.", token_id=token_id)
    token = session.get_one(AccessToken, token_id)
    record_audit(session, "token revoked", token.annotator.name, now=now)


def end_session(session: Session, plain: str, *, now: dt.datetime) -> None:
    """Log out: revoke this session's token."""
    _revoke(session, AccessToken.sha256 == _digest(plain), AccessToken.kind == "session", now=now)


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


def _digest(plain: str) -> str:
    # A token is 256 random bits: a plain hash is enough, and quick enough for each request.
    return hashlib.sha256(plain.encode()).hexdigest()


def _wrong_login() -> WrongLogin:
    return WrongLogin("The name or the password is wrong. Check both; an admin can set a new password.")

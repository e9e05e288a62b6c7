"""Users: who may log in, with which role and password. Only the hashes of passwords are stored."""

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from app import tokens
from app.audit import COMMAND, Actor, record_audit
from app.changes import Change, note
from app.errors import LastAdmin, NameTaken, NoAccountsYet, NotAllowed, NotFound, WrongLogin
from app.models import ORACLE, AccountRole, Annotator, Invitation, Lease
from app.names import check_name, looks_like, normalize
from app.passwords import HashedPassword, is_right

# Every request runs this until there is an account. It is built once, because building it takes longer than running it.
_ANY_ACCOUNT = select(Annotator.id).where(Annotator.password_hash.is_not(None)).limit(1)
_ENABLED_ADMINS = select(Annotator.id).where(
    Annotator.role == "admin", Annotator.password_hash.is_not(None), Annotator.is_disabled.is_(False)
)


def has_accounts(session: Session) -> bool:
    """Whether there is an account, disabled or not: from the first one on every request needs a session or a token."""
    return session.connection().scalar(_ANY_ACCOUNT) is not None


def ensure_accounts(session: Session) -> None:
    """
    Raises:
        NoAccountsYet: nobody may be let in, and no token be made, before there is an account to act for.
    """
    if not has_accounts(session):
        raise NoAccountsYet(
            "This server has no accounts yet. The first admin is made on its machine, and can invite others.",
            hint="The command is: inkling user add NAME --admin",
        )


def list_accounts(session: Session) -> Sequence[Annotator]:
    """All accounts, by name."""
    return session.scalars(select(Annotator).where(Annotator.password_hash.is_not(None)).order_by(Annotator.name)).all()


def add_account(
    session: Session,
    name: str,
    role: AccountRole,
    password: HashedPassword,
    *,
    now: dt.datetime,
    by: Actor = COMMAND,
) -> Annotator:
    """Create an account. An annotator who labeled under this name before keeps the labels.

    Open invitations for this name are revoked.

    Raises:
        NameInvalid
        NameTaken: there is such an account or one whose name looks like it, or the name is the oracle's.
    """
    name = check_new_name(session, name)
    annotator = find_annotator(session, name)
    if annotator is None:
        annotator = Annotator(name=name, created_at=now)
        session.add(annotator)
    annotator.role = role
    annotator.password_hash = password
    session.flush()
    _withdraw(session, Invitation.name == name, now=now)
    record_audit(session, f"{role} added", name, by=by, now=now)
    return annotator


def check_new_name(session: Session, name: str) -> str:
    """The name as an account would have it.

    Raises:
        NameInvalid
        NameTaken: there is such an account or one whose name looks like it, or the name is the oracle's.
    """
    name = check_name(name)
    for taken in (ORACLE, *(account.name for account in list_accounts(session))):
        if looks_like(name, taken):
            raise NameTaken(f"There is an account {taken} already. Choose a name that looks different.", name=taken)
    return name


def set_password(
    session: Session,
    name: str,
    password: HashedPassword,
    *,
    keep_tokens: bool = False,
    now: dt.datetime,
    by: Actor = COMMAND,
) -> Annotator:
    """Set a new password, and revoke the sessions opened with the old one and the links that could set another.

    Tokens for scripts are revoked, too, because whoever had taken the account may have made one; not with
    `keep_tokens`, for somebody who knows the old password.

    Raises:
        NotFound: there is no such account.
    """
    annotator = get_account(session, name)
    annotator.password_hash = password
    tokens.revoke_all(session, annotator, "session" if keep_tokens else None, now=now)
    _withdraw(session, Invitation.annotator_id == annotator.id, now=now)
    record_audit(session, "password set", annotator.name, by=by, now=now)
    return annotator


def set_role(session: Session, name: str, role: AccountRole, *, now: dt.datetime, by: Actor = COMMAND) -> Annotator:
    """Make an admin of an annotator, or the other way round. The invitations that an admin made end with the role.

    Raises:
        NotFound: there is no such account.
        LastAdmin: no other enabled admin would be left.
    """
    annotator = get_account(session, name)
    if annotator.role == role:
        return annotator
    if role != "admin":
        _lose_admin(session, annotator, now=now)
    annotator.role = role
    record_audit(session, f"made {role}", annotator.name, by=by, now=now)
    return annotator


def set_disabled(session: Session, name: str, is_disabled: bool, *, now: dt.datetime, by: Actor = COMMAND) -> Annotator:
    """Disable an account and free what it held, or enable a disabled one. Its sessions and tokens are revoked.

    So are its links for a new password and the invitations that it made.

    Raises:
        NotFound: there is no such account.
        LastAdmin: no other enabled admin would be left.
    """
    annotator = get_account(session, name)
    if is_disabled == annotator.is_disabled and not is_disabled:
        return annotator  # it is enabled already: its sessions go on
    if is_disabled:
        _lose_admin(session, annotator, now=now)
        _withdraw(session, Invitation.annotator_id == annotator.id, now=now)
        _free_leases(session, annotator)
    annotator.is_disabled = is_disabled
    tokens.revoke_all(session, annotator, now=now)
    record_audit(session, "account disabled" if is_disabled else "account enabled", annotator.name, by=by, now=now)
    return annotator


def get_account(session: Session, name: str) -> Annotator:
    """
    Raises:
        NotFound: there is no such account.
    """
    account = find_annotator(session, name)
    if account is None or account.password_hash is None:
        raise NotFound(f"There is no account {name}.", hint="`inkling user list` shows them.", name=name)
    return account


def ensure_may(session: Session, account_id: int, *, as_admin: bool) -> Annotator:
    """The account, read again in the transaction in which it acts: another may have changed it since it was identified.

    Raises:
        NotAllowed: it was disabled meanwhile, or only admins may do this and it is none any more.
    """
    account = session.get_one(Annotator, account_id, populate_existing=True)
    if account.is_disabled or (as_admin and account.role != "admin"):
        raise NotAllowed(f"The account {account.name} may not do this any more.", name=account.name)
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


def _lose_admin(session: Session, annotator: Annotator, *, now: dt.datetime) -> None:
    """Before an account stops to be an enabled admin. Writers take turns, so no other admin is lost meanwhile.

    Raises:
        LastAdmin: it is the last one.
    """
    if annotator.role != "admin" or annotator.is_disabled:
        return
    if session.scalar(_ENABLED_ADMINS.where(Annotator.id != annotator.id).limit(1)) is None:
        raise LastAdmin(
            f"{annotator.name} is the last enabled admin. Make another account an admin first.",
            hint="The command is: inkling user role NAME admin",
            name=annotator.name,
        )
    _withdraw(session, Invitation.inviter_id == annotator.id, now=now)


def _withdraw(session: Session, which: ColumnElement[bool], *, now: dt.datetime) -> None:
    is_open = Invitation.used_at.is_(None) & Invitation.revoked_at.is_(None)
    session.execute(update(Invitation).where(is_open, which).values(revoked_at=now))


def _free_leases(session: Session, annotator: Annotator) -> None:
    freed = delete(Lease).where(Lease.annotator_id == annotator.id).returning(Lease.pool_id)
    for pool_id in set(session.scalars(freed)):
        note(session, Change("leases", pool_id))  # others may wait for one of them


def _wrong_login() -> WrongLogin:
    return WrongLogin("The name or the password is wrong. Check both; an admin can set a new password.")

"""Links with which somebody sets a password, once: for a new account, or anew for one that is there.

The token in a link is shown when the link is made, and only its hash is stored. Opening a link changes nothing; the
password that is sent with it claims it.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session, joinedload

from app import accounts
from app.audit import COMMAND, Actor, record_audit
from app.errors import InvitationNotFound, NameTaken, NotFound
from app.models import AccountRole, Annotator, Invitation
from app.passwords import HashedPassword
from app.tokens import digest, ensure_enabled, new_token

JOIN_PATH = "/join/"  # of a link; behind it is its token
DAYS = 7  # how long a link can be used, if nothing else is said
MAX_DAYS = 30
LEFT_OPEN = "(left open)"  # in the audit, of a name that the person chooses; no account can be named so


@dataclass(frozen=True, slots=True)
class Made:
    """An invitation that was just made. `path` ends with its token, which cannot be shown again."""

    invitation: Invitation
    path: str


def invite(
    session: Session, name: str | None, role: AccountRole, *, now: dt.datetime, days: int = DAYS, by: Actor = COMMAND
) -> Made:
    """Make a link for a new account; without a name the person chooses it. An older link for the name is revoked.

    Raises:
        NoAccountsYet: from `accounts.ensure_accounts`.
        NameInvalid
        NameTaken: there is an account of this name or one that looks like it.
    """
    accounts.ensure_accounts(session)
    if name is not None:
        name = accounts.check_new_name(session, name)
        _withdraw(session, Invitation.name == name, now=now)
    return _make(session, Invitation(name=name, role=role), now=now, days=days, by=by)


def offer_password(session: Session, name: str, *, now: dt.datetime, days: int = DAYS, by: Actor = COMMAND) -> Made:
    """Make a link for a new password of an account. The old password is right until the link is used.

    An older link for this account is revoked.

    Raises:
        NotFound: there is no such account.
        AccountDisabled: a link would not let anybody in.
    """
    account = accounts.get_account(session, name)
    ensure_enabled(account)
    _withdraw(session, Invitation.annotator_id == account.id, now=now)
    return _make(session, Invitation(annotator=account), now=now, days=days, by=by)


def find_invitation(session: Session, plain: str, *, now: dt.datetime) -> Invitation:
    """The invitation with this token, with its account if it is for one. Nothing is changed.

    Raises:
        InvitationNotFound: unknown, used, revoked or expired.
    """
    found = session.scalar(select(Invitation).where(*_is_open(plain, now)).options(joinedload(Invitation.annotator)))
    if found is None:
        raise _not_found()
    return found


def accept(
    session: Session, plain: str, name: str, password: HashedPassword, *, now: dt.datetime, by: Actor = COMMAND
) -> Annotator:
    """Use a link: make the account or set the new password; return the account. `name` counts if it was left open.

    The link is claimed by one conditional write. If something else is refused, the caller rolls it back with the rest.

    Raises:
        InvitationNotFound: unknown, used, revoked or expired.
        NameInvalid
        NameTaken: there is such an account by now, or somebody labeled under a name that was left open.
    """
    claim = update(Invitation).where(*_is_open(plain, now)).values(used_at=now).returning(Invitation)
    claimed = session.scalar(claim)
    if claimed is None:
        raise _not_found()
    if claimed.annotator_id is not None:
        whose = session.get_one(Annotator, claimed.annotator_id).name
        account = accounts.set_password(session, whose, password, by=by, now=now)
    else:
        assert claimed.role is not None  # the schema says so
        if claimed.name is None and accounts.find_annotator(session, name) is not None:
            # Whoever chooses a name must not get the labels of another.
            raise NameTaken(f"Somebody here has the name {name} already. Choose another.", name=name)
        account = accounts.add_account(session, claimed.name or name, claimed.role, password, by=by, now=now)
    record_audit(session, f"{_kind_of(claimed)} {claimed.id} used", account.name, by=by, now=now)
    return account


def list_invitations(session: Session) -> Sequence[Invitation]:
    """Those that were neither used nor revoked, also if they have expired, oldest first, with the people they name."""
    query = select(Invitation).where(Invitation.used_at.is_(None), Invitation.revoked_at.is_(None))
    with_people = joinedload(Invitation.annotator), joinedload(Invitation.inviter)
    return session.scalars(query.options(*with_people).order_by(Invitation.id)).all()


def revoke_invitation(session: Session, invitation_id: int, *, now: dt.datetime, by: Actor = COMMAND) -> Invitation:
    """Take a link back: it opens nothing any more.

    Raises:
        NotFound: there is none, or it was used or revoked.
    """
    revoked = _withdraw(session, Invitation.id == invitation_id, now=now)
    if not revoked:
        raise NotFound(f"There is no open invitation {invitation_id}.", invitation_id=invitation_id)
    (invitation,) = revoked
    record_audit(session, f"{_kind_of(invitation)} {invitation_id} revoked", name_of(invitation), by=by, now=now)
    return invitation


def name_of(invitation: Invitation) -> str:
    """For whom it is, in words for the audit."""
    if invitation.annotator is not None:
        return invitation.annotator.name
    return invitation.name or LEFT_OPEN


def _make(session: Session, invitation: Invitation, *, now: dt.datetime, days: int, by: Actor) -> Made:
    plain = new_token()
    invitation.sha256, invitation.inviter_id = digest(plain), by.annotator_id
    invitation.created_at, invitation.expires_at = now, now + dt.timedelta(days=days)
    session.add(invitation)
    session.flush()
    record_audit(session, f"{_kind_of(invitation)} {invitation.id} made", name_of(invitation), by=by, now=now)
    return Made(invitation, f"{JOIN_PATH}{plain}")


def _withdraw(session: Session, which: ColumnElement[bool], *, now: dt.datetime) -> Sequence[Invitation]:
    is_open = Invitation.used_at.is_(None), Invitation.revoked_at.is_(None)
    taken_back = update(Invitation).where(*is_open, which).values(revoked_at=now).returning(Invitation)
    return session.scalars(taken_back).all()


def _is_open(plain: str, now: dt.datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        Invitation.sha256 == digest(plain),
        Invitation.used_at.is_(None),
        Invitation.revoked_at.is_(None),
        Invitation.expires_at > now,
    )


def _kind_of(invitation: Invitation) -> str:
    return "password link" if invitation.role is None else f"{invitation.role} invitation"


def _not_found() -> InvitationNotFound:
    return InvitationNotFound(
        "This link opens nothing (any more): it was used, taken back or has expired, or a part of it is missing. "
        "Ask whoever sent it to you for a new one."
    )

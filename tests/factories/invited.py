"""Invitations and links for new passwords, each made, found or used in a transaction of its own."""

import datetime as dt

from app import invitations
from app.audit import COMMAND, Actor
from app.db import Database
from app.errors import InvitationNotFound
from app.models import AccountRole, Annotator
from app.passwords import HashedPassword

from .logins import hash_once
from .making import NOW, after

CHOSEN = "a password of my own"


def actor_of(annotator: Annotator) -> Actor:
    """Somebody who acts in a browser."""
    return Actor(annotator.id, annotator.name, "10.0.0.1", "a request")


def invite(
    database: Database,
    name: str | None = "eve",
    role: AccountRole = "annotator",
    *,
    by: Actor = COMMAND,
    now: dt.datetime = NOW,
    days: int = invitations.DAYS,
) -> str:
    """The token of a new invitation."""
    with database.write() as session:
        made = invitations.invite(session, name, role, days=days, by=by, now=now)
    return made.path.removeprefix(invitations.JOIN_PATH)


def offer_password(database: Database, name: str = "ada", *, by: Actor = COMMAND, now: dt.datetime = NOW) -> str:
    """The token of a new link for a new password."""
    with database.write() as session:
        made = invitations.offer_password(session, name, by=by, now=now)
    return made.path.removeprefix(invitations.JOIN_PATH)


def accept(database: Database, plain: str, name: str = "", password: str = CHOSEN, *, seconds: float = 1) -> Annotator:
    """Use a link."""
    hashed: HashedPassword = hash_once(password)
    with database.write() as session:
        return invitations.accept(session, plain, name, hashed, now=after(seconds))


def is_open(database: Database, plain: str, *, seconds: float = 1) -> bool:
    """Whether the link opens anything."""
    try:
        with database.read() as session:
            invitations.find_invitation(session, plain, now=after(seconds))
    except InvitationNotFound:
        return False
    return True

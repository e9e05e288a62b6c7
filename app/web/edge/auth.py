"""What an endpoint depends on to know its caller."""

import datetime as dt
from contextlib import suppress
from typing import Annotated

from fastapi import Depends
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session
from starlette.requests import HTTPConnection

from app import accounts, labeling
from app.audit import Actor
from app.errors import NotAllowed, NotLoggedIn
from app.logs import request_id
from app.models import LOCAL, Annotator
from app.web.edge.deps import InServices, Now, Services
from app.web.edge.gate import Caller, Credentials


async def get_credentials(connection: HTTPConnection, services: InServices, now: Now) -> Credentials:
    """The credentials of the request, for an endpoint that identifies the caller in its own transaction.

    Raises:
        NotLoggedIn: there are none where they are needed, or the token is not in force.
    """
    credentials = services.gate.read_credentials(connection)
    if credentials.kind == "api":  # unlike a signed cookie it may be made up: refused here, it never queues to write
        await run_in_threadpool(services.gate.identify, connection, now)
    return credentials


InCredentials = Annotated[Credentials, Depends(get_credentials)]


def get_caller(connection: HTTPConnection, services: InServices, now: Now) -> Caller:
    """The user who is logged in; the header of pages reads it from the request's state.

    Raises:
        NotLoggedIn: accounts exist, and the request has no session or token that is in force.
    """
    caller = services.gate.identify(connection, now)
    connection.state.caller = caller
    return caller


InCaller = Annotated[Caller, Depends(get_caller)]


def recognize_caller(connection: HTTPConnection, services: InServices, now: Now) -> None:
    """For a page that needs no login: its header shows the user, if one is logged in."""
    with suppress(NotLoggedIn):
        get_caller(connection, services, now)


def get_admin(caller: InCaller) -> Caller:
    """
    Raises:
        NotAllowed: an annotator asks for what only admins may do.
    """
    if not caller.is_admin:
        raise NotAllowed(f"This is for admins only. You are logged in as {caller.name} ({caller.role}).")
    return caller


InAdmin = Annotated[Caller, Depends(get_admin)]


def ensure_actor(session: Session, connection: HTTPConnection, caller: Caller, *, as_admin: bool) -> Actor:
    """The caller for the audit, checked again in the transaction in which they act.

    Raises:
        NotAllowed: the caller was disabled meanwhile, or only admins may do this and they are none any more.
    """
    if caller.annotator_id is not None:
        accounts.ensure_may(session, caller.annotator_id, as_admin=as_admin)
    return actor_of(connection, caller)


def actor_of(connection: HTTPConnection, caller: Caller) -> Actor:
    """The caller for the audit; whoever acts checks them again."""
    return Actor(caller.annotator_id, caller.name, address_of(connection), request_id.get())


def address_of(connection: HTTPConnection) -> str:
    """Where the request comes from."""
    return connection.client.host if connection.client else "unknown"


def identify_annotator(
    session: Session, services: Services, credentials: Credentials, claimed: str | None, *, now: dt.datetime
) -> Annotator:
    """The annotator with these credentials, identified in the transaction in which they act.

    Raises:
        NotLoggedIn: the credentials are not in force.
        NotAllowed: the request names another annotator than the user who is logged in.
    """
    caller = services.gate.get_caller(session, credentials, now=now)
    return ensure_annotator(session, caller, claimed, now=now)


def ensure_annotator(session: Session, caller: Caller, claimed: str | None, *, now: dt.datetime) -> Annotator:
    """The caller's annotator. On a server without accounts the request names it, and it is added if it is new.

    Raises:
        NotAllowed: the request names another annotator than the user who is logged in.
        NameInvalid, NameTaken: the annotator is new, and cannot have this name.
    """
    if caller.annotator_id is None:
        return labeling.ensure_annotator(session, claimed or LOCAL, now=now)
    if claimed not in (None, caller.name):
        raise NotAllowed(f"You are logged in as {caller.name}: leave `annotator` out.", name=caller.name)
    return session.get_one(Annotator, caller.annotator_id)

"""The page behind a link of an invitation: set a password, and be logged in. Opening it changes nothing."""

import datetime as dt
import logging
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from app import invitations
from app.audit import Actor, record_audit
from app.errors import (
    AppError,
    InvitationNotFound,
    NameInvalid,
    NameTaken,
    PasswordsDiffer,
    PasswordTooShort,
    TooManyLogins,
)
from app.logs import request_id
from app.models import AccountRole, Invitation
from app.names import MAX_LENGTH
from app.passwords import MIN_LENGTH, HashedPassword, hash_password
from app.web.edge.auth import address_of, recognize_caller
from app.web.edge.deps import InServices, Now, Services
from app.web.edge.problems import retry_after
from app.web.edge.templates import templates
from app.web.edge.throttle import Attempt

logger = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False)

TypedName = Annotated[str, Form(max_length=MAX_LENGTH)]
TypedPassword = Annotated[str, Form(max_length=1000)]


@dataclass(frozen=True, slots=True)
class JoinPage:
    """What the link is for. `name` is None where the person chooses it; `role` is None if there is an account already.

    `typed` is the name that was sent with a form that was refused, and `problem` says why.
    """

    name: str | None
    role: AccountRole | None
    expires_at: dt.datetime
    min_length: int = MIN_LENGTH
    typed: str = ""
    problem: str | None = None

    @classmethod
    def of(cls, invitation: Invitation, typed: str = "", problem: str | None = None) -> "JoinPage":
        account = invitation.annotator
        name = account.name if account else invitation.name
        return cls(name, invitation.role, invitation.expires_at, typed=typed, problem=problem)


@router.get(invitations.JOIN_PATH + "{token}", dependencies=[Depends(recognize_caller)])
def show_invitation(token: str, request: Request, services: InServices, now: Now) -> Response:
    """The form, or what to do about a link that opens nothing."""
    try:
        page = JoinPage.of(_find(services, token, address_of(request), now))
    except InvitationNotFound as error:
        return templates.TemplateResponse(request, "join_over.html", {"problem": error.message}, error.status)
    return templates.TemplateResponse(request, "join.html", {"page": page})


@router.post(invitations.JOIN_PATH + "{token}", dependencies=[Depends(recognize_caller)])
def accept_invitation(
    token: str,
    request: Request,
    services: InServices,
    now: Now,
    password: TypedPassword,
    again: TypedPassword,
    name: TypedName = "",
) -> Response:
    """Use the link and open a session, or show the form again with the reason."""
    address = address_of(request)
    try:
        found = _find(services, token, address, now)
        try:
            hashed = _hash(services, password, again)
            return _accept(request, services, token, name, hashed, now)
        except (NameInvalid, NameTaken, PasswordTooShort, PasswordsDiffer, TooManyLogins) as error:
            return _show_again(request, found, name, error)
    except InvitationNotFound as error:
        return templates.TemplateResponse(request, "join_over.html", {"problem": error.message}, error.status)


def _find(services: Services, token: str, address: str, now: dt.datetime) -> Invitation:
    """The invitation; whoever tries many links is slowed down as one who tries passwords."""
    attempt = Attempt(None, None, address, now)
    services.login_throttle.begin(attempt)
    with services.database.read() as session:
        found = invitations.find_invitation(session, token, now=now)
    services.login_throttle.succeed(attempt)
    return found


def _hash(services: Services, password: str, again: str) -> HashedPassword:
    """Hash outside of any transaction, in turn with the logins.

    Raises:
        PasswordsDiffer
    """
    if password != again:
        raise PasswordsDiffer("The two passwords differ. Type the same one twice.")
    with services.login_throttle.slot(), services.login_throttle.hashing:
        return hash_password(password)


def _accept(
    request: Request, services: Services, token: str, name: str, hashed: HashedPassword, now: dt.datetime
) -> Response:
    response = RedirectResponse("/", 303)
    by = Actor(address=address_of(request), request_id=request_id.get())
    with services.database.write() as session:
        account = invitations.accept(session, token, name, hashed, by=by, now=now)
        services.gate.end_session(session, request, response, now=now)
        services.gate.open_session(session, account, response, is_https=request.url.scheme == "https", now=now)
        record_audit(session, "login", account.name, by=by, now=now)
    logger.info("%s used an invitation from %s", account.name, by.address)
    return response


def _show_again(request: Request, found: Invitation, typed: str, error: AppError) -> Response:
    page = JoinPage.of(found, typed, error.message)
    return templates.TemplateResponse(request, "join.html", {"page": page}, error.status, retry_after(error))

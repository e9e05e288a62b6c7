"""The caller's own account: another password, and tokens for scripts."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from app import accounts, audit, tokens
from app.audit import Actor
from app.errors import (
    AppError,
    NotFound,
    PasswordsDiffer,
    PasswordTooShort,
    TooManyAttempts,
    TooManyLogins,
    WrongLogin,
)
from app.logs import request_id
from app.models import AccessToken, Annotator
from app.passwords import MIN_LENGTH, hash_password
from app.web.edge.auth import InCaller, address_of, ensure_actor, get_caller
from app.web.edge.deps import InServices, Now, PathId, Services
from app.web.edge.gate import Caller
from app.web.edge.problems import retry_after
from app.web.edge.templates import templates
from app.web.edge.throttle import Attempt
from app.web.pages.accounts import TOKEN_DAYS
from app.web.pages.shown_once import make_token, show_secret

router = APIRouter(prefix="/account", include_in_schema=False, dependencies=[Depends(get_caller)])

Done = Literal["password", "revoked"]
Password = Annotated[str, Field(max_length=1000)]


class PasswordForm(BaseModel):
    """The password that is right until now, and the new one twice."""

    current: Password
    password: Password
    again: Password


class TokenForm(BaseModel):
    """What a token is for; without days it does not expire."""

    purpose: Annotated[str, Field(min_length=1, max_length=64)]
    days: Annotated[int, Field(ge=1, le=3650)] | None = None


InPassword = Annotated[PasswordForm, Form()]
InToken = Annotated[TokenForm, Form()]


@dataclass(frozen=True, slots=True)
class AccountPage:
    """The caller's account. `done` is what the last form did, `problem` says why it did nothing."""

    name: str
    tokens: Sequence[AccessToken]
    token_days: Sequence[int]
    now: dt.datetime
    min_length: int = MIN_LENGTH
    done: Done | None = None
    problem: str | None = None


@router.get("")
def show_account(
    request: Request, services: InServices, caller: InCaller, now: Now, done: Done | None = None
) -> Response:
    """The page; without accounts there is none to show."""
    if caller.annotator_id is None:
        return RedirectResponse("/accounts", 303)
    return _show(request, services, caller, now, done=done)


@router.post("/password")
def change_password(form: InPassword, request: Request, services: InServices, caller: InCaller, now: Now) -> Response:
    """Set a new password. All sessions end, and this browser gets a new one. Tokens for scripts go on."""
    if caller.annotator_id is None:
        return RedirectResponse("/accounts", 303)
    try:
        return _change_password(form, request, services, caller.annotator_id, now)
    except WrongLogin as error:
        with services.database.write() as session:
            by = Actor(address=address_of(request), request_id=request_id.get())
            audit.record_audit(session, "password change failed", caller.name, by=by, now=now)
        return _show(request, services, caller, now, error=error, problem="The current password is wrong.")
    except (PasswordsDiffer, PasswordTooShort, TooManyAttempts, TooManyLogins) as error:
        return _show(request, services, caller, now, error=error)


@router.post("/tokens")
def create_token(form: InToken, request: Request, services: InServices, caller: InCaller, now: Now) -> Response:
    """Make a token that acts as the caller, and show it."""
    with services.database.write() as session:
        accounts.ensure_accounts(session)
        by = ensure_actor(session, request, caller, as_admin=False)
        account = session.get_one(Annotator, by.annotator_id)
        page = make_token(session, account, form.purpose, form.days, back="/account", by=by, now=now)
    return show_secret(request, page)


@router.post("/tokens/{token_id:id}/revoke")
def revoke_token(token_id: PathId, request: Request, services: InServices, caller: InCaller, now: Now) -> Response:
    """End a token of the caller's."""
    try:
        with services.database.write() as session:
            by = ensure_actor(session, request, caller, as_admin=False)
            tokens.revoke_token(session, token_id, annotator_id=by.annotator_id, by=by, now=now)
    except NotFound as error:
        return _show(request, services, caller, now, error=error)
    return RedirectResponse("/account?done=revoked", 303)


def _change_password(
    form: PasswordForm, request: Request, services: Services, annotator_id: int, now: dt.datetime
) -> Response:
    """Check and hash outside of any transaction; the one that sets the password checks for changes since.

    Raises:
        PasswordsDiffer
    """
    if form.password != form.again:
        raise PasswordsDiffer("The two new passwords differ. Type the same one twice.")
    throttle, address = services.login_throttle, address_of(request)
    with services.database.read() as session:
        account = session.get_one(Annotator, annotator_id)
    attempt = Attempt(account.name, account.password_hash, address, now)
    with throttle.slot():
        with throttle.hashing:
            hashed = hash_password(form.password)
        throttle.begin(attempt)
        with throttle.hashing:
            accounts.check_password(account, form.current)
    response = RedirectResponse("/account?done=password", 303)
    by = Actor(account.id, account.name, address, request_id.get())
    with services.database.write() as session:
        accounts.confirm(session, account)
        account = accounts.set_password(session, account.name, hashed, keep_tokens=True, by=by, now=now)
        services.gate.open_session(session, account, response, is_https=request.url.scheme == "https", now=now)
    throttle.succeed(attempt)
    return response


def _show(
    request: Request,
    services: Services,
    caller: Caller,
    now: dt.datetime,
    *,
    done: Done | None = None,
    error: AppError | None = None,
    problem: str | None = None,
) -> Response:
    with services.database.read() as session:
        own = tokens.list_tokens(session, annotator_id=caller.annotator_id)
    problem = problem or (error.message if error else None)
    page = AccountPage(caller.name, own, TOKEN_DAYS, now, done=done, problem=problem)
    status, headers = (error.status, retry_after(error)) if error else (200, None)
    return templates.TemplateResponse(request, "account.html", {"page": page}, status, headers)

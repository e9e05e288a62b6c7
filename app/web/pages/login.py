"""Log in and out."""

import datetime as dt
import logging
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from app import accounts, audit
from app.audit import Actor
from app.errors import AppError, TooManyAttempts, TooManyLogins, WrongLogin
from app.logs import request_id
from app.web.edge.auth import address_of
from app.web.edge.deps import InServices, Now, Services
from app.web.edge.problems import retry_after
from app.web.edge.security import own_path
from app.web.edge.templates import templates
from app.web.edge.throttle import Attempt

logger = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class LoginPage:
    """The form, with what was typed and what was wrong with it; `following` is the page after the login."""

    name: str = ""
    following: str = "/"
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class LoginForm:
    """What the form holds; `following` is a path of this server."""

    name: str
    password: str
    following: str


@router.get("/login")
def show_login(request: Request, services: InServices, next: str = "/") -> Response:
    """The form; without accounts there is nothing to log in to."""
    if services.gate.is_open():
        return RedirectResponse("/", 303)
    return templates.TemplateResponse(request, "login.html", {"page": LoginPage(following=own_path(next))})


@router.post("/login")
def log_in(
    request: Request,
    services: InServices,
    now: Now,
    name: Annotated[str, Form(max_length=64)],
    password: Annotated[str, Form(max_length=1000)],
    next: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    """Open a session, or show the form again with the reason."""
    if services.gate.is_open():
        return RedirectResponse("/", 303)
    typed = LoginForm(name, password, own_path(next))
    address = address_of(request)
    try:
        return _log_in(request, services, typed, address, now)
    except (WrongLogin, TooManyAttempts, TooManyLogins) as error:
        logger.warning("login of %s from %s failed: %s", name, address, type(error).__name__)
        if isinstance(error, WrongLogin):
            with services.database.write() as session:
                by = Actor(address=address, request_id=request_id.get())
                audit.record_audit(session, "login failed", name, by=by, now=now)
        return _show_again(request, typed, error)


@router.post("/logout")
def log_out(request: Request, services: InServices, now: Now) -> Response:
    """End the session, also for copies of its cookie."""
    response = RedirectResponse("/login", 303)
    with services.database.write() as session:
        services.gate.end_session(session, request, response, now=now)
    return response


def _log_in(request: Request, services: Services, typed: LoginForm, address: str, now: dt.datetime) -> Response:
    """Check the password outside of any transaction; the one that opens the session checks for changes since."""
    throttle = services.login_throttle
    with throttle.slot():
        with services.database.read() as session:
            annotator = accounts.find_annotator(session, typed.name)
        name, password_hash = (annotator.name, annotator.password_hash) if annotator else (typed.name, None)
        attempt = Attempt(name, password_hash, address, now)
        throttle.begin(attempt)  # in the slot: a login that is refused for lack of one is not counted
        with throttle.hashing:
            annotator = accounts.check_password(annotator, typed.password)
    response = RedirectResponse(typed.following, 303)
    with services.database.write() as session:
        services.gate.end_session(session, request, response, now=now)
        services.gate.open_session(session, annotator, response, is_https=request.url.scheme == "https", now=now)
        by = Actor(address=address, request_id=request_id.get())
        audit.record_audit(session, "login", name, by=by, now=now)
    throttle.succeed(attempt)
    logger.info("%s logged in from %s", name, address, extra={"annotator": name, "address": address})
    return response


def _show_again(request: Request, typed: LoginForm, error: AppError) -> Response:
    page = LoginPage(name=typed.name, following=typed.following, problem=error.message)
    response = templates.TemplateResponse(request, "login.html", {"page": page}, error.status)
    response.headers.update(retry_after(error))
    return response

"""Accounts, for admins: who may log in and as what, links that let people in, and tokens for scripts."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app import accounts, invitations, tokens
from app.audit import Actor
from app.errors import AccountDisabled, LastAdmin, NameInvalid, NameTaken, NoAccountsYet, NotFound
from app.models import AccessToken, AccountRole, Annotator, Invitation
from app.names import MAX_LENGTH
from app.web.edge.auth import InAdmin, ensure_actor, get_admin
from app.web.edge.deps import InServices, Now, PathId, Services
from app.web.edge.gate import Caller
from app.web.edge.templates import templates
from app.web.pages.shown_once import SecretPage, make_token, show_secret

router = APIRouter(prefix="/accounts", include_in_schema=False)

Done = Literal["role", "disabled", "enabled", "withdrawn", "revoked"]
REFUSALS = (AccountDisabled, LastAdmin, NameInvalid, NameTaken, NoAccountsYet, NotFound)
TOKEN_DAYS = (30, 90, 365)  # what a form offers beside "never"

Name = Annotated[str, Field(max_length=MAX_LENGTH)]


class InvitationForm(BaseModel):
    """For whom a link is to be; without a name the person chooses it."""

    name: Name | None = None
    role: AccountRole


class AccountForm(BaseModel):
    """Which account."""

    name: Name


class RoleForm(AccountForm):
    """Another role for an account."""

    role: AccountRole


class StateForm(AccountForm):
    """Whether an account is to be disabled."""

    is_disabled: bool


class TokenForm(AccountForm):
    """For which account and what for a token is to be; without days it does not expire."""

    purpose: Annotated[str, Field(min_length=1, max_length=64)]
    days: Annotated[int, Field(ge=1, le=3650)] | None = None


InInvitation = Annotated[InvitationForm, Form()]
InAccount = Annotated[AccountForm, Form()]
InRole = Annotated[RoleForm, Form()]
InState = Annotated[StateForm, Form()]
InToken = Annotated[TokenForm, Form()]


@dataclass(frozen=True, slots=True)
class AccountsPage:
    """All accounts, open invitations and tokens; none of them on an open server.

    `done` is what the last form did; `problem` says why it did nothing, and `typed` is the name that it had.
    """

    accounts: Sequence[Annotator]
    invitations: Sequence[Invitation]
    tokens: Sequence[AccessToken]
    token_days: Sequence[int]
    now: dt.datetime
    done: Done | None = None
    problem: str | None = None
    typed: str = ""


Outcome = Done | SecretPage | Literal["out"]  # what a form did: shown as a notice, as a page, or by the start page


@router.get("", dependencies=[Depends(get_admin)])
def show_accounts(request: Request, services: InServices, now: Now, done: Done | None = None) -> Response:
    """The page; on a server without accounts it says how to get them."""
    page = _build_page(services, now, done=done)
    return templates.TemplateResponse(request, "accounts.html", {"page": page})


@router.post("/invitations")
def invite(form: InInvitation, request: Request, services: InServices, admin: InAdmin, now: Now) -> Response:
    """Make a link for a new account, and show it."""

    def act(session: Session, by: Actor) -> Outcome:
        made = invitations.invite(session, form.name, form.role, by=by, now=now)
        return SecretPage.of_link(request, made, made.invitation.name)

    return _try(request, services, admin, now, act, typed=form.name or "")


@router.post("/invitations/{invitation_id:id}/revoke")
def revoke_invitation(
    invitation_id: PathId, request: Request, services: InServices, admin: InAdmin, now: Now
) -> Response:
    """Take a link back."""

    def act(session: Session, by: Actor) -> Outcome:
        invitations.revoke_invitation(session, invitation_id, by=by, now=now)
        return "withdrawn"

    return _try(request, services, admin, now, act)


@router.post("/password-link")
def offer_password(form: InAccount, request: Request, services: InServices, admin: InAdmin, now: Now) -> Response:
    """Make a link for a new password, and show it."""

    def act(session: Session, by: Actor) -> Outcome:
        return SecretPage.of_link(request, invitations.offer_password(session, form.name, by=by, now=now), form.name)

    return _try(request, services, admin, now, act)


@router.post("/role")
def set_role(form: InRole, request: Request, services: InServices, admin: InAdmin, now: Now) -> Response:
    """Make an admin of an annotator, or the other way round."""

    def act(session: Session, by: Actor) -> Outcome:
        account = accounts.set_role(session, form.name, form.role, by=by, now=now)
        return "out" if account.id == by.annotator_id and account.role != "admin" else "role"

    return _try(request, services, admin, now, act)


@router.post("/state")
def set_state(form: InState, request: Request, services: InServices, admin: InAdmin, now: Now) -> Response:
    """Disable an account, or enable it."""

    def act(session: Session, by: Actor) -> Outcome:
        account = accounts.set_disabled(session, form.name, form.is_disabled, by=by, now=now)
        return "disabled" if account.is_disabled else "enabled"

    return _try(request, services, admin, now, act)


@router.post("/tokens")
def create_token(form: InToken, request: Request, services: InServices, admin: InAdmin, now: Now) -> Response:
    """Make a token for an account, and show it."""

    def act(session: Session, by: Actor) -> Outcome:
        account = accounts.get_account(session, form.name)
        return make_token(session, account, form.purpose, form.days, back="/accounts", by=by, now=now)

    return _try(request, services, admin, now, act)


@router.post("/tokens/{token_id:id}/revoke")
def revoke_token(token_id: PathId, request: Request, services: InServices, admin: InAdmin, now: Now) -> Response:
    """End a token."""

    def act(session: Session, by: Actor) -> Outcome:
        tokens.revoke_token(session, token_id, by=by, now=now)
        return "revoked"

    return _try(request, services, admin, now, act)


def _try(
    request: Request,
    services: Services,
    admin: Caller,
    now: dt.datetime,
    act: Callable[[Session, Actor], Outcome],
    *,
    typed: str = "",
) -> Response:
    """Do what the form asks in one transaction, or show the page again with the reason why not."""
    try:
        with services.database.write() as session:
            outcome = act(session, ensure_actor(session, request, admin, as_admin=True))
    except REFUSALS as error:
        page = _build_page(services, now, problem=error.message, typed=typed)
        return templates.TemplateResponse(request, "accounts.html", {"page": page}, error.status)
    if isinstance(outcome, SecretPage):
        return show_secret(request, outcome)
    return RedirectResponse("/" if outcome == "out" else f"/accounts?done={outcome}", 303)


def _build_page(
    services: Services, now: dt.datetime, *, done: Done | None = None, problem: str | None = None, typed: str = ""
) -> AccountsPage:
    with services.database.read() as session:
        return AccountsPage(
            accounts=accounts.list_accounts(session),
            invitations=invitations.list_invitations(session),
            tokens=tokens.list_tokens(session),
            token_days=TOKEN_DAYS,
            now=now,
            done=done,
            problem=problem,
            typed=typed,
        )

"""Accounts, the links that let people in, and tokens for scripts."""

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from sqlalchemy.orm import Session

from app import accounts, invitations, tokens
from app.audit import Actor
from app.names import MAX_LENGTH
from app.web.api.account_schemas import (
    AccountChangeIn,
    AccountOut,
    InvitationIn,
    InvitationOut,
    LinkIn,
    LinkOut,
    TokenIn,
    TokenMadeOut,
    TokenOut,
)
from app.web.api.schemas import Page
from app.web.edge.auth import InAdmin, InCaller, ensure_actor, get_admin
from app.web.edge.deps import InServices, Now, PathId
from app.web.edge.problems import responses
from app.web.edge.security import own_url

router = APIRouter(tags=["accounts"], responses=responses(403))

InName = Annotated[str, Path(max_length=MAX_LENGTH)]


@router.get("/accounts", dependencies=[Depends(get_admin)])
def list_accounts(services: InServices) -> Page[AccountOut]:
    """All accounts, by name. There are none on a server where nobody needs to log in."""
    with services.database.read() as session:
        found = accounts.list_accounts(session)
    return Page(items=[AccountOut.model_validate(account) for account in found], next=None)


@router.patch("/accounts/{name}", responses=responses(404, 409))
def change_account(
    name: InName, body: AccountChangeIn, request: Request, services: InServices, admin: InAdmin, now: Now
) -> AccountOut:
    """Change the role of an account; disable it, which ends its sessions and tokens, or enable it.

    The last enabled admin can be neither disabled nor made an annotator.
    """
    given = body.model_dump(exclude_unset=True)
    with services.database.write() as session:
        actor = ensure_actor(session, request, admin, as_admin=True)
        if "role" in given:
            accounts.set_role(session, name, body.role, by=actor, now=now)
        if "is_disabled" in given:
            accounts.set_disabled(session, name, body.is_disabled, by=actor, now=now)
        return AccountOut.model_validate(accounts.get_account(session, name))


@router.post("/accounts/{name}/password-link", status_code=201, responses=responses(404, 409))
def offer_password(
    name: InName, body: LinkIn, request: Request, services: InServices, admin: InAdmin, now: Now
) -> LinkOut:
    """Make a link with which somebody sets a new password. The old one is right until then; an older link is not."""
    with services.database.write() as session:
        actor = ensure_actor(session, request, admin, as_admin=True)
        made = invitations.offer_password(session, name, days=body.days, by=actor, now=now)
        return LinkOut.made(made, own_url(request, made.path))


@router.get("/invitations", dependencies=[Depends(get_admin)])
def list_invitations(services: InServices) -> Page[InvitationOut]:
    """The links that were neither used nor revoked, oldest first."""
    with services.database.read() as session:
        found = invitations.list_invitations(session)
        return Page(items=[InvitationOut.of(invitation) for invitation in found], next=None)


@router.post("/invitations", status_code=201, responses=responses(409))
def invite(body: InvitationIn, request: Request, services: InServices, admin: InAdmin, now: Now) -> LinkOut:
    """Make a link with which somebody makes their account. It works once; an older one for the same name is revoked."""
    with services.database.write() as session:
        actor = ensure_actor(session, request, admin, as_admin=True)
        made = invitations.invite(session, body.name, body.role, days=body.days, by=actor, now=now)
        return LinkOut.made(made, own_url(request, made.path))


@router.post("/invitations/{invitation_id}/revoke", responses=responses(404))
def revoke_invitation(
    invitation_id: PathId, request: Request, services: InServices, admin: InAdmin, now: Now
) -> InvitationOut:
    """Take a link back."""
    with services.database.write() as session:
        actor = ensure_actor(session, request, admin, as_admin=True)
        return InvitationOut.of(invitations.revoke_invitation(session, invitation_id, by=actor, now=now))


@router.get("/tokens")
def list_tokens(services: InServices, caller: InCaller) -> Page[TokenOut]:
    """The tokens of scripts that were not revoked; to an annotator, their own."""
    with services.database.read() as session:
        found = tokens.list_tokens(session, annotator_id=None if caller.is_admin else caller.annotator_id)
    return Page(items=[TokenOut.of(token) for token in found], next=None)


@router.post("/tokens", status_code=201, responses=responses(409))
def create_token(body: TokenIn, request: Request, services: InServices, caller: InCaller, now: Now) -> TokenMadeOut:
    """Make a token that acts as the caller. `token` is shown this once."""
    with services.database.write() as session:
        accounts.ensure_accounts(session)
        actor = ensure_actor(session, request, caller, as_admin=False)
        return _make_token(session, caller.name, body, actor, now)


@router.post("/accounts/{name}/tokens", status_code=201, responses=responses(404, 409))
def create_token_for(
    name: InName, body: TokenIn, request: Request, services: InServices, admin: InAdmin, now: Now
) -> TokenMadeOut:
    """Make a token that acts as this account. `token` is shown this once."""
    with services.database.write() as session:
        actor = ensure_actor(session, request, admin, as_admin=True)
        return _make_token(session, name, body, actor, now)


@router.post("/tokens/{token_id}/revoke", responses=responses(404))
def revoke_token(token_id: PathId, request: Request, services: InServices, caller: InCaller, now: Now) -> TokenOut:
    """End a token at once. Those of others are for admins."""
    whose = None if caller.is_admin else caller.annotator_id
    with services.database.write() as session:
        actor = ensure_actor(session, request, caller, as_admin=caller.is_admin)
        return TokenOut.of(tokens.revoke_token(session, token_id, annotator_id=whose, by=actor, now=now))


def _make_token(session: Session, name: str, body: TokenIn, actor: Actor, now: dt.datetime) -> TokenMadeOut:
    lifetime = None if body.days is None else dt.timedelta(days=body.days)
    account = accounts.get_account(session, name)
    plain = tokens.create_token(session, account, "api", body.purpose, lifetime=lifetime, by=actor, now=now)
    token = tokens.find_token(session, plain, "api", now=now)
    assert token is not None
    return TokenMadeOut.made(token, plain)

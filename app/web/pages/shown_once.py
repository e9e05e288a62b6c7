"""The page that shows a link or a token which was just made: only its hash is stored, so no other page can."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from fastapi import Request, Response
from sqlalchemy.orm import Session

from app import tokens
from app.audit import Actor
from app.invitations import Made
from app.models import Annotator
from app.web.edge.security import own_url
from app.web.edge.templates import templates


@dataclass(frozen=True, slots=True)
class SecretPage:
    """A link for a new account or for a new password, or a token of a script; `name` is the account's, if it has one.

    `back` is where the form was.
    """

    kind: Literal["invitation", "password", "token"]
    secret: str
    name: str | None
    expires_at: dt.datetime | None
    back: str

    @classmethod
    def of_link(cls, request: Request, made: Made, name: str | None) -> "SecretPage":
        kind: Literal["invitation", "password"] = "password" if made.invitation.role is None else "invitation"
        return cls(kind, own_url(request, made.path), name, made.invitation.expires_at, "/accounts")


def make_token(
    session: Session,
    account: Annotator,
    purpose: str,
    days: int | None,
    *,
    back: str,
    by: Actor,
    now: dt.datetime,
) -> SecretPage:
    """Make a token for a script; without days it does not expire.

    Raises:
        AccountDisabled: from `tokens.create_token`.
    """
    lifetime = None if days is None else dt.timedelta(days=days)
    plain = tokens.create_token(session, account, "api", purpose, lifetime=lifetime, by=by, now=now)
    return SecretPage("token", plain, account.name, now + lifetime if lifetime else None, back)


def show_secret(request: Request, page: SecretPage) -> Response:
    """The page, in answer to the form: an address that showed it again would have to know the secret."""
    return templates.TemplateResponse(request, "secret.html", {"page": page}, 201)

"""The bodies about accounts: roles, links that let people in, and tokens for scripts."""

import datetime as dt
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.invitations import DAYS, MAX_DAYS, Made
from app.models import AccessToken, AccountRole, Invitation
from app.names import MAX_LENGTH
from app.web.api.schemas import Strict

MAX_TOKEN_DAYS = 3650

AccountName = Annotated[str, StringConstraints(min_length=1, max_length=MAX_LENGTH)]
Purpose = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class AccountOut(BaseModel):
    """Somebody who may log in, unless disabled."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    role: AccountRole
    is_disabled: bool
    created_at: dt.datetime


class AccountChangeIn(Strict):
    """What is to change; what is left out stays."""

    role: AccountRole = "annotator"
    is_disabled: bool = False


class InvitationIn(Strict):
    """For whom a link is to be."""

    name: AccountName | None = Field(default=None, description="The account's name; null: the person chooses it.")
    role: AccountRole = "annotator"
    days: int = Field(default=DAYS, ge=1, le=MAX_DAYS, description="How long the link can be used.")


class LinkIn(Strict):
    """How long a link for a new password can be used."""

    days: int = Field(default=DAYS, ge=1, le=MAX_DAYS)


class InvitationOut(BaseModel):
    """A link that was neither used nor revoked; it may have expired.

    `role` is null for a link for a new password; `name` is null if the person chooses it. `by` is null if it was made
    by a command.
    """

    id: int
    name: str | None
    role: AccountRole | None
    by: str | None
    created_at: dt.datetime
    expires_at: dt.datetime

    @classmethod
    def of(cls, invitation: Invitation) -> Self:
        return cls(**_of_invitation(invitation))


class LinkOut(InvitationOut):
    """A link that was just made. `url` is shown this once; whoever opens it sets a password and is logged in."""

    url: str

    @classmethod
    def made(cls, made: Made, url: str) -> Self:
        return cls(**_of_invitation(made.invitation), url=url)


class TokenIn(Strict):
    """What a token is to be for."""

    purpose: Purpose = Field(default="script", description="What it is for, to tell tokens apart.")
    days: int | None = Field(default=None, ge=1, le=MAX_TOKEN_DAYS, description="Days until it expires; null: never.")


class TokenOut(BaseModel):
    """A token that was not revoked; it may have expired."""

    id: int
    account: str
    purpose: str
    created_at: dt.datetime
    expires_at: dt.datetime | None

    @classmethod
    def of(cls, token: AccessToken) -> Self:
        return cls(**_of_token(token))


class TokenMadeOut(TokenOut):
    """A token that was just made; `token` is shown this once."""

    token: str

    @classmethod
    def made(cls, token: AccessToken, plain: str) -> Self:
        return cls(**_of_token(token), token=plain)


def _of_invitation(invitation: Invitation) -> dict[str, Any]:
    account, inviter = invitation.annotator, invitation.inviter
    return {
        "id": invitation.id,
        "name": account.name if account else invitation.name,
        "role": invitation.role,
        "by": inviter.name if inviter else None,
        "created_at": invitation.created_at,
        "expires_at": invitation.expires_at,
    }


def _of_token(token: AccessToken) -> dict[str, Any]:
    return {
        "id": token.id,
        "account": token.annotator.name,
        "purpose": token.name,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
    }

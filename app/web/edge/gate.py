"""Identifies callers: a script by its token, a browser by its cookie. Without accounts all are the local admin."""

import datetime as dt
from dataclasses import dataclass

from fastapi import Response
from itsdangerous import BadSignature, TimestampSigner
from sqlalchemy.orm import Session
from starlette.requests import HTTPConnection

from app import accounts, tokens
from app.db import Database
from app.errors import NotLoggedIn
from app.models import LOCAL, Annotator, Role, TokenKind
from app.settings import Settings

COOKIE = "inkling_session"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling. `annotator_id` is None on a server without accounts, where each request names its annotator."""

    annotator_id: int | None
    name: str
    role: Role

    @property
    def is_admin(self) -> bool:
        """Whether everything is allowed, as it is on a server without accounts."""
        return self.role == "admin"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of a request: a token in plain text, or nothing."""

    kind: TokenKind | None = None
    plain: str = ""


class Gate:
    """Opens sessions and identifies callers."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._lifetime = dt.timedelta(days=settings.session_days)
        with database.write() as session:
            self._signer = TimestampSigner(tokens.ensure_secret(session), salt="inkling.session")
        self._is_closed = False

    def read_credentials(self, connection: HTTPConnection) -> Credentials:
        """The credentials of the request; a token goes before a cookie. Does not read the database.

        Raises:
            NotLoggedIn: it has another kind of authorization, or none on a server that is known to have accounts.
        """
        scheme, _, bearer = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return Credentials("api", bearer.strip())
        cookie = self._unsign(connection.cookies.get(COOKIE))
        if cookie is not None:
            return Credentials("session", cookie)
        if scheme or self._is_closed:
            raise _not_logged_in()
        return Credentials()

    def get_caller(self, session: Session, credentials: Credentials, *, now: dt.datetime) -> Caller:
        """The caller with these credentials.

        Raises:
            NotLoggedIn: accounts exist, and the credentials are not in force.
        """
        if credentials.kind is not None:
            token = tokens.find_token(session, credentials.plain, credentials.kind, now=now)
            if token is not None:
                return Caller(token.annotator_id, token.annotator.name, token.annotator.role)
        if credentials.kind == "api" or self._has_closed(
            session
        ):  # a wrong token never gives the rights of the local admin
            raise _not_logged_in()
        return Caller(None, LOCAL, "admin")

    def identify(self, connection: HTTPConnection, now: dt.datetime) -> Caller:
        """Who is calling, in a transaction of its own.

        Raises:
            NotLoggedIn: accounts exist, and the request has no session or token that is in force.
        """
        credentials = self.read_credentials(connection)
        with self._database.read() as session:
            return self.get_caller(session, credentials, now=now)

    def is_open(self) -> bool:
        """Whether there is no account, so that no login is possible or needed."""
        if self._is_closed:
            return False
        with self._database.read() as session:
            return not self._has_closed(session)

    def open_session(
        self, session: Session, annotator: Annotator, response: Response, *, is_https: bool, now: dt.datetime
    ) -> None:
        """A new session for the account whose password was just checked, as a cookie of the response.

        Raises:
            WrongLogin: since the check the account was disabled or given another password.
        """
        annotator = accounts.confirm(session, annotator)
        tokens.forget_ended_sessions(session, now=now)
        plain = tokens.create_token(session, annotator, "session", "browser", now=now, lifetime=self._lifetime)
        response.set_cookie(
            COOKIE,
            self._signer.sign(plain).decode(),
            max_age=int(self._lifetime.total_seconds()),
            httponly=True,
            samesite="lax",
            secure=is_https,
        )

    def end_session(
        self, session: Session, connection: HTTPConnection, response: Response, *, now: dt.datetime
    ) -> None:
        """Log out: revoke the token, so that copies of the cookie are invalid, too."""
        plain = self._unsign(connection.cookies.get(COOKIE))
        if plain is not None:
            tokens.end_session(session, plain, now=now)
        response.delete_cookie(COOKIE, httponly=True, samesite="lax")

    def _unsign(self, cookie: str | None) -> str | None:
        if cookie is None:
            return None
        try:
            return self._signer.unsign(cookie, max_age=int(self._lifetime.total_seconds())).decode()
        except BadSignature:
            return None

    def _has_closed(self, session: Session) -> bool:
        # The first account closes the server for good. One that is added while it runs counts from the next request.
        self._is_closed = self._is_closed or accounts.has_accounts(session)
        return self._is_closed


def _not_logged_in() -> NotLoggedIn:
    return NotLoggedIn(
        "You are not logged in.", hint="Log in at /login, or send a token: Authorization: Bearer <token>."
    )

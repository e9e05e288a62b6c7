"""Accounts, tokens and passwords, each written or tried in a transaction of its own."""

import datetime as dt
from functools import cache

from sqlalchemy import text

from app import accounts, tokens
from app.db import Database
from app.errors import WrongLogin
from app.models import AccountRole, Annotator, TokenKind
from app.passwords import HashedPassword, hash_password

from .making import NOW, after

PASSWORD = "a long enough password"


@cache
def hash_once(password: str) -> HashedPassword:
    """A hash takes a fifth of a second, and any of a password is as good as another."""
    return hash_password(password)


def add_account(
    database: Database,
    name: str = "ada",
    *,
    role: AccountRole = "annotator",
    password: str = PASSWORD,
    now: dt.datetime = NOW,
) -> Annotator:
    """Somebody who may log in."""
    hashed = hash_once(password)
    with database.write() as session:
        return accounts.add_account(session, name, role, hashed, now=now)


def set_password(
    database: Database, name: str = "ada", password: str = "quite another one", *, seconds: float = 0
) -> None:
    """Another password."""
    hashed = hash_password(password)
    with database.write() as session:
        accounts.set_password(session, name, hashed, now=after(seconds))


def set_disabled(database: Database, is_disabled: bool, name: str = "ada") -> None:
    """Disable an account, or enable it."""
    with database.write() as session:
        accounts.set_disabled(session, name, is_disabled, now=NOW)


def create_token(
    database: Database,
    annotator: Annotator,
    kind: TokenKind = "api",
    *,
    name: str = "script",
    lifetime: dt.timedelta | None = None,
    now: dt.datetime = NOW,
) -> str:
    """A token, or a browser's session, as plain text."""
    with database.write() as session:
        return tokens.create_token(session, annotator, kind, name, now=now, lifetime=lifetime)


def owner_of(database: Database, plain: str, kind: TokenKind = "api", *, seconds: float = 0) -> str | None:
    """Whose token it is while it is in force."""
    with database.read() as session:
        token = tokens.find_token(session, plain, kind, now=after(seconds))
        return None if token is None else token.annotator.name


def check_password(database: Database, password: str, name: str = "ada") -> Annotator:
    """The account of this name and password, or WrongLogin."""
    with database.read() as session:
        annotator = accounts.find_annotator(session, name)
    return accounts.check_password(annotator, password)


def may_log_in(database: Database, password: str, name: str = "ada") -> bool:
    """Whether the password opens the account."""
    try:
        return check_password(database, password, name).name == name
    except WrongLogin:
        return False


def everything_stored(database: Database) -> str:
    """All rows of all tables about people, as text."""
    with database.read() as session:
        tables = ("annotator", "access_token", "invitation", "audit_entry")
        return "\n".join(str(row) for table in tables for row in session.execute(text(f"SELECT * FROM {table}")))

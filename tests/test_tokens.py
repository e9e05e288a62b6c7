"""Tokens of scripts and sessions of browsers: only hashes are stored, and what is taken away is gone at once."""

import datetime as dt
import hashlib

import pytest
from sqlalchemy import select

from app import tokens
from app.db import Database
from app.errors import NotFound
from app.models import AccessToken

from .factories.logins import add_account, create_token, everything_stored, owner_of
from .factories.making import NOW

DAY = dt.timedelta(days=1)


def test_a_token_is_known_by_its_hash_alone(database: Database) -> None:
    ada = add_account(database)
    plain = create_token(database, ada)

    assert owner_of(database, plain) == "ada"
    assert plain not in everything_stored(database)
    with database.read() as session:
        assert session.scalars(select(AccessToken.sha256)).one() == hashlib.sha256(plain.encode()).hexdigest()


def test_no_two_tokens_are_alike_and_none_can_be_guessed(database: Database) -> None:
    ada = add_account(database)
    tokens = {create_token(database, ada) for _ in range(50)}

    assert len(tokens) == 50
    assert min(map(len, tokens)) >= 43  # 256 bits
    for guess in ("", "x", next(iter(tokens))[:-1], hashlib.sha256(next(iter(tokens)).encode()).hexdigest()):
        assert owner_of(database, guess) is None


def test_a_token_of_a_script_is_no_session_and_the_other_way_round(database: Database) -> None:
    ada = add_account(database)
    script, session = create_token(database, ada), create_token(database, ada, "session")

    assert owner_of(database, script, "session") is None
    assert owner_of(database, session, "api") is None


def test_a_token_ends_with_its_lifetime(database: Database) -> None:
    ada = add_account(database)
    plain, for_ever = create_token(database, ada, lifetime=DAY), create_token(database, ada)

    assert owner_of(database, plain, seconds=DAY.total_seconds() - 0.001) == "ada"
    assert owner_of(database, plain, seconds=DAY.total_seconds()) is None
    assert owner_of(database, for_ever, seconds=10_000 * DAY.total_seconds()) == "ada"


def test_a_revoked_token_is_worth_nothing_and_the_others_stay(database: Database) -> None:
    ada = add_account(database)
    first, second = create_token(database, ada), create_token(database, ada)

    with database.write() as session:
        tokens.revoke_token(session, 1, now=NOW)

    assert owner_of(database, first) is None
    assert owner_of(database, second) == "ada"


@pytest.mark.parametrize("which", ["revoked", "session", "unknown"])
def test_only_a_scripts_token_in_force_can_be_revoked(database: Database, which: str) -> None:
    ada = add_account(database)
    create_token(database, ada, "session" if which == "session" else "api")
    if which == "revoked":
        with database.write() as session:
            tokens.revoke_token(session, 1, now=NOW)

    token_id = 99 if which == "unknown" else 1
    with pytest.raises(NotFound, match=f"There is no token {token_id} in force"), database.write() as session:
        tokens.revoke_token(session, token_id, now=NOW)


def test_the_tokens_in_force_are_listed_with_what_they_are_for(database: Database) -> None:
    ada = add_account(database)
    for name in ("nightly", "import", "export"):
        create_token(database, ada, name=name)
    create_token(database, ada, "session")
    with database.write() as session:
        tokens.revoke_token(session, 2, now=NOW)
    with database.read() as session:
        listed = [(token.id, token.name, token.annotator.name) for token in tokens.list_tokens(session)]

    assert listed == [(1, "nightly", "ada"), (3, "export", "ada")]


def test_logging_out_ends_one_session(database: Database) -> None:
    ada = add_account(database)
    first, second = create_token(database, ada, "session"), create_token(database, ada, "session")
    with database.write() as session:
        tokens.end_session(session, first, now=NOW)

    assert owner_of(database, first, "session") is None
    assert owner_of(database, second, "session") == "ada"


def test_sessions_that_are_over_are_forgotten_and_nothing_else_is(database: Database) -> None:
    ada = add_account(database)
    ended = create_token(database, ada, "session", lifetime=DAY)
    create_token(database, ada, "session", lifetime=DAY / 2)
    lasting = create_token(database, ada, "session", lifetime=2 * DAY)
    script = create_token(database, ada, lifetime=DAY)
    with database.write() as session:
        tokens.end_session(session, ended, now=NOW)
        tokens.forget_ended_sessions(session, now=NOW + DAY)
        kept = set(session.scalars(select(AccessToken.sha256)))

    assert kept == {hashlib.sha256(plain.encode()).hexdigest() for plain in (lasting, script)}

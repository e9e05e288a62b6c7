"""Accounts and passwords: only hashes are stored, whoever is refused learns nothing by it, and all is written down."""

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest
from sqlalchemy import select, update

from app import accounts, tokens
from app.db import Database
from app.errors import AccountDisabled, NameInvalid, NameTaken, NotFound, PasswordTooShort, WrongLogin
from app.models import AccessToken, Annotator, AuditEntry, Pool, TokenKind
from app.passwords import MIN_LENGTH, hash_password

from .factories.acts import ask, ask_and_answer
from .factories.logins import (
    PASSWORD,
    add_account,
    check_password,
    create_token,
    everything_stored,
    may_log_in,
    owner_of,
    set_disabled,
    set_password,
)
from .factories.making import NOW, add_annotator, after
from .factories.stored import count_events, held_by, standing
from .factories.watching import race


def sha256(plain: str) -> str:
    return hashlib.sha256(plain.encode()).hexdigest()


def audited(database: Database) -> list[tuple[str, str]]:
    with database.read() as session:
        return [(row.action, row.name) for row in session.scalars(select(AuditEntry).order_by(AuditEntry.id))]


def test_an_account_may_log_in_by_its_password_and_by_no_other(database: Database) -> None:
    added = add_account(database, "ada", role="admin")

    assert (added.name, added.role, added.is_disabled, added.created_at) == ("ada", "admin", False, NOW)
    assert may_log_in(database, PASSWORD)
    for wrong in (PASSWORD + " ", PASSWORD.upper(), "", added.password_hash or "?"):
        assert not may_log_in(database, wrong)


def test_accounts_are_listed_by_name_and_people_without_a_password_are_none(database: Database) -> None:
    for name in ("eve", "ada"):
        add_account(database, name)
    add_annotator(database, "ben")
    set_disabled(database, True, "eve")

    with database.read() as session:
        assert [(each.name, each.is_disabled) for each in accounts.list_accounts(session)] == [
            ("ada", False),
            ("eve", True),
        ]


def test_the_server_is_closed_by_the_first_account_even_a_disabled_one(database: Database, ada: Annotator) -> None:
    def is_closed() -> bool:
        with database.read() as session:
            return accounts.has_accounts(session)

    assert not is_closed()
    add_account(database, ada.name)
    assert is_closed()
    set_disabled(database, True)
    assert is_closed()


def test_a_password_is_stored_only_as_an_argon2_hash(database: Database) -> None:
    first = add_account(database, "ada")

    assert PASSWORD not in everything_stored(database)
    assert first.password_hash is not None
    assert first.password_hash.startswith("$argon2id$")
    assert first.password_hash != hash_password(PASSWORD)  # a salt each


@pytest.mark.parametrize("length", [0, 1, MIN_LENGTH - 1])
def test_a_short_password_is_refused_and_nothing_stored(database: Database, length: int) -> None:
    with pytest.raises(PasswordTooShort, match=f"has {length} characters; take {MIN_LENGTH} or more"):
        add_account(database, "ada", password="x" * length)

    with database.read() as session:
        assert session.scalars(select(Annotator)).all() == []


def test_a_short_password_does_not_replace_the_one_that_is_set(database: Database) -> None:
    add_account(database)

    with pytest.raises(PasswordTooShort):
        set_password(database, password="short")

    assert may_log_in(database, PASSWORD)


def test_the_shortest_password_and_any_letters_will_do(database: Database) -> None:
    password = "ö" * MIN_LENGTH
    add_account(database, password=password)

    assert may_log_in(database, password)
    assert not may_log_in(database, "o" * MIN_LENGTH)


def test_a_name_is_given_once(database: Database) -> None:
    add_account(database, "ada")

    with pytest.raises(NameTaken, match="There is an account ada already"):
        add_account(database, "ada", role="admin", password="quite another one")

    assert may_log_in(database, PASSWORD)
    with database.read() as session:
        assert session.scalars(select(Annotator)).one().role == "annotator"


@pytest.mark.parametrize("name", ["Ada", "ADA", "ａda", "\u0430d\u0430"], ids=ascii)
def test_a_name_that_looks_like_anothers_is_refused(database: Database, name: str) -> None:
    add_account(database, "ada")

    with pytest.raises((NameTaken, NameInvalid)):
        add_account(database, name)
    with database.read() as session:
        assert [each.name for each in accounts.list_accounts(session)] == ["ada"]


@pytest.mark.parametrize("name", ["Oracle", "ORACLE", "ｏracle"])
def test_nobody_looks_like_the_oracle(database: Database, name: str) -> None:
    with pytest.raises(NameTaken):
        add_account(database, name)


@pytest.mark.parametrize("name", ["ann ", "a\u200bnn", "\u0430nn"], ids=ascii)
def test_a_name_that_nobody_could_tell_from_another_is_refused(database: Database, name: str) -> None:
    with pytest.raises(NameInvalid):
        add_account(database, name)


def test_a_name_may_be_typed_in_any_spelling(database: Database) -> None:
    added = add_account(database, "Jose\u0301")

    assert added.name == "José"
    assert [check_password(database, PASSWORD, typed).id for typed in ("José", "Jose\u0301")] == [added.id] * 2


def test_an_account_whose_name_would_be_refused_by_now_may_still_log_in(database: Database) -> None:
    add_account(database, "ann")
    add_account(database, "other", password="quite another one")
    with database.write() as session:  # as an earlier version stored it
        session.execute(update(Annotator).where(Annotator.name == "other").values(name="ann "))

    assert check_password(database, "quite another one", "ann ").name == "ann "
    assert check_password(database, PASSWORD, "ann").name == "ann"
    set_disabled(database, True, "ann ")
    assert may_log_in(database, PASSWORD, "ann")


@pytest.mark.parametrize("has_labeled", [True, False], ids=["after its first label", "before"])
def test_nobody_gets_the_oracles_name(database: Database, has_labeled: bool) -> None:
    if has_labeled:
        add_annotator(database, "oracle", role="oracle")

    with pytest.raises(NameTaken):
        add_account(database, "oracle", role="admin")


def test_of_those_who_take_a_name_at_once_one_gets_it(database: Database) -> None:
    outcomes = race(4, lambda index: add_account(database, "ada", password=f"password number {index}"))

    assert sum(isinstance(outcome, NameTaken) for outcome in outcomes) == 3
    assert sum(may_log_in(database, f"password number {index}") for index in range(4)) == 1


def test_somebody_who_labeled_without_an_account_keeps_the_labels(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    ask_and_answer(database, pool, ada, 3)
    ask(database, pool, ada, 2)

    account = add_account(database, "ada", role="admin", now=after(60))

    assert (account.id, account.role, account.created_at) == (ada.id, "admin", NOW)
    assert len(standing(database)) == 3
    assert len(held_by(database, account)) == 2
    assert may_log_in(database, PASSWORD)


def test_somebody_without_a_password_cannot_log_in(database: Database, ada: Annotator) -> None:
    for password in ("", "None", PASSWORD):
        assert not may_log_in(database, password, ada.name)


def test_a_new_password_replaces_the_old_one_and_ends_sessions_and_tokens(database: Database) -> None:
    ada, ben = add_account(database, "ada"), add_account(database, "ben")
    session, others = create_token(database, ada, "session"), create_token(database, ben, "session")
    script, script_of_ben = create_token(database, ada), create_token(database, ben)

    set_password(database, "ada", "quite another one")

    assert (may_log_in(database, PASSWORD), may_log_in(database, "quite another one")) == (False, True)
    assert owner_of(database, session, "session") is None
    assert owner_of(database, others, "session") == "ben"
    assert owner_of(database, script) is None  # whoever had taken the account may have made it
    assert owner_of(database, script_of_ben) == "ben"


def test_a_disabled_account_is_out_at_once_and_what_it_held_is_free(
    database: Database, pool: Pool, ben: Annotator
) -> None:
    ada = add_account(database, "ada")
    session, script = create_token(database, ada, "session"), create_token(database, ada)
    ask_and_answer(database, pool, ada, 2)
    ask(database, pool, ada, 3)

    set_disabled(database, True)

    assert not may_log_in(database, PASSWORD)
    assert owner_of(database, session, "session") is owner_of(database, script) is None
    assert held_by(database, ada) == set()
    assert [image.position for image in ask(database, pool, ben, 3).images] == [2, 3, 4]
    assert (len(standing(database)), count_events(database)) == (2, 2)


def test_an_account_that_is_enabled_again_logs_in_anew(database: Database) -> None:
    ada = add_account(database, "ada")
    session, script = create_token(database, ada, "session"), create_token(database, ada)
    set_disabled(database, True)

    set_disabled(database, False)

    assert may_log_in(database, PASSWORD)
    assert owner_of(database, session, "session") is owner_of(database, script) is None


@pytest.mark.parametrize("what", ["another password", "the same password again", "disabled"])
def test_an_account_that_changed_after_its_password_was_checked_is_not_confirmed(database: Database, what: str) -> None:
    add_account(database, "ada")
    checked = check_password(database, PASSWORD)
    with database.read() as session:
        assert accounts.confirm(session, checked).name == "ada"

    match what:
        case "disabled":
            set_disabled(database, True)
        case "another password":
            set_password(database, "ada", "quite another one")
        case _:
            set_password(database, "ada", PASSWORD)

    with pytest.raises(WrongLogin), database.read() as session:
        accounts.confirm(session, checked)


@pytest.mark.parametrize("kind", ["api", "session"])
def test_a_disabled_account_gets_no_token_that_would_count_once_it_is_enabled(
    database: Database, kind: TokenKind
) -> None:
    ada = add_account(database, "ada")
    set_disabled(database, True)

    with pytest.raises(AccountDisabled, match="Enable it first"):
        create_token(database, ada, kind)


def test_enabling_an_account_revokes_what_was_opened_while_it_was_disabled(database: Database) -> None:
    ada = add_account(database, "ada")
    set_disabled(database, True)
    with database.write() as session:  # as a version before this one might have left it
        session.add(
            AccessToken(annotator_id=ada.id, kind="session", name="browser", sha256=sha256("x"), created_at=NOW)
        )

    set_disabled(database, False)

    assert owner_of(database, "x", "session") is None


def test_enabling_an_account_that_is_enabled_ends_nothing(database: Database) -> None:
    plain = create_token(database, add_account(database, "eve"))
    set_disabled(database, False, "eve")

    assert owner_of(database, plain) == "eve"


def test_nothing_is_hashed_while_a_transaction_keeps_the_other_writers_waiting(database: Database) -> None:
    add_account(database, "ada")
    hashed = hash_password("quite another one")
    with database.write() as session, hashes_counted("hash", "verify") as calls:
        accounts.add_account(session, "ben", "annotator", hashed, now=NOW)
        accounts.set_password(session, "ada", hashed, now=NOW)

    assert calls == []


@pytest.mark.parametrize("who", ["nobody", "a person without a password"])
def test_an_account_that_is_not_there_is_not_found(database: Database, who: str) -> None:
    add_annotator(database, "a person without a password")

    with pytest.raises(NotFound, match=f"There is no account {who}. `inkling user list` shows them"):
        set_password(database, who)
    with pytest.raises(NotFound, match=f"There is no account {who}"):
        set_disabled(database, True, who)
    assert audited(database) == []


@contextmanager
def hashes_counted(*names: str) -> Iterator[list[str]]:
    """The password verifications, or what is named, that run inside the block, seen from outside of the program."""
    watched = names or ("verify",)
    calls: list[str] = []

    def look(frame: FrameType, what: str, _: object) -> None:
        if what == "call" and frame.f_code.co_name in watched and "/argon2/" in frame.f_code.co_filename:
            calls.append(frame.f_code.co_filename)

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield calls
    finally:
        sys.setprofile(before)


def test_whoever_is_refused_costs_the_same_work(database: Database) -> None:
    # A quicker answer to an unknown name would tell strangers who has an account.
    add_account(database, "ada")
    add_account(database, "gone")
    set_disabled(database, True, "gone")
    add_annotator(database, "without a password")
    work = {}
    for name, password in (
        ("ada", "a wrong password"),
        ("nobody", PASSWORD),
        ("gone", PASSWORD),
        ("without a password", PASSWORD),
    ):
        with hashes_counted() as calls:
            assert not may_log_in(database, password, name)
        work[name] = len(calls)

    assert set(work.values()) == {1}


def test_whoever_is_refused_hears_the_same(database: Database) -> None:
    add_account(database, "ada")
    add_account(database, "gone")
    set_disabled(database, True, "gone")
    heard = set()
    for name, password in (("ada", "a wrong password"), ("nobody", PASSWORD), ("gone", PASSWORD), ("", "")):
        with pytest.raises(WrongLogin) as caught:
            check_password(database, password, name)
        heard.add((caught.value.message, str(caught.value.context)))

    assert len(heard) == 1


# Audit and secret


def test_what_is_done_to_accounts_is_written_down(database: Database) -> None:
    add_account(database, "boss", role="admin")
    ada = add_account(database, "ada", role="admin")
    set_password(database)
    create_token(database, ada)
    create_token(database, ada, "session")
    with database.write() as session:
        tokens.revoke_token(session, 1, now=NOW)
    set_disabled(database, True)
    set_disabled(database, False)

    assert audited(database) == [
        ("admin added", "boss"),
        ("admin added", "ada"),
        ("password set", "ada"),
        ("token created", "ada"),
        ("token revoked", "ada"),
        ("account disabled", "ada"),
        ("account enabled", "ada"),
    ]


def test_the_secret_is_made_once_and_kept(database: Database) -> None:
    def read(_: int) -> str:
        with database.write() as session:
            return tokens.ensure_secret(session)

    secrets = race(4, read)

    assert len(set(secrets)) == 1
    assert len(str(secrets[0])) == 64

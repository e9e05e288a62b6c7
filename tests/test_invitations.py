"""Links with which people set a password: used once, by one of those who race for it, and by nobody after their end."""

import hashlib

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from app import accounts, invitations
from app.db import Database
from app.errors import (
    AccountDisabled,
    InvitationNotFound,
    NameInvalid,
    NameTaken,
    NoAccountsYet,
    NotFound,
)
from app.models import Annotator, AuditEntry, Invitation, Pool

from .factories.acts import ask_and_answer
from .factories.invited import CHOSEN, accept, actor_of, invite, is_open, offer_password
from .factories.logins import (
    PASSWORD,
    add_account,
    create_token,
    everything_stored,
    may_log_in,
    owner_of,
    set_disabled,
    set_password,
)
from .factories.making import NOW, after
from .factories.stored import standing
from .factories.watching import race

DAY_SECONDS = 24 * 3600


@pytest.fixture
def boss(database: Database) -> Annotator:
    """The admin without whom nobody is invited."""
    return add_account(database, "boss", role="admin")


def set_role(database: Database, name: str, role: str) -> None:
    """Another role."""
    with database.write() as session:
        accounts.set_role(session, name, "admin" if role == "admin" else "annotator", now=NOW)


def names_and_roles(database: Database) -> list[tuple[str, str]]:
    with database.read() as session:
        return [(each.name, each.role) for each in accounts.list_accounts(session)]


@pytest.mark.parametrize("role", ["annotator", "admin"])
def test_a_link_makes_the_account_that_it_is_for(database: Database, boss: Annotator, role: str) -> None:
    plain = invite(database, "eve", "admin" if role == "admin" else "annotator", by=actor_of(boss))

    account = accept(database, plain, "another name")

    assert (account.name, account.role) == ("eve", role)
    assert may_log_in(database, CHOSEN, "eve")


@pytest.mark.usefixtures("boss")
def test_the_token_is_stored_as_its_hash_alone(database: Database) -> None:
    plain = invite(database)

    assert len(plain) >= 43  # 256 bits
    assert plain not in everything_stored(database)
    with database.read() as session:
        assert session.scalars(select(Invitation.sha256)).one() == hashlib.sha256(plain.encode()).hexdigest()


@pytest.mark.usefixtures("boss")
def test_looking_at_a_link_does_not_use_it(database: Database) -> None:
    plain = invite(database)

    assert [is_open(database, plain) for _ in range(3)] == [True] * 3
    accept(database, plain)
    assert not is_open(database, plain)


@pytest.mark.usefixtures("boss")
def test_whoever_may_choose_a_name_gets_that_one(database: Database) -> None:
    plain = invite(database, None)

    assert accept(database, plain, "eve").name == "eve"


@pytest.mark.usefixtures("boss")
@pytest.mark.parametrize(
    ("name", "error"), [("", NameInvalid), ("<b>", NameInvalid), ("boss", NameTaken), ("BOSS", NameTaken)]
)
def test_a_name_that_cannot_be_had_uses_nothing_up(database: Database, name: str, error: type[Exception]) -> None:
    plain = invite(database, None)

    with pytest.raises(error):
        accept(database, plain, name)

    assert is_open(database, plain)
    assert accept(database, plain, "eve").name == "eve"


@pytest.mark.usefixtures("boss")
def test_whoever_chooses_a_name_does_not_get_the_labels_of_another(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    ask_and_answer(database, pool, ada, 3)
    chosen, meant = invite(database, None), invite(database, "ada")

    with pytest.raises(NameTaken, match="Somebody here has the name ada already"):
        accept(database, chosen, "ada")

    assert accept(database, meant).id == ada.id  # the admin has said that it is she
    assert len(standing(database)) == 3


@pytest.mark.usefixtures("boss")
def test_of_those_who_open_a_link_at_once_one_gets_in(database: Database) -> None:
    plain = invite(database, None)

    outcomes = race(8, lambda index: accept(database, plain, f"guest {index}", f"password number {index}"))

    assert sum(isinstance(outcome, Annotator) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, InvitationNotFound) for outcome in outcomes) == 7
    assert len(names_and_roles(database)) == 2


@pytest.mark.usefixtures("boss")
@pytest.mark.parametrize("end", ["used", "revoked", "expired", "replaced", "unknown", "cut short"])
def test_a_link_that_is_over_opens_nothing_and_says_what_to_do(database: Database, end: str) -> None:
    plain, seconds = invite(database, days=1), 1.0
    match end:
        case "used":
            accept(database, plain)
        case "revoked":
            with database.write() as session:
                invitations.revoke_invitation(session, 1, now=NOW)
        case "expired":
            seconds = DAY_SECONDS
        case "replaced":
            assert is_open(database, invite(database))
        case "unknown":
            plain = "x" * len(plain)
        case _:
            plain = plain[:-1]

    assert not is_open(database, plain, seconds=seconds)
    before = names_and_roles(database)
    with pytest.raises(InvitationNotFound, match="Ask whoever sent it to you for a new one"):
        accept(database, plain, "mallory", seconds=seconds)
    assert names_and_roles(database) == before


@pytest.mark.usefixtures("boss")
def test_a_link_lasts_as_long_as_it_says(database: Database) -> None:
    plain = invite(database, days=2)

    assert is_open(database, plain, seconds=2 * DAY_SECONDS - 0.001)
    assert not is_open(database, plain, seconds=2 * DAY_SECONDS)


def test_without_accounts_nobody_is_invited(database: Database) -> None:
    with pytest.raises(NoAccountsYet, match="inkling user add NAME --admin"):
        invite(database, role="admin")


@pytest.mark.usefixtures("boss")
def test_nobody_is_invited_under_the_name_of_another(database: Database) -> None:
    for name in ("boss", "Boss", "oracle"):
        with pytest.raises(NameTaken):
            invite(database, name)
    with pytest.raises(NameInvalid):
        invite(database, "")


@pytest.mark.usefixtures("boss")
def test_a_link_for_a_name_that_got_an_account_otherwise_is_over(database: Database) -> None:
    plain = invite(database, "eve")
    add_account(database, "eve")

    assert not is_open(database, plain)


# New passwords


def test_a_link_sets_a_new_password_and_ends_sessions_and_tokens(database: Database) -> None:
    ada = add_account(database, "ada")
    session, script = create_token(database, ada, "session"), create_token(database, ada)
    plain = offer_password(database)
    assert (may_log_in(database, PASSWORD), owner_of(database, session, "session")) == (True, "ada")

    account = accept(database, plain, "another name")

    assert (account.name, account.role) == ("ada", "annotator")
    assert (may_log_in(database, PASSWORD), may_log_in(database, CHOSEN)) == (False, True)
    assert owner_of(database, session, "session") is None
    assert owner_of(database, script) is None


@pytest.mark.usefixtures("boss")
@pytest.mark.parametrize("what", ["a newer link", "a new password", "disabled"])
def test_a_link_for_a_password_ends_with_what_comes_later(database: Database, what: str) -> None:
    add_account(database, "ada")
    plain = offer_password(database)
    match what:
        case "a newer link":
            assert is_open(database, offer_password(database))
        case "a new password":
            set_password(database)
        case _:
            set_disabled(database, True)
            set_disabled(database, False)

    assert not is_open(database, plain)


def test_a_link_for_a_password_is_made_for_an_account_that_may_log_in(database: Database, ada: Annotator) -> None:
    with pytest.raises(NotFound, match="There is no account ada"):
        offer_password(database, ada.name)
    add_account(database, "boss", role="admin")
    add_account(database, "ada")
    set_disabled(database, True)
    with pytest.raises(AccountDisabled, match="Enable it first"):
        offer_password(database)


# Who invited


@pytest.mark.usefixtures("boss")
@pytest.mark.parametrize("what", ["demoted", "disabled"])
def test_the_invitations_of_an_admin_end_with_the_admin(database: Database, what: str) -> None:
    mallory = add_account(database, "mallory", role="admin")
    add_account(database, "ada")
    kept = invite(database, "ben")
    mine, password = (
        invite(database, "eve", "admin", by=actor_of(mallory)),
        offer_password(database, "ada", by=actor_of(mallory)),
    )

    if what == "demoted":
        set_role(database, "mallory", "annotator")
    else:
        set_disabled(database, True, "mallory")

    assert [is_open(database, plain) for plain in (mine, password, kept)] == [False, False, True]


def test_the_open_ones_are_listed_with_who_made_them(database: Database, boss: Annotator) -> None:
    add_account(database, "ada")
    used, revoked = invite(database, "used"), invite(database, "revoked")
    invite(database, "eve", "admin", by=actor_of(boss))
    invite(database, None, days=1)
    offer_password(database, by=actor_of(boss), now=after(5))
    accept(database, used)
    assert is_open(database, revoked)
    with database.write() as session:
        invitations.revoke_invitation(session, 2, now=NOW)

    with database.read() as session:
        found = invitations.list_invitations(session)
        listed = [
            (invitations.name_of(one), one.role, one.inviter.name if one.inviter else None, one.expires_at - NOW)
            for one in found
        ]

    assert [row[:3] for row in listed] == [
        ("eve", "admin", "boss"),
        ("(left open)", "annotator", None),
        ("ada", None, "boss"),
    ]
    assert [row[3].total_seconds() for row in listed] == [7 * DAY_SECONDS, DAY_SECONDS, 7 * DAY_SECONDS + 5]


@pytest.mark.usefixtures("boss")
@pytest.mark.parametrize("what", ["unknown", "used", "revoked"])
def test_only_an_open_one_can_be_taken_back(database: Database, what: str) -> None:
    plain = invite(database)
    if what == "used":
        accept(database, plain)
    elif what == "revoked":
        with database.write() as session:
            invitations.revoke_invitation(session, 1, now=NOW)

    with pytest.raises(NotFound, match="There is no open invitation"), database.write() as session:
        invitations.revoke_invitation(session, 99 if what == "unknown" else 1, now=NOW)


def test_it_is_all_written_down(database: Database, boss: Annotator) -> None:
    accept(database, invite(database, None, by=actor_of(boss)), "eve")
    accept(database, offer_password(database, "eve", by=actor_of(boss)))
    invite(database, "ben", "admin")
    with database.write() as session:
        invitations.revoke_invitation(session, 3, by=actor_of(boss), now=NOW)
    with database.read() as session:
        rows = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()[1:]

    assert [(row.action, row.name, row.actor) for row in rows] == [
        ("annotator invitation 1 made", "(left open)", "boss"),
        ("annotator added", "eve", None),
        ("annotator invitation 1 used", "eve", None),
        ("password link 2 made", "eve", "boss"),
        ("password set", "eve", None),
        ("password link 2 used", "eve", None),
        ("admin invitation 3 made", "ben", None),
        ("admin invitation 3 revoked", "ben", "boss"),
    ]
    assert (rows[0].address, rows[0].request_id) == ("10.0.0.1", "a request")


@pytest.mark.usefixtures("boss")
@pytest.mark.parametrize(
    "change",
    [
        "role = NULL",
        "annotator_id = 1",
        "role = 'oracle'",
        "annotator_id = 1, role = NULL",  # and it has a name
        "used_at = created_at, revoked_at = created_at",
        "sha256 = 'short'",
        "expires_at = created_at",
    ],
)
def test_the_schema_takes_no_invitation_that_makes_no_sense(database: Database, change: str) -> None:
    invite(database)

    with pytest.raises(IntegrityError, match="CHECK constraint failed"), database.write() as session:
        session.execute(text(f"UPDATE invitation SET {change}"))

"""Roles of accounts: changed by admins, of whom one is always left."""

import pytest
from sqlalchemy import select

from app import accounts
from app.audit import COMMAND, Actor
from app.db import Database
from app.errors import LastAdmin, NotAllowed
from app.models import AccountRole, AuditEntry

from .factories.logins import add_account, set_disabled
from .factories.making import NOW, add_annotator
from .factories.watching import race


def set_role(database: Database, role: AccountRole, name: str = "ada", *, by: Actor = COMMAND) -> None:
    """Another role."""
    with database.write() as session:
        accounts.set_role(session, name, role, by=by, now=NOW)


def roles_of(database: Database) -> dict[str, str]:
    """The roles of the accounts that are enabled."""
    with database.read() as session:
        return {each.name: each.role for each in accounts.list_accounts(session) if not each.is_disabled}


def test_a_role_is_changed_and_changed_back_and_told_with_who_did_it(database: Database) -> None:
    boss = add_account(database, "boss", role="admin")
    add_account(database, "ada")
    by = Actor(boss.id, "boss", "10.0.0.1", "a request")

    set_role(database, "admin", by=by)
    assert roles_of(database) == {"ada": "admin", "boss": "admin"}
    set_role(database, "admin", by=by)  # it is one already: nothing is written down
    set_role(database, "annotator", by=by)
    assert roles_of(database) == {"ada": "annotator", "boss": "admin"}

    with database.read() as session:
        rows = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()[2:]
    assert [(row.action, row.name, row.actor, row.address, row.request_id) for row in rows] == [
        ("made admin", "ada", "boss", "10.0.0.1", "a request"),
        ("made annotator", "ada", "boss", "10.0.0.1", "a request"),
    ]


def test_the_last_enabled_admin_is_neither_demoted_nor_disabled(database: Database) -> None:
    add_account(database, "ada", role="admin")
    add_account(database, "gone", role="admin")
    add_account(database, "ben")
    add_annotator(database, "without a password", role="admin")
    set_disabled(database, True, "gone")

    with pytest.raises(LastAdmin, match=r"ada is the last enabled admin\. Make another account an admin first"):
        set_role(database, "annotator")
    with pytest.raises(LastAdmin, match="ada is the last enabled admin"):
        set_disabled(database, True)

    assert roles_of(database) == {"ada": "admin", "ben": "annotator"}
    set_role(database, "admin", "ben")
    set_disabled(database, True)
    assert roles_of(database) == {"ben": "admin"}


@pytest.mark.parametrize("act", ["demote", "disable"])
def test_of_admins_who_put_each_other_out_at_once_one_is_left(database: Database, act: str) -> None:
    names = [f"admin {index}" for index in range(6)]
    for name in names:
        add_account(database, name, role="admin")

    def contend(index: int) -> None:
        if act == "demote":
            set_role(database, "annotator", names[index])
        else:
            set_disabled(database, True, names[index])

    outcomes = race(len(names), contend)

    assert sum(isinstance(outcome, LastAdmin) for outcome in outcomes) == 1
    assert outcomes.count(None) == len(names) - 1
    assert list(roles_of(database).values()).count("admin") == 1


@pytest.mark.parametrize("what", ["demoted", "disabled"])
def test_whoever_was_put_out_a_moment_ago_acts_no_more(database: Database, what: str) -> None:
    add_account(database, "boss", role="admin")
    ada = add_account(database, "ada", role="admin")
    if what == "demoted":
        set_role(database, "annotator")
    else:
        set_disabled(database, True)

    with pytest.raises(NotAllowed, match="may not do this any more"), database.read() as session:
        accounts.ensure_may(session, ada.id, as_admin=True)
    if what == "demoted":
        with database.read() as session:
            assert accounts.ensure_may(session, ada.id, as_admin=False).name == "ada"

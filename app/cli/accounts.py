"""`inkling user` and `inkling token`: who may log in."""

import datetime as dt
import sys
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from app import accounts, invitations, tokens
from app.cli.console import failures_in_words, notes, open_database, screen
from app.invitations import DAYS, MAX_DAYS, Made
from app.logs import one_line
from app.models import AccountRole
from app.names import check_name
from app.passwords import hash_password

user_app = typer.Typer(help="Accounts: who may log in.", no_args_is_help=True)
token_app = typer.Typer(help="Tokens: what scripts show instead of a password.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The account's name.")]
Url = Annotated[str, typer.Option(help="Where people reach the server, to print the whole link.")]
Days = Annotated[int, typer.Option(min=1, max=MAX_DAYS, help="Days until the link expires.")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


@user_app.command("add")
def add_user(
    name: Name,
    admin: Annotated[bool, typer.Option("--admin", help="May do everything; else label only.")] = False,
    password_stdin: FromStdin = False,
) -> None:
    """Create an account. From the first one on, the server asks everyone to log in."""
    with failures_in_words():
        name = check_name(name)  # before the password is asked for
        database, password = open_database(), hash_password(_read_password(password_stdin))
        with database.write() as session:
            is_first = not accounts.has_accounts(session)
            account = accounts.add_account(session, name, "admin" if admin else "annotator", password, now=_now())
    screen.print(f"Created {account.role} “{account.name}”.", highlight=False)
    if is_first and not admin:
        notes.print("There is no admin yet. Create one with: inkling user add NAME --admin")


@user_app.command("list")
def list_users() -> None:
    """All accounts."""
    with failures_in_words(), open_database().read() as session:
        shown = Table("name", "role", "enabled", "since")
        for account in accounts.list_accounts(session):
            is_enabled = "no" if account.is_disabled else "yes"
            shown.add_row(account.name, account.role, is_enabled, f"{account.created_at:%Y-%m-%d}")
    screen.print(shown)


@user_app.command("disable")
def disable_user(name: Name) -> None:
    """Disable an account at once; its labels stay. The last enabled admin stays enabled."""
    with failures_in_words(), open_database().write() as session:
        accounts.set_disabled(session, name, True, now=_now())
    screen.print(f"Disabled “{name}”: sessions and tokens are revoked, held images are free.", highlight=False)


@user_app.command("enable")
def enable_user(name: Name) -> None:
    """Enable a disabled account, with its old password."""
    with failures_in_words(), open_database().write() as session:
        accounts.set_disabled(session, name, False, now=_now())
    screen.print(f"Enabled “{name}”. Its tokens were revoked: create new ones.", highlight=False)


@user_app.command("role")
def set_role(name: Name, role: Annotated[AccountRole, typer.Argument(help="What the account is to be.")]) -> None:
    """Make an admin of an annotator, or the other way round. The last enabled admin stays one."""
    with failures_in_words(), open_database().write() as session:
        account = accounts.set_role(session, name, role, now=_now())
    screen.print(f"“{account.name}” is {account.role} now.", highlight=False)


@user_app.command("invite")
def invite(
    name: Annotated[str | None, typer.Argument(help="The account's name; left out, the person chooses it.")] = None,
    role: Annotated[AccountRole, typer.Option(help="What the account will be.")] = "annotator",
    url: Url = "",
    days: Days = DAYS,
) -> None:
    """Make a link with which somebody makes their account. It works once, and is shown once."""
    with failures_in_words(), open_database().write() as session:
        made = invitations.invite(session, name, role, days=days, now=_now())
    _print_link(made, url)


@user_app.command("password")
def set_password(
    name: Name,
    password_stdin: FromStdin = False,
    link: Annotated[bool, typer.Option("--link", help="Print a link for a new password instead.")] = False,
    url: Url = "",
    days: Days = DAYS,
) -> None:
    """Set a new password; open sessions and tokens are revoked, and a wait after failed logins ends."""
    with failures_in_words():
        if link:
            with open_database().write() as session:
                made = invitations.offer_password(session, name, days=days, now=_now())
            _print_link(made, url)
            return
        database, password = open_database(), hash_password(_read_password(password_stdin))
        with database.write() as session:
            accounts.set_password(session, name, password, now=_now())
    screen.print(f"Set a new password for “{name}”; open sessions and tokens are revoked.", highlight=False)


@token_app.command("create")
def create_token(
    name: Name,
    purpose: Annotated[str, typer.Option("--for", help="What it is for, to tell tokens apart.")] = "script",
    days: Annotated[int | None, typer.Option(min=1, help="Days until it expires; never if left out.")] = None,
) -> None:
    """Create a token that acts as this account. It is shown once."""
    with failures_in_words(), open_database().write() as session:
        account = accounts.get_account(session, name)
        lifetime = dt.timedelta(days=days) if days is not None else None
        plain = tokens.create_token(session, account, "api", purpose[:64], now=_now(), lifetime=lifetime)
    screen.print(plain, highlight=False, soft_wrap=True)
    notes.print("Keep it now: it is not shown again. Use it as  Authorization: Bearer <token>", highlight=False)


@token_app.command("list")
def list_tokens() -> None:
    """The tokens in force."""
    with failures_in_words(), open_database().read() as session:
        shown = Table("id", "account", "for", "created", "expires")
        for token in tokens.list_tokens(session):
            expires = f"{token.expires_at:%Y-%m-%d}" if token.expires_at else "never"
            shown.add_row(
                str(token.id),
                token.annotator.name,
                escape(one_line(token.name)),
                f"{token.created_at:%Y-%m-%d}",
                expires,
            )
    screen.print(shown)


@token_app.command("revoke")
def revoke_token(token_id: Annotated[int, typer.Argument(help="Its id, as `inkling token list` shows it.")]) -> None:
    """Revoke a token at once."""
    with failures_in_words(), open_database().write() as session:
        tokens.revoke_token(session, token_id, now=_now())
    screen.print(f"Revoked token {token_id}.", highlight=False)


def _print_link(made: Made, url: str) -> None:
    screen.print(f"{url.rstrip('/')}{made.path}", highlight=False, soft_wrap=True, markup=False)
    until = f"{made.invitation.expires_at:%Y-%m-%d %H:%M}"
    notes.print(f"Send it now: it is not shown again. It works once, until {until} UTC.", highlight=False)


def _read_password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt="Again"))


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)

"""`inkling user` and `inkling token`: who may log in."""

import datetime as dt
import sys
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from app import accounts
from app.cli.console import failures_in_words, notes, open_database, screen
from app.logs import one_line
from app.names import check_name
from app.passwords import hash_password

user_app = typer.Typer(help="Accounts: who may log in.", no_args_is_help=True)
token_app = typer.Typer(help="Tokens: what scripts show instead of a password.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The account's name.")]
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
    """Disable an account at once; its labels stay."""
    with failures_in_words(), open_database().write() as session:
        accounts.set_disabled(session, name, True, now=_now())
        has_admin = any(each.role == "admin" and not each.is_disabled for each in accounts.list_accounts(session))
    screen.print(f"Disabled “{name}”: sessions and tokens are revoked, held images are free.", highlight=False)
    if not has_admin:
        notes.print("No enabled admin is left. Enable one with: inkling user enable NAME")


@user_app.command("enable")
def enable_user(name: Name) -> None:
    """Enable a disabled account, with its old password."""
    with failures_in_words(), open_database().write() as session:
        accounts.set_disabled(session, name, False, now=_now())
    screen.print(f"Enabled “{name}”. Its tokens were revoked: create new ones.", highlight=False)


@user_app.command("password")
def set_password(name: Name, password_stdin: FromStdin = False) -> None:
    """Set a new password; open sessions are revoked, and a wait after failed logins ends."""
    with failures_in_words():
        database, password = open_database(), hash_password(_read_password(password_stdin))
        with database.write() as session:
            accounts.set_password(session, name, password, now=_now())
    screen.print(f"Set a new password for “{name}”; open sessions are revoked.", highlight=False)


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
        plain = accounts.create_token(session, account, "api", purpose[:64], now=_now(), lifetime=lifetime)
    screen.print(plain, highlight=False, soft_wrap=True)
    notes.print("Keep it now: it is not shown again. Use it as  Authorization: Bearer <token>", highlight=False)


@token_app.command("list")
def list_tokens() -> None:
    """The tokens in force."""
    with failures_in_words(), open_database().read() as session:
        shown = Table("id", "account", "for", "created", "expires")
        for token in accounts.list_tokens(session):
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
        accounts.revoke_token(session, token_id, now=_now())
    screen.print(f"Revoked token {token_id}.", highlight=False)


def _read_password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt="Again"))


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)

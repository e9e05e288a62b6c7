"""`inkling label`: what an admin does with the labels of others."""

import datetime as dt
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from app import accounts, labeling, revoking
from app.cli.console import failures_in_words, open_database, screen
from app.errors import NotFound
from app.models import LOCAL, Annotator
from app.pools import get_pool

label_app = typer.Typer(help="Labels that were given.", no_args_is_help=True)


@label_app.command("revoke")
def revoke_labels(
    slug: Annotated[str, typer.Argument(metavar="POOL", help="The pool.")],
    by: Annotated[str, typer.Option(help="The annotator whose labels are taken back.")],
    admin: Annotated[
        str | None, typer.Option("--as", help="The admin who does it; needed if there are several.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take back all labels of an annotator, each by an undo in its image's history; the images are free again."""
    with failures_in_words():
        database, now = open_database(), dt.datetime.now(dt.UTC)
        with database.write() as session:
            pool, acting = get_pool(session, slug), _get_admin(session, admin, now)
        if not yes:
            typer.confirm(f"Take back all labels of {by} in {slug}?", abort=True)
        n_revoked = revoking.revoke_labels(database, pool, acting, by, now=now)
    labels = "label" if n_revoked == 1 else "labels"
    screen.print(f"Revoked {n_revoked:,} {labels} of {by} in {slug}.", highlight=False)


def _get_admin(session: Session, name: str | None, now: dt.datetime) -> Annotator:
    """The admin of this name, or the only one; on a server without accounts the person at this machine."""
    admins = [one for one in accounts.list_accounts(session) if one.role == "admin" and not one.is_disabled]
    found = [one for one in admins if name in (None, one.name)]
    if len(found) == 1:
        return found[0]
    if name is None and not accounts.has_accounts(session):
        return labeling.ensure_annotator(session, LOCAL, now=now)
    raise NotFound(f"Say which admin does it: --as {' or '.join(one.name for one in admins) or 'NAME'}.")

"""Run by `Database.migrate` with its connection, or by `alembic revision --autogenerate` from the shell."""

from alembic import context
from sqlalchemy import Connection

from app.db import Database
from app.models import Base
from app.settings import Settings


def run(connection: Connection) -> None:
    """Apply the migrations inside the caller's transaction."""
    # SQLite can alter little: batch mode rebuilds the table instead.
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with Database(Settings().database_url).engine.begin() as own:
        run(own)

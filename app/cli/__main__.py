"""`python -m app.cli` is `inkling`."""

from app.cli import app

app()

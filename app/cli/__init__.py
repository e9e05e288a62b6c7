"""The command line: parse, one domain call, print. Results go to stdout, everything else to stderr."""

from typing import Annotated

import typer

from app.cli.console import Commands, failures_in_words, get_settings
from app.cli.operations import back_up, restore, verify
from app.cli.oracle import oracle
from app.cli.people import token_app, user_app
from app.cli.pools import export_labels, pool_app
from app.server import serve as serve_application

app = typer.Typer(
    cls=Commands,
    help="Inkling: label the digits the model is least sure of.",
    no_args_is_help=True,
    add_completion=False,
)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (INKLING_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (INKLING_PORT); 0 takes a free one.")] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the labeling page in a browser.")] = False,
) -> None:
    """Serve the labeling page, the oracle page and the REST API."""
    given = {"host": host, "port": port}
    with failures_in_words():
        settings = get_settings(**{name: value for name, value in given.items() if value is not None})
        serve_application(settings, open_browser=open_browser)


app.command()(oracle)
app.command("export")(export_labels)
app.command()(verify)
app.command("backup")(back_up)
app.command()(restore)
app.add_typer(pool_app, name="pool")
app.add_typer(user_app, name="user")
app.add_typer(token_app, name="token")

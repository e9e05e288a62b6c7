"""The command line: parse, one domain call, print. Results go to stdout, everything else to stderr."""

from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

# Each command: where it is, and the line that `inkling --help` shows. Only a command that is run is imported.
COMMANDS = {
    "serve": ("serving:serve", "Serve the labeling page, the oracle page and the REST API."),
    "train": (
        "training:train",
        "Train the rounds that are due and run what the oracle page asks for, until interrupted.",
    ),
    "oracle": (
        "oracle:oracle",
        "Simulate an annotator who is always right: the paper's experiments beside its numbers.",
    ),
    "export": ("exporting:export_labels", "Write the labels of a pool to a file."),
    "predict": ("predicting:predict", "Say which class each picture has by a model, and how sure that is."),
    "verify": (
        "operations:verify",
        "Compute every round again from its events, and compare bit for bit with what is stored.",
    ),
    "backup": ("operations:back_up", "Copy the database into one file, also while it is served; the copy is checked."),
    "restore": ("operations:restore", "Put a backup in the place of the database, while no server runs."),
    "pool": ("pools:pool_app", "The pools of images to label."),
    "label": ("labels:label_app", "Labels that were given."),
    "model": ("models:model_app", "Networks to take away, trained on the labels of a pool."),
    "user": ("accounts:user_app", "Accounts: who may log in."),
    "token": ("accounts:token_app", "Tokens: what scripts show instead of a password."),
}


def load_command(name: str) -> Any:
    """A command or a group of commands, as Typer runs it."""
    module, attribute = COMMANDS[name][0].split(":")
    found = getattr(import_module(f"app.cli.{module}"), attribute)
    holder = typer.Typer()
    if isinstance(found, typer.Typer):
        holder.add_typer(found, name=name)
    else:
        holder.command(name)(found)
    command = typer.main.get_group(holder).commands[name]
    _hide_types_of_flags(command)
    return command


def _hide_types_of_flags(command: Any) -> None:
    """In the help: a flag takes no value."""
    for param in command.get_params(typer.Context(command)):
        if getattr(param, "is_bool_flag", False):
            param.metavar = ""
    for below in getattr(command, "commands", {}).values():
        _hide_types_of_flags(below)


class _LazyGroup(TyperGroup):
    """Holds a stand-in for each command until one is run."""

    def __init__(self, **options: Any) -> None:
        stand_ins: Any = {name: TyperCommand(name, help=text) for name, (_, text) in COMMANDS.items()}
        super().__init__(**{**options, "commands": stand_ins})
        _hide_types_of_flags(self)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that the first word names."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, load_command(str(name)), rest


app = typer.Typer(cls=_LazyGroup, no_args_is_help=True, add_completion=False)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"inkling {version('inkling')}")
        raise typer.Exit


@app.callback()
def inkling(
    is_asked: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Inkling: label the images that the model learns most from."""

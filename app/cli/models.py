"""`inkling model`: networks to take away."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table
from sqlalchemy.orm import Session

from app import model_training, trained_models
from app.accuracy import Accuracy
from app.cli.child import end_with_parent, give_way, start_writer
from app.cli.console import failures_in_words, notes, open_database, screen
from app.cli.predicting import predict
from app.db import Database
from app.merges import read_merges
from app.model_cards import TESTED_ON, get_accuracy, write_card
from app.models import Pool, TrainedModel
from app.pools import get_pool
from app.predicting import ENDING, pack_model

model_app = typer.Typer(help="Networks to take away, trained on the labels of a pool.", no_args_is_help=True)

InSlug = Annotated[str, typer.Argument(metavar="POOL", help="The pool.")]
InModel = Annotated[int | None, typer.Option("--model", metavar="ID", min=1, help="Which; the newest if left out.")]


@model_app.command("train")
def train_model(
    slug: InSlug,
    seed: Annotated[int, typer.Option(min=0, max=trained_models.MAX_SEED, help="The same gives the same model.")] = 0,
    child: Annotated[bool, typer.Option("--child", hidden=True, help="As a process that the trainer starts.")] = False,
) -> None:
    """Train a network on the labels that stand, and on what the pool's learner predicts for the other images."""
    with failures_in_words():
        database = open_database()
        if child:
            end_with_parent()
            write = start_writer(database)
            give_way()
            model_training.run_queued_model(database, write, slug)
            return
        model = _train_here(database, slug, seed)
    if model.status != "done":
        screen.print(f"Model {model.id} is {model.status}. {escape(model.error or '')}".rstrip())
        raise typer.Exit(1)
    screen.print(f"Model {model.id} of {slug}: {_in_words(model)}.", highlight=False)


@model_app.command("list")
def list_models(slug: InSlug) -> None:
    """The models of a pool, newest first."""
    with failures_in_words(), open_database().read() as session:
        models, _ = trained_models.list_models(session, get_pool(session, slug), limit=1000)
    shown = Table("model", "status", "labels", "machine’s", "right", "begun")
    for model in models:
        accuracy = get_accuracy(model)
        shown.add_row(
            str(model.id),
            f"{model.status} {model.share:.0%}" if model.status == "running" else model.status,
            "" if model.n_human is None else f"{model.n_human + (model.n_oracle or 0):,}",
            "" if model.n_machine is None else f"{model.n_machine:,}",
            _with_interval(accuracy) if accuracy else "",
            f"{model.created_at:%Y-%m-%d %H:%M}",
        )
    screen.print(shown)


def export_model(
    slug: InSlug,
    file: Annotated[
        Path, typer.Argument(help="Where to: .inkling has all that predicting needs; .keras is for Keras alone.")
    ],
    model_id: InModel = None,
    card: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what is to be known about it here, as Markdown.")
    ] = None,
) -> None:
    """Write a model to one file. `inkling predict` opens it without a database."""
    with failures_in_words():
        if file.suffix not in (ENDING, ".keras"):
            raise typer.BadParameter(f"{file} should end in {ENDING} or .keras.")
        with open_database().read() as session:
            pool, model = _find(session, slug, model_id)
            network = trained_models.read_content(session, model)
            predictions = trained_models.read_predictions(session, model)
            merges = read_merges(session, pool)
        content = network if file.suffix == ".keras" else pack_model(pool, merges, model, network, predictions)
        file.write_bytes(content)
        if card is not None:
            card.write_text(write_card(pool, model, predictions), encoding="utf-8")
    screen.print(f"Model {model.id} of {slug} is in {escape(str(file))} ({len(content):,} bytes).", highlight=False)


for name in ("export", "download"):  # the second is its name before 0.6
    model_app.command(name)(export_model)
model_app.command("predict")(predict)


def _train_here(database: Database, slug: str, seed: int) -> TrainedModel:
    now = dt.datetime.now(dt.UTC)
    with database.write() as session:
        pool = get_pool(session, slug)
        model_id = trained_models.request_model(session, pool, seed=seed, now=now).id
        claimed = trained_models.claim(session, pool, model_id, now=now)
    assert claimed is not None  # in one transaction
    with Progress(console=notes, transient=True) as progress:
        bar = progress.add_task("training", total=1.0)

        def show(step: str, share: float) -> None:
            progress.update(bar, description=step, completed=share)

        model_training.run_claimed(database, database.write_together, pool, claimed, show)
    with database.read() as session:
        return trained_models.get_model(session, pool, model_id)


def _find(session: Session, slug: str, model_id: int | None) -> tuple[Pool, TrainedModel]:
    pool = get_pool(session, slug)
    if model_id is None:
        return pool, trained_models.get_newest_done(session, pool)
    return pool, trained_models.get_model(session, pool, model_id)


def _with_interval(accuracy: Accuracy) -> str:
    low, high = accuracy.interval
    return f"{accuracy.value:.2%} ({low:.1%} to {high:.1%})"


def _in_words(model: TrainedModel) -> str:
    accuracy = get_accuracy(model)
    trained = f"trained in {(model.train_ms or 0) / 1000:.0f} s on {_count_labels(model)}"
    if accuracy is None or model.tested_on is None:
        return f"{trained}; how many images it gets right is not known"
    return f"{trained}; {_with_interval(accuracy)} right on {TESTED_ON[model.tested_on]}"


def _count_labels(model: TrainedModel) -> str:
    counts: Sequence[tuple[int | None, str]] = (
        (model.n_human, "by people"),
        (model.n_oracle, "by the oracle"),
        (model.n_machine, "by the learner"),
    )
    return "labels " + ", ".join(f"{who}: {count:,}" for count, who in counts if count)

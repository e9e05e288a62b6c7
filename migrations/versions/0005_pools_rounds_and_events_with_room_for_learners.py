"""pools, images, rounds, events and leases with room for learners and answers"""

import hashlib
import sqlite3
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

LEARNERS = "'softmax', 'graph'"
STRATEGIES = "'least_confidence', 'margin', 'entropy', 'random'"
ASKED_BY = "asked_by IN ('strategy', 'chance', 'review')"
SOURCES = "source IN ('human', 'oracle', 'model')"
HEXADECIMAL = "length(sha256) = 64"


def upgrade() -> None:
    """Bring the schema forward.

    What was asked before was asked by the strategy. The labels that stand become answers of those who gave them first:
    an admin's change is a change of that answer.
    """
    _widen_pool()
    _widen_image()
    _widen_round()
    _widen_label_event()
    _widen_lease()
    op.execute(
        "WITH RECURSIVE origin AS (SELECT label.*, event_id AS at_id FROM label UNION ALL "
        "SELECT image_id, pool_id, event_id, value, source, "
        "(SELECT undoes_id FROM label_event WHERE id = at_id) FROM origin "
        "WHERE (SELECT kind FROM label_event WHERE id = at_id) = 'change') "
        "INSERT INTO answer (image_id, annotator_id, pool_id, event_id, value) "
        "SELECT origin.image_id, annotator_id, origin.pool_id, event_id, origin.value "
        "FROM origin JOIN label_event ON label_event.id = at_id AND kind = 'label'"
    )


def downgrade() -> None:
    """Take it back; it fails where a model has labeled, which has no place in the version before."""
    _narrow_lease()
    _narrow_label_event()
    with op.batch_alter_table("round") as batch:
        for rule in ("validation_is_counted", "asked_by_is_known"):
            batch.drop_constraint(op.f(f"ck_round_{rule}"), type_="check")
        for other in ("feature_set", "trained_model"):
            batch.drop_constraint(f"fk_round_{other}_id_{other}", type_="foreignkey")
            batch.drop_column(f"{other}_id")
        batch.drop_column("asked_by")
    op.execute("UPDATE round SET validation_correct = 0 WHERE validation_total = 0")
    with op.batch_alter_table("round") as batch:
        batch.alter_column("validation_correct", existing_type=sa.Integer(), nullable=False)
    op.drop_index("ix_image_original", "image")
    with op.batch_alter_table("image") as batch:
        batch.drop_constraint(op.f("ck_image_sha256_is_hexadecimal"), type_="check")
        batch.drop_column("sha256")
        batch.drop_column("name")
    _narrow_pool()


def _make_anew(table: str, *parts: sa.schema.SchemaItem, values: dict[str, str], **options: Any) -> None:
    """SQLite can alter little: the table is made anew, and its rows are copied, once.

    `values` has what a column gets that is not copied as it is, as SQL on the old row.
    """
    op.create_table(f"{table}_anew", *parts, **options)
    columns = [part.name for part in parts if isinstance(part, sa.Column)]
    old, new = sa.table(table), sa.table(f"{table}_anew", *map(sa.column, columns))
    chosen: list[sa.ColumnClause[Any]] = [sa.literal_column(values.get(name, f'"{name}"')) for name in columns]
    op.execute(sa.insert(new).from_select(columns, sa.select(*chosen).select_from(old)))
    op.drop_table(table)
    op.rename_table(f"{table}_anew", table)


def _integers(*names: str, nullable: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer(), nullable=nullable) for name in names]


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def _to(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}")


def _widen_pool() -> None:
    _make_anew(
        "pool",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("dataset", sa.String(length=64), nullable=False),
        sa.Column("dataset_description", sa.String(length=500), nullable=False),
        sa.Column("dataset_sha256", sa.String(length=64), nullable=False),
        sa.Column("classes", sa.JSON(), nullable=False),
        *_integers("n_images", "height", "width", "channels"),
        sa.Column("learner", sa.String(length=10), nullable=False),
        sa.Column("strategy", sa.String(length=20), nullable=False),
        *_integers("batch_size", "queue_size", "answers_wanted"),
        sa.Column("description", sa.String(length=1000), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("archived_at", sa.DateTime(), nullable=True),
        _check("pool", "has_images", "n_images > 0 AND height > 0 AND width > 0"),
        _check("pool", "batch_size_is_positive", "batch_size > 0"),
        _check("pool", "learner_is_known", f"learner IN ({LEARNERS})"),
        _check("pool", "strategy_is_known", f"strategy IN ({STRATEGIES})"),
        _check("pool", "channels_are_grey_or_colour", "channels IN (1, 3)"),
        _check("pool", "answers_are_wanted", "answers_wanted > 0"),
        sa.PrimaryKeyConstraint("id", name="pk_pool"),
        sa.UniqueConstraint("slug", name="uq_pool_slug"),
        values={
            "channels": "1",
            "learner": "model",
            "strategy": "ranking",
            "answers_wanted": "1",
            "description": "NULL",
            "archived_at": "NULL",
        },
    )


def _narrow_pool() -> None:
    with op.batch_alter_table("pool") as batch:
        for rule in ("learner_is_known", "strategy_is_known", "channels_are_grey_or_colour", "answers_are_wanted"):
            batch.drop_constraint(op.f(f"ck_pool_{rule}"), type_="check")
        for column in ("channels", "answers_wanted", "description", "archived_at"):
            batch.drop_column(column)
        batch.alter_column("learner", new_column_name="model", existing_type=sa.String(10), type_=sa.String(32))
        batch.alter_column("strategy", new_column_name="ranking", existing_type=sa.String(20), type_=sa.String(32))


def _widen_image() -> None:
    driver = op.get_bind().connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    driver.create_function("sha256_of", 1, lambda data: hashlib.sha256(data).hexdigest(), deterministic=True)
    _make_anew(
        "image",
        *_integers("id", "pool_id"),
        sa.Column("split", sa.String(length=10), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("truth", sa.Integer(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=True),
        sa.Column("pixels", sa.LargeBinary(), nullable=False),
        _check("image", "split_is_known", "split IN ('pool', 'validation', 'test')"),
        _check("image", "sha256_is_hexadecimal", HEXADECIMAL),
        _to("image", "pool_id", "pool"),
        sa.PrimaryKeyConstraint("id", name="pk_image"),
        sa.UniqueConstraint("pool_id", "split", "position", name="uq_image_pool_id"),
        values={"sha256": "sha256_of(pixels)", "name": "NULL"},
    )
    has_name = sa.text("name IS NOT NULL")
    op.create_index("ix_image_original", "image", ["pool_id", "sha256"], unique=True, sqlite_where=has_name)


def _widen_round() -> None:
    _make_anew(
        "round",
        *_integers("id", "pool_id", "number", "last_event_id", "n_labels", "steps"),
        sa.Column("validation_correct", sa.Integer(), nullable=True),
        sa.Column("validation_total", sa.Integer(), nullable=False),
        sa.Column("test_correct", sa.Integer(), nullable=True),
        sa.Column("test_total", sa.Integer(), nullable=False),
        sa.Column("fit_ms", sa.Double(), nullable=False),
        sa.Column("rank_ms", sa.Double(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("numerics", sa.String(length=100), nullable=True),
        sa.Column("asked_by", sa.String(length=10), nullable=False),
        *_integers("feature_set_id", "trained_model_id", nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        _check("round", "asked_by_is_known", "asked_by IN ('strategy', 'chance')"),
        _check("round", "test_is_a_share", "test_correct BETWEEN 0 AND test_total"),
        _check("round", "validation_is_a_share", "validation_correct BETWEEN 0 AND validation_total"),
        _check("round", "validation_is_counted", "(validation_correct IS NULL) = (validation_total = 0)"),
        *(_to("round", f"{other}_id", other) for other in ("pool", "feature_set", "trained_model")),
        sa.PrimaryKeyConstraint("id", name="pk_round"),
        sa.UniqueConstraint("pool_id", "number", name="uq_round_pool_id"),
        values={
            "validation_correct": "CASE WHEN validation_total > 0 THEN validation_correct END",
            "asked_by": "'strategy'",
            "feature_set_id": "NULL",
            "trained_model_id": "NULL",
        },
    )


def _widen_label_event() -> None:
    _make_anew(
        "label_event",
        *_integers("id", "pool_id", "image_id"),
        *_integers("annotator_id", "autolabel_id", nullable=True),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("value", sa.Integer(), nullable=True),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("asked_by", sa.String(length=10), nullable=True),
        sa.Column("undoes_id", sa.Integer(), nullable=True),
        sa.Column("remark", sa.String(200), nullable=True),
        sa.Column("round_id", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("key", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        _check("label_event", "kind_is_known", "kind IN ('label', 'change', 'skip', 'flag', 'undo')"),
        _check("label_event", "source_is_known", SOURCES),
        _check("label_event", "asked_by_is_known", ASKED_BY),
        _check("label_event", "a_label_has_a_value", "(kind IN ('label', 'change')) = (value IS NOT NULL)"),
        _check("label_event", "an_undo_names_its_event", "(kind IN ('undo', 'change')) = (undoes_id IS NOT NULL)"),
        _check("label_event", "a_flag_has_a_remark", "(kind = 'flag') = (remark IS NOT NULL)"),
        _check("label_event", "a_model_is_no_annotator", "(source = 'model') = (annotator_id IS NULL)"),
        _check("label_event", "a_model_names_its_autolabel", "(source = 'model') = (autolabel_id IS NOT NULL)"),
        *(_to("label_event", f"{other}_id", other) for other in ("annotator", "autolabel", "image", "pool", "round")),
        _to("label_event", "undoes_id", "label_event"),
        sa.PrimaryKeyConstraint("id", name="pk_label_event"),
        sa.UniqueConstraint("annotator_id", "key", name="uq_label_event_annotator_id"),
        values={"autolabel_id": "NULL", "asked_by": "'strategy'"},
        sqlite_autoincrement=True,
    )
    _finish_label_event()


def _narrow_label_event() -> None:
    with op.batch_alter_table("label_event", table_kwargs={"sqlite_autoincrement": True}) as batch:
        for rule in ("asked_by_is_known", "a_model_is_no_annotator", "a_model_names_its_autolabel"):
            batch.drop_constraint(op.f(f"ck_label_event_{rule}"), type_="check")
        batch.drop_constraint("fk_label_event_autolabel_id_autolabel", type_="foreignkey")
        batch.drop_column("autolabel_id")
        batch.drop_column("asked_by")
        batch.alter_column("annotator_id", existing_type=sa.Integer(), nullable=False)
        # Dropped with the table, not to be made by the batch: they are made below.
        batch.drop_index("ix_label_event_image")
        batch.drop_index("ix_label_event_pool")
    _finish_label_event()


def _finish_label_event() -> None:
    op.create_index("ix_label_event_image", "label_event", ["image_id"])
    op.create_index("ix_label_event_pool", "label_event", ["pool_id", "id"])
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER label_event_refuses_{verb.lower()} BEFORE {verb} ON label_event "
            "BEGIN SELECT RAISE(ABORT, 'label_event is append-only'); END"
        )


def _lease_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("round_id", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("prediction", sa.Integer(), nullable=True),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("given_at", sa.DateTime(), server_default="2000-01-01 00:00:00", nullable=False),
    ]


def _widen_lease() -> None:
    _make_anew(
        "lease",
        *_integers("image_id", "annotator_id", "pool_id"),
        sa.Column("asked_by", sa.String(length=10), nullable=False),
        *_lease_columns(),
        _check("lease", "asked_by_is_known", ASKED_BY),
        *(_to("lease", f"{other}_id", other) for other in ("annotator", "image", "pool", "round")),
        sa.PrimaryKeyConstraint("image_id", "annotator_id", name="pk_lease"),
        values={"asked_by": "'strategy'"},
    )
    op.create_index("ix_lease_annotator", "lease", ["pool_id", "annotator_id"])


def _narrow_lease() -> None:
    _make_anew(
        "lease",
        *_integers("image_id", "pool_id", "annotator_id"),
        *_lease_columns(),
        *(_to("lease", f"{other}_id", other) for other in ("annotator", "image", "pool", "round")),
        sa.PrimaryKeyConstraint("image_id", name="pk_lease"),
        values={},
    )
    op.create_index("ix_lease_annotator", "lease", ["pool_id", "annotator_id"])

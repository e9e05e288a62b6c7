"""pools that start empty and grow, in images and in classes, and the originals of their images"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

LEARNERS = "'softmax', 'graph'"
STRATEGIES = "'least_confidence', 'margin', 'entropy', 'random'"


def upgrade() -> None:
    """Bring the schema forward. What there is was made whole: its rounds knew all images and all classes."""
    _make_pool_anew(wide=True)
    for table, *columns in (("round", "n_images", "n_classes"), ("feature_set", "n_all")):
        for column in columns:
            op.add_column(table, sa.Column(column, sa.Integer(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE round SET (n_images, n_classes) = "
        "(SELECT n_images, json_array_length(classes) FROM pool WHERE pool.id = round.pool_id)"
    )
    with op.batch_alter_table("round") as batch:
        batch.add_column(sa.Column("tested_on", sa.String(length=10), nullable=True))
        batch.create_check_constraint(op.f("ck_round_tested_on_is_known"), "tested_on IN ('test', 'chance')")
    op.execute("UPDATE round SET tested_on = 'test' WHERE test_total > 0")
    op.execute("UPDATE feature_set SET n_all = (SELECT n_images FROM pool WHERE pool.id = feature_set.pool_id)")
    op.drop_table("blob")  # nothing was ever written to it
    op.create_table(
        "blob",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(length=40), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("n_bytes", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_blob_sha256_is_hexadecimal")),
        sa.CheckConstraint("width > 0 AND height > 0", name=op.f("ck_blob_has_a_size")),
        sa.PrimaryKeyConstraint("sha256", name="pk_blob"),
    )


def downgrade() -> None:
    """Take it back; it fails where a pool is empty, and forgets the originals of images."""
    op.drop_table("blob")
    op.create_table(
        "blob",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_blob_sha256_is_hexadecimal")),
        sa.PrimaryKeyConstraint("sha256", name="pk_blob"),
    )
    op.drop_column("feature_set", "n_all")
    with op.batch_alter_table("round") as batch:
        batch.drop_constraint(op.f("ck_round_tested_on_is_known"), type_="check")
        batch.drop_column("tested_on")
    op.drop_column("round", "n_classes")
    op.drop_column("round", "n_images")
    _make_pool_anew(wide=False)


def _make_pool_anew(*, wide: bool) -> None:
    """SQLite can alter little: the table is made anew, and its rows are copied."""
    least = "n_images >= 0" if wide else "n_images > 0"
    kept: list[sa.Column[Any]] = [
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("dataset", sa.String(length=64), nullable=False),
        sa.Column("dataset_description", sa.String(length=500), nullable=False),
        sa.Column("dataset_sha256", sa.String(length=64), nullable=False),
        sa.Column("classes", sa.JSON(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("n_images", "height", "width", "channels")),
        sa.Column("learner", sa.String(length=10), nullable=False),
        sa.Column("strategy", sa.String(length=20), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("batch_size", "queue_size", "answers_wanted")),
        sa.Column("description", sa.String(length=1000), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("archived_at", sa.DateTime(), nullable=True),
    ]
    added: list[sa.Column[Any]] = [
        sa.Column("class_order", sa.JSON(), nullable=True),
        sa.Column("n_bytes", sa.BigInteger(), nullable=False),
        sa.Column("chance_every", sa.Integer(), nullable=True),
        sa.Column("guideline", sa.String(length=20_000), nullable=True),
        sa.Column("goal_labels", sa.Integer(), nullable=True),
        sa.Column("goal_accuracy", sa.Double(), nullable=True),
        sa.Column("filled_at", sa.DateTime(), nullable=True),
        sa.Column("grown_at", sa.DateTime(), nullable=True),
        sa.Column("paused_at", sa.DateTime(), nullable=True),
    ]
    checks = {
        "has_images": f"{least} AND height > 0 AND width > 0",
        "batch_size_is_positive": "batch_size > 0",
        "learner_is_known": f"learner IN ({LEARNERS})",
        "strategy_is_known": f"strategy IN ({STRATEGIES})",
        "channels_are_grey_or_colour": "channels IN (1, 3)",
        "answers_are_wanted": "answers_wanted > 0",
    }
    if wide:
        checks["some_are_asked_by_chance"] = "chance_every > 0"
        checks["a_goal_is_positive"] = "goal_labels > 0"
        checks["a_goal_is_a_share"] = "goal_accuracy > 0 AND goal_accuracy <= 1"
    op.create_table(
        "pool_anew",
        *kept,
        *(added if wide else []),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_pool_{name}")) for name, rule in checks.items()),
        sa.PrimaryKeyConstraint("id", name="pk_pool"),
        sa.UniqueConstraint("slug", name="uq_pool_slug"),
        sqlite_autoincrement=wide,  # SQLite goes on from the highest id that is copied
    )
    values: dict[str, sa.ColumnClause[Any]] = {column.name: sa.column(column.name) for column in kept}
    if wide:
        values |= {"n_bytes": sa.literal_column("0"), "filled_at": sa.column("created_at")}
    old, new = sa.table("pool"), sa.table("pool_anew", *map(sa.column, values))
    op.execute(sa.insert(new).from_select(list(values), sa.select(*values.values()).select_from(old)))
    op.drop_table("pool")
    op.rename_table("pool_anew", "pool")

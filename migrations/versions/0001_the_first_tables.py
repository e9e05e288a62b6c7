"""the first tables"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "annotator",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint("role IN ('admin', 'annotator', 'oracle')", name=op.f("ck_annotator_role_is_known")),
        sa.PrimaryKeyConstraint("id", name="pk_annotator"),
        sa.UniqueConstraint("name", name="uq_annotator_name"),
    )
    op.create_table(
        "oracle_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("progress", sa.JSON(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("error", sa.String(length=1000), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=True),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'done', 'failed', 'stopped')",
            name=op.f("ck_oracle_run_status_is_known"),
        ),
        sa.PrimaryKeyConstraint("id", name="pk_oracle_run"),
    )
    op.create_index("ix_oracle_run_status", "oracle_run", ["status", "id"], unique=False)

    op.create_table(
        "pool",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("dataset", sa.String(length=64), nullable=False),
        sa.Column("dataset_description", sa.String(length=500), nullable=False),
        sa.Column("dataset_sha256", sa.String(length=64), nullable=False),
        sa.Column("classes", sa.JSON(), nullable=False),
        sa.Column("n_images", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("model", sa.String(length=32), nullable=False),
        sa.Column("ranking", sa.String(length=32), nullable=False),
        sa.Column("batch_size", sa.Integer(), nullable=False),
        sa.Column("queue_size", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint("batch_size > 0", name=op.f("ck_pool_batch_size_is_positive")),
        sa.CheckConstraint("n_images > 0 AND height > 0 AND width > 0", name=op.f("ck_pool_has_images")),
        sa.PrimaryKeyConstraint("id", name="pk_pool"),
        sa.UniqueConstraint("slug", name="uq_pool_slug"),
    )
    op.create_table(
        "image",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pool_id", sa.Integer(), nullable=False),
        sa.Column("split", sa.String(length=10), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("truth", sa.Integer(), nullable=True),
        sa.Column("pixels", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("split IN ('pool', 'validation', 'test')", name=op.f("ck_image_split_is_known")),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name="fk_image_pool_id_pool"),
        sa.PrimaryKeyConstraint("id", name="pk_image"),
        sa.UniqueConstraint("pool_id", "split", "position", name="uq_image_pool_id"),
    )
    op.create_table(
        "round",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pool_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("last_event_id", sa.Integer(), nullable=False),
        sa.Column("n_labels", sa.Integer(), nullable=False),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.Column("validation_correct", sa.Integer(), nullable=False),
        sa.Column("validation_total", sa.Integer(), nullable=False),
        sa.Column("test_correct", sa.Integer(), nullable=True),
        sa.Column("test_total", sa.Integer(), nullable=False),
        sa.Column("fit_ms", sa.Double(), nullable=False),
        sa.Column("rank_ms", sa.Double(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint("test_correct BETWEEN 0 AND test_total", name=op.f("ck_round_test_is_a_share")),
        sa.CheckConstraint(
            "validation_correct BETWEEN 0 AND validation_total", name=op.f("ck_round_validation_is_a_share")
        ),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name="fk_round_pool_id_pool"),
        sa.PrimaryKeyConstraint("id", name="pk_round"),
        sa.UniqueConstraint("pool_id", "number", name="uq_round_pool_id"),
    )
    op.create_table(
        "label_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pool_id", sa.Integer(), nullable=False),
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("value", sa.Integer(), nullable=True),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("undoes_id", sa.Integer(), nullable=True),
        sa.Column("round_id", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("key", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint("(kind = 'label') = (value IS NOT NULL)", name=op.f("ck_label_event_a_label_has_a_value")),
        sa.CheckConstraint(
            "(kind = 'undo') = (undoes_id IS NOT NULL)", name=op.f("ck_label_event_an_undo_names_its_event")
        ),
        sa.CheckConstraint("kind IN ('label', 'skip', 'undo')", name=op.f("ck_label_event_kind_is_known")),
        sa.CheckConstraint("source IN ('human', 'oracle', 'model')", name=op.f("ck_label_event_source_is_known")),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotator.id"], name="fk_label_event_annotator_id_annotator"),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name="fk_label_event_image_id_image"),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name="fk_label_event_pool_id_pool"),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"], name="fk_label_event_round_id_round"),
        sa.ForeignKeyConstraint(["undoes_id"], ["label_event.id"], name="fk_label_event_undoes_id_label_event"),
        sa.PrimaryKeyConstraint("id", name="pk_label_event"),
        sa.UniqueConstraint("annotator_id", "key", name="uq_label_event_annotator_id"),
        sa.UniqueConstraint("undoes_id", name="uq_label_event_undoes_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_label_event_image", "label_event", ["image_id"], unique=False)
    op.create_index("ix_label_event_pool", "label_event", ["pool_id", "id"], unique=False)

    op.create_table(
        "lease",
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.Column("pool_id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("round_id", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("prediction", sa.Integer(), nullable=True),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotator.id"], name="fk_lease_annotator_id_annotator"),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name="fk_lease_image_id_image"),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name="fk_lease_pool_id_pool"),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"], name="fk_lease_round_id_round"),
        sa.PrimaryKeyConstraint("image_id", name="pk_lease"),
    )
    op.create_index("ix_lease_annotator", "lease", ["pool_id", "annotator_id"], unique=False)

    op.create_table(
        "ranked_image",
        sa.Column("round_id", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("prediction", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name="fk_ranked_image_image_id_image"),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"], name="fk_ranked_image_round_id_round"),
        sa.PrimaryKeyConstraint("round_id", "rank", name="pk_ranked_image"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "label",
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.Column("pool_id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.CheckConstraint("source IN ('human', 'oracle', 'model')", name=op.f("ck_label_source_is_known")),
        sa.ForeignKeyConstraint(["event_id"], ["label_event.id"], name="fk_label_event_id_label_event"),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name="fk_label_image_id_image"),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name="fk_label_pool_id_pool"),
        sa.PrimaryKeyConstraint("image_id", name="pk_label"),
        sa.UniqueConstraint("event_id", name="uq_label_event_id"),
    )
    op.create_index("ix_label_pool", "label", ["pool_id", "event_id"], unique=False)
    op.create_index("ix_label_source", "label", ["pool_id", "source"], unique=False)

    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER label_event_refuses_{verb.lower()} BEFORE {verb} ON label_event "
            "BEGIN SELECT RAISE(ABORT, 'label_event is append-only'); END"
        )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("label")
    op.drop_table("ranked_image")
    op.drop_table("lease")
    op.drop_table("label_event")
    op.drop_table("round")
    op.drop_table("image")
    op.drop_table("pool")
    op.drop_table("oracle_run")
    op.drop_table("annotator")

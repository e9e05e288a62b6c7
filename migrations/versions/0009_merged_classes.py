"""classes that are merged into others, and pictures for guidelines"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward. The large tables are not made anew: a column that may be null is only noted."""
    op.create_table(
        "class_merge",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pool_id", sa.Integer(), nullable=False),
        sa.Column("from_class", sa.Integer(), nullable=False),
        sa.Column("into_class", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("undoes_id", sa.Integer(), nullable=True),
        sa.Column("n_wanted", sa.Integer(), nullable=False),
        sa.Column("n_changed", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("done_at", sa.DateTime(), nullable=True),
        sa.CheckConstraint("from_class <> into_class", name=op.f("ck_class_merge_merges_two_classes")),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name="fk_class_merge_pool_id_pool"),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotator.id"], name="fk_class_merge_annotator_id_annotator"),
        sa.ForeignKeyConstraint(["undoes_id"], ["class_merge.id"], name="fk_class_merge_undoes_id_class_merge"),
        sa.PrimaryKeyConstraint("id", name="pk_class_merge"),
        sa.UniqueConstraint("undoes_id", name="uq_class_merge_undoes_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_class_merge_pool", "class_merge", ["pool_id", "id"])
    op.create_index("ix_class_merge_open", "class_merge", ["pool_id"], sqlite_where=sa.text("done_at IS NULL"))
    op.add_column("label_event", sa.Column("merge_id", sa.Integer(), nullable=True))
    op.create_index("ix_label_event_merge", "label_event", ["merge_id"], sqlite_where=sa.text("merge_id IS NOT NULL"))
    op.add_column("round", sa.Column("last_merge_id", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "guideline_picture",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pool_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_guideline_picture_sha256_is_hexadecimal")),
        sa.CheckConstraint("width > 0 AND height > 0", name=op.f("ck_guideline_picture_has_a_size")),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name="fk_guideline_picture_pool_id_pool"),
        sa.PrimaryKeyConstraint("id", name="pk_guideline_picture"),
        sa.UniqueConstraint("pool_id", "sha256", name="uq_guideline_picture_pool_id"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Take it back. What was merged stays as it is labeled by then; who merged it is forgotten."""
    op.drop_table("guideline_picture")
    op.drop_column("round", "last_merge_id")
    op.drop_index("ix_label_event_merge", "label_event")
    op.drop_column("label_event", "merge_id")
    op.drop_table("class_merge")

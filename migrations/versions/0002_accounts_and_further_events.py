"""accounts and further events"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OLD_RULES = {
    "kind_is_known": "kind IN ('label', 'skip', 'undo')",
    "a_label_has_a_value": "(kind = 'label') = (value IS NOT NULL)",
    "an_undo_names_its_event": "(kind = 'undo') = (undoes_id IS NOT NULL)",
}
NEW_RULES = {
    "kind_is_known": "kind IN ('label', 'change', 'skip', 'flag', 'undo')",
    "a_label_has_a_value": "(kind IN ('label', 'change')) = (value IS NOT NULL)",
    "an_undo_names_its_event": "(kind IN ('undo', 'change')) = (undoes_id IS NOT NULL)",
    "a_flag_has_a_remark": "(kind = 'flag') = (remark IS NOT NULL)",
}


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("request_id", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entry"),
    )
    op.create_table(
        "server_secret",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("value", sa.String(length=64), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_server_secret_there_is_one")),
        sa.PrimaryKeyConstraint("id", name="pk_server_secret"),
    )
    op.create_table(
        "access_token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(), nullable=True),
        sa.CheckConstraint("kind IN ('session', 'api')", name=op.f("ck_access_token_kind_is_known")),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotator.id"], name="fk_access_token_annotator_id_annotator"),
        sa.PrimaryKeyConstraint("id", name="pk_access_token"),
        sa.UniqueConstraint("sha256", name="uq_access_token_sha256"),
    )
    op.create_index("ix_access_token_annotator", "access_token", ["annotator_id"], unique=False)

    op.create_table(
        "failed_round",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pool_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("n_attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=1000), nullable=False),
        sa.Column("failed_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name="fk_failed_round_pool_id_pool"),
        sa.PrimaryKeyConstraint("id", name="pk_failed_round"),
        sa.UniqueConstraint("pool_id", "number", name="uq_failed_round_pool_id"),
    )
    op.create_table(
        "skip",
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("pool_id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotator.id"], name="fk_skip_annotator_id_annotator"),
        sa.ForeignKeyConstraint(["event_id"], ["label_event.id"], name="fk_skip_event_id_label_event"),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name="fk_skip_image_id_image"),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name="fk_skip_pool_id_pool"),
        sa.PrimaryKeyConstraint("image_id", "annotator_id", name="pk_skip"),
        sa.UniqueConstraint("event_id", name="uq_skip_event_id"),
    )
    op.add_column("annotator", sa.Column("password_hash", sa.String(255), nullable=True))
    op.add_column("annotator", sa.Column("is_disabled", sa.Boolean(), server_default=sa.text("0"), nullable=False))
    with _label_event_made_anew(NEW_RULES) as batch:
        batch.add_column(sa.Column("remark", sa.String(200), nullable=True))
        batch.drop_constraint("uq_label_event_undoes_id", type_="unique")
    _refuse_changes("audit_entry")


def downgrade() -> None:
    """Take it back."""
    op.drop_column("annotator", "is_disabled")
    op.drop_column("annotator", "password_hash")
    with _label_event_made_anew(OLD_RULES) as batch:
        batch.drop_constraint(op.f("ck_label_event_a_flag_has_a_remark"), type_="check")
        batch.drop_column("remark")
        batch.create_unique_constraint("uq_label_event_undoes_id", ["undoes_id"])
    op.drop_table("skip")
    op.drop_table("failed_round")

    op.drop_table("access_token")
    op.drop_table("server_secret")
    op.drop_table("audit_entry")


@contextmanager
def _label_event_made_anew(rules: dict[str, str]) -> Iterator[BatchOperations]:
    """SQLite cannot alter a CHECK: the table is made anew, its rows copied, its triggers set again."""
    with op.batch_alter_table("label_event", recreate="always", table_kwargs={"sqlite_autoincrement": True}) as batch:
        for name, rule in rules.items():
            if name in OLD_RULES:
                batch.drop_constraint(op.f(f"ck_label_event_{name}"), type_="check")
            batch.create_check_constraint(op.f(f"ck_label_event_{name}"), rule)
        yield batch
    _refuse_changes("label_event")


def _refuse_changes(table: str) -> None:
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_refuses_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )

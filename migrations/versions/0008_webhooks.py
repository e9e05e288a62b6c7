"""webhooks with what they are to be told, and when a pool reached its goals and its end"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

MILESTONES = ("labels_reached_at", "accuracy_reached_at", "finished_at")


def upgrade() -> None:
    """Bring the schema forward. A goal that a pool has reached already is noticed with its next answer or round."""
    for name in MILESTONES:
        op.add_column("pool", sa.Column(name, sa.DateTime(), nullable=True))
    op.create_table(
        "webhook",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pool_id", sa.Integer(), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("secret", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("paused_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name="fk_webhook_pool_id_pool"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_webhook_pool", "webhook", ["pool_id"])
    op.create_table(
        "delivery",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("webhook_id", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=20), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("n_attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(length=300), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("due_at", sa.DateTime(), nullable=False),
        sa.Column("tried_until", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.CheckConstraint(
            "event IN ('round_stored', 'goal_reached', 'pool_finished', 'test')",
            name=op.f("ck_delivery_event_is_known"),
        ),
        sa.CheckConstraint("status IN ('waiting', 'delivered', 'given_up')", name=op.f("ck_delivery_status_is_known")),
        sa.CheckConstraint("n_attempts >= 0", name=op.f("ck_delivery_attempts_are_counted")),
        sa.CheckConstraint("(status = 'waiting') = (ended_at IS NULL)", name=op.f("ck_delivery_a_delivery_ends")),
        sa.CheckConstraint(
            "status != 'given_up' OR last_error IS NOT NULL", name=op.f("ck_delivery_what_is_given_up_has_a_reason")
        ),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhook.id"], name="fk_delivery_webhook_id_webhook"),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_delivery_due", "delivery", ["due_at"], sqlite_where=sa.text("status = 'waiting'"))
    op.create_index("ix_delivery_webhook", "delivery", ["webhook_id", "id"])


def downgrade() -> None:
    """Take it back: the webhooks, and what was still to be delivered."""
    op.drop_table("delivery")
    op.drop_table("webhook")
    for name in MILESTONES:
        op.drop_column("pool", name)

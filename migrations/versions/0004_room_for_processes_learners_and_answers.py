"""room for processes, learners and answers"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "trainer_status",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("failure", sa.String(length=1000), nullable=True),
        sa.Column("data_name", sa.String(length=64), nullable=True),
        sa.Column("data_description", sa.String(length=500), nullable=True),
        sa.Column("n_train", sa.Integer(), nullable=True),
        sa.Column("n_test", sa.Integer(), nullable=True),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint("state IN ('loading', 'ready')", name=op.f("ck_trainer_status_state_is_known")),
        sa.PrimaryKeyConstraint("id", name="pk_trainer_status"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("process", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("pool_id", sa.Integer(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_change"),
    )
    op.add_column("oracle_run", sa.Column("trainer_id", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Take it back."""
    op.drop_column("oracle_run", "trainer_id")
    op.drop_table("change")
    op.drop_table("trainer_status")

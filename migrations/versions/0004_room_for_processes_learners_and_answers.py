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
        sa.Column("doing", sa.String(length=10), nullable=False),
        sa.Column("pool_id", sa.Integer(), nullable=True),
        sa.Column("failure", sa.String(length=1000), nullable=True),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint(
            "doing IN ('loading', 'idle', 'training', 'oracle')", name=op.f("ck_trainer_status_doing_is_known")
        ),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name="fk_trainer_status_pool_id_pool"),
        sa.PrimaryKeyConstraint("id", name="pk_trainer_status"),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("trainer_status")

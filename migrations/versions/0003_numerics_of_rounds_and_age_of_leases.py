"""numerics of rounds and age of leases"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward.

    Rounds that are there keep null: under which numerics they came is not known. Leases that are there count as old,
    and are not renewed before they end.
    """
    op.add_column("round", sa.Column("numerics", sa.String(length=100), nullable=True))
    since = sa.Column("given_at", sa.DateTime(), server_default="2000-01-01 00:00:00", nullable=False)
    op.add_column("lease", since)


def downgrade() -> None:
    """Take it back."""
    op.drop_column("lease", "given_at")
    op.drop_column("round", "numerics")

"""leases know since when"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the time; leases that are there already count as old, and are not renewed before they end."""
    since = sa.Column("given_at", sa.DateTime(), server_default="2000-01-01 00:00:00", nullable=False)
    op.add_column("lease", since)


def downgrade() -> None:
    """Take it back."""
    op.drop_column("lease", "given_at")

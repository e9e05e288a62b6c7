"""numerics of a round"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward. Rounds that are there keep null: under which numerics they came is not known."""
    op.add_column("round", sa.Column("numerics", sa.String(length=100), nullable=True))


def downgrade() -> None:
    """Take it back."""
    op.drop_column("round", "numerics")

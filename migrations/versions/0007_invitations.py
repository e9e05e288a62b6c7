"""invitations, and who did what to an account"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "invitation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(length=64), nullable=True),
        sa.Column("role", sa.String(length=10), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("inviter_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("used_at", sa.DateTime(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(), nullable=True),
        sa.CheckConstraint("role IN ('admin', 'annotator')", name=op.f("ck_invitation_role_is_known")),
        sa.CheckConstraint(
            "(annotator_id IS NULL) = (role IS NOT NULL)", name=op.f("ck_invitation_makes_an_account_or_is_for_one")
        ),
        sa.CheckConstraint(
            "annotator_id IS NULL OR name IS NULL", name=op.f("ck_invitation_only_a_new_account_is_named")
        ),
        sa.CheckConstraint("used_at IS NULL OR revoked_at IS NULL", name=op.f("ck_invitation_is_used_or_revoked")),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_invitation_sha256_is_hexadecimal")),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_invitation_lasts_a_while")),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotator.id"], name="fk_invitation_annotator_id_annotator"),
        sa.ForeignKeyConstraint(["inviter_id"], ["annotator.id"], name="fk_invitation_inviter_id_annotator"),
        sa.PrimaryKeyConstraint("id", name="pk_invitation"),
        sa.UniqueConstraint("sha256", name="uq_invitation_sha256"),
    )
    # The links of one account, and those that an admin made: to revoke them.
    op.create_index("ix_invitation_annotator", "invitation", ["annotator_id"])
    op.create_index("ix_invitation_inviter", "invitation", ["inviter_id"])
    op.add_column("audit_entry", sa.Column("actor", sa.String(length=64), nullable=True))


def downgrade() -> None:
    """Take it back: links that are open open nothing any more, and the audit forgets who acted."""
    op.drop_column("audit_entry", "actor")
    op.drop_table("invitation")

"""tables of processes, features, models and answers"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

LEARNERS = "'softmax', 'graph'"
HEXADECIMAL = "length(sha256) = 64"


def upgrade() -> None:
    """Make the new tables."""
    _make_processes()
    _make_features()
    _make_trained_model()
    _make_answer()
    _make_autolabel()


def downgrade() -> None:
    """Take them back."""
    op.drop_column("oracle_run", "trainer_id")
    names = "answer autolabel trained_model feature_part feature_set blob change trainer_status"
    for table in names.split():
        op.drop_table(table)


def _integers(*names: str, nullable: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer(), nullable=nullable) for name in names]


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def _to(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}")


def _make_processes() -> None:
    op.create_table(
        "trainer_status",
        *_integers("id", "pid"),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("failure", sa.String(length=1000), nullable=True),
        sa.Column("data_name", sa.String(length=64), nullable=True),
        sa.Column("data_description", sa.String(length=500), nullable=True),
        *_integers("n_train", "n_test", nullable=True),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(), nullable=False),
        _check("trainer_status", "state_is_known", "state IN ('loading', 'ready')"),
        sa.PrimaryKeyConstraint("id", name="pk_trainer_status"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("process", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        *_integers("pool_id", "number", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_change"),
    )
    op.add_column("oracle_run", sa.Column("trainer_id", sa.Integer(), nullable=True))
    op.create_table(
        "blob",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        _check("blob", "sha256_is_hexadecimal", HEXADECIMAL),
        sa.PrimaryKeyConstraint("sha256", name="pk_blob"),
    )


def _make_features() -> None:
    op.create_table(
        "feature_set",
        *_integers("id", "pool_id"),
        sa.Column("learner", sa.String(length=10), nullable=False),
        *_integers("version", "n_parts", "n_images"),
        sa.Column("step", sa.String(length=100), nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("error", sa.String(length=1000), nullable=True),
        sa.Column("prepare_ms", sa.Double(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(), nullable=False),
        sa.Column("ready_at", sa.DateTime(), nullable=True),
        _check("feature_set", "has_images", "n_images > 0"),
        _check("feature_set", "share_is_one", "share BETWEEN 0 AND 1"),
        _check("feature_set", "what_is_ready_took_time", "(ready_at IS NULL) = (prepare_ms IS NULL)"),
        _check("feature_set", "learner_is_known", f"learner IN ({LEARNERS})"),
        _to("feature_set", "pool_id", "pool"),
        sa.PrimaryKeyConstraint("id", name="pk_feature_set"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_feature_set_pool", "feature_set", ["pool_id", "ready_at"])
    op.create_table(
        "feature_part",
        *_integers("feature_set_id"),
        sa.Column("name", sa.String(length=40), nullable=False),
        *_integers("number"),
        sa.Column("dtype", sa.String(length=10), nullable=False),
        sa.Column("shape", sa.JSON(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        _check("feature_part", "parts_are_counted_from_0", "number >= 0"),
        _check("feature_part", "sha256_is_hexadecimal", HEXADECIMAL),
        _to("feature_part", "feature_set_id", "feature_set"),
        sa.PrimaryKeyConstraint("feature_set_id", "name", "number", name="pk_feature_part"),
    )


def _make_trained_model() -> None:
    op.create_table(
        "trained_model",
        *_integers("id", "pool_id"),
        sa.Column("status", sa.String(length=10), nullable=False),
        *_integers("seed"),
        sa.Column("step", sa.String(length=100), nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        *_integers("round", "last_event_id", "n_human", "n_oracle", "n_machine", nullable=True),
        sa.Column("tested_on", sa.String(length=10), nullable=True),
        *_integers("correct", "total", nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("predictions", sa.LargeBinary(), nullable=True),
        sa.Column("numerics", sa.String(length=100), nullable=True),
        sa.Column("train_ms", sa.Double(), nullable=True),
        sa.Column("error", sa.String(length=1000), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        *(sa.Column(f"{act}_at", sa.DateTime(), nullable=True) for act in ("started", "heartbeat", "finished")),
        _check("trained_model", "status_is_known", "status IN ('queued', 'running', 'done', 'failed', 'stopped')"),
        _check("trained_model", "tested_on_is_known", "tested_on IN ('test', 'chance')"),
        _check("trained_model", "share_is_one", "share BETWEEN 0 AND 1"),
        _check("trained_model", "correct_is_a_share", "correct BETWEEN 0 AND total"),
        _check("trained_model", "what_is_done_has_a_file", "(status = 'done') = (content IS NOT NULL)"),
        _to("trained_model", "pool_id", "pool"),
        sa.PrimaryKeyConstraint("id", name="pk_trained_model"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_trained_model_pool", "trained_model", ["pool_id", "id"])
    op.create_index("ix_trained_model_status", "trained_model", ["status", "id"])


def _make_answer() -> None:
    op.create_table(
        "answer",
        *_integers("image_id", "annotator_id", "pool_id", "event_id", "value"),
        _to("answer", "annotator_id", "annotator"),
        _to("answer", "event_id", "label_event"),
        _to("answer", "image_id", "image"),
        _to("answer", "pool_id", "pool"),
        sa.PrimaryKeyConstraint("image_id", "annotator_id", name="pk_answer"),
        sa.UniqueConstraint("event_id", name="uq_answer_event_id"),
    )
    op.create_index("ix_answer_pool", "answer", ["pool_id", "image_id"])


def _make_autolabel() -> None:
    op.create_table(
        "autolabel",
        *_integers("id", "pool_id", "round_id"),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("n_images", sa.Integer(), nullable=False),
        sa.Column("image_ids", sa.LargeBinary(), nullable=False),
        sa.Column("target", sa.Double(), nullable=False),
        sa.Column("confidence_level", sa.Double(), nullable=False),
        *_integers("n_audited", "n_wrong"),
        sa.Column("bound", sa.Double(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        _check("autolabel", "status_is_known", "status IN ('auditing', 'accepted', 'rejected', 'withdrawn')"),
        _check("autolabel", "has_images", "n_images > 0"),
        _check("autolabel", "the_audit_is_of_its_images", "n_audited BETWEEN 0 AND n_images"),
        _check("autolabel", "wrong_is_a_share", "n_wrong BETWEEN 0 AND n_audited"),
        _check("autolabel", "target_is_a_share", "target > 0 AND target < 1"),
        _check("autolabel", "confidence_level_is_a_share", "confidence_level > 0 AND confidence_level < 1"),
        _check("autolabel", "bound_is_a_share", "bound BETWEEN 0 AND 1"),
        _check("autolabel", "an_audit_ends", "(status = 'auditing') = (ended_at IS NULL)"),
        _to("autolabel", "pool_id", "pool"),
        _to("autolabel", "round_id", "round"),
        sa.PrimaryKeyConstraint("id", name="pk_autolabel"),
    )
    is_running = sa.text("status = 'auditing'")
    op.create_index("ix_autolabel_pool", "autolabel", ["pool_id"], unique=True, sqlite_where=is_running)

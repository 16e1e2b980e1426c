"""Calls, transcripts, recordings, hotword lists and jobs

Revision 0001, the first.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
NOW = sa.text("now()")


def upgrade() -> None:
    create_calls()
    create_parties()
    create_channels()
    create_outside_ids()
    create_recordings()
    create_utterances()
    create_jobs()
    create_revisions()
    create_hotwords()


def downgrade() -> None:
    op.drop_table("hotwords")
    op.drop_table("hotword_lists")
    op.drop_table("revisions")
    op.drop_table("jobs")
    op.drop_table("utterances")
    op.drop_table("recordings")
    op.drop_table("outside_ids")
    op.drop_table("channels")
    op.drop_table("parties")
    op.drop_table("calls")


def create_calls() -> None:
    op.create_table(
        "calls",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("trunk", sa.Text(), nullable=False),
        sa.Column("dialect", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("interrupted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("sample_rate", sa.Integer(), nullable=False),
        sa.Column("samples", sa.BigInteger(), nullable=True),
        sa.Column("quirks", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_calls"),
        sa.CheckConstraint("dialect IN ('plain', 'siprec', 'file')", name=op.f("ck_calls_dialect")),
        sa.CheckConstraint("state IN ('active', 'ended', 'interrupted')", name=op.f("ck_calls_state")),
        sa.CheckConstraint("sample_rate > 0", name=op.f("ck_calls_sample_rate")),
        sa.CheckConstraint("samples >= 0", name=op.f("ck_calls_samples")),
        sa.CheckConstraint(
            "(state = 'active') = (ended_at IS NULL)"
            " AND (ended_at IS NULL) = (samples IS NULL)"
            " AND (ended_at IS NULL) = (end_reason IS NULL)",
            name=op.f("ck_calls_end"),
        ),
        sa.CheckConstraint("interrupted = (state = 'interrupted')", name=op.f("ck_calls_interrupted")),
    )
    op.create_index("ix_calls_started_at_id", "calls", ["started_at", "id"])
    op.create_index("ix_calls_active", "calls", ["node"], postgresql_where=sa.text("state = 'active'"))


def create_parties() -> None:
    op.create_table(
        "parties",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("participant_id", sa.Text(), nullable=False),
        sa.Column("is_caller", sa.Boolean(), nullable=False),
        sa.Column("is_callee", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_parties"),
        sa.UniqueConstraint("call_id", "id", name="uq_parties_call_id_id"),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_parties_call_id", ondelete="CASCADE"),
    )
    op.create_index("ix_parties_caller", "parties", ["call_id"], unique=True, postgresql_where=sa.text("is_caller"))
    op.create_index("ix_parties_callee", "parties", ["call_id"], unique=True, postgresql_where=sa.text("is_callee"))


def create_channels() -> None:
    op.create_table(
        "channels",
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("label", sa.Text(), server_default="", nullable=False),
        sa.Column("role", sa.Text(), server_default="unknown", nullable=False),
        sa.Column("codec", sa.Text(), server_default="", nullable=False),
        sa.Column("party_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("call_id", "index", name="pk_channels"),
        sa.CheckConstraint("index >= 0", name=op.f("ck_channels_index")),
        sa.CheckConstraint("role IN ('agent', 'customer', 'mixed', 'unknown')", name=op.f("ck_channels_role")),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_channels_call_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["call_id", "party_id"],
            ["parties.call_id", "parties.id"],
            name="fk_channels_call_id_party_id",
            ondelete="CASCADE",
        ),
    )


def create_outside_ids() -> None:
    op.create_table(
        "outside_ids",
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("call_id", "number", name="pk_outside_ids"),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_outside_ids_call_id", ondelete="CASCADE"),
    )
    op.create_index("ix_outside_ids_value", "outside_ids", ["value"])


def create_recordings() -> None:
    op.create_table(
        "recordings",
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("rate", sa.Integer(), nullable=False),
        sa.Column("channels", sa.Integer(), nullable=False),
        sa.Column("samples", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("call_id", name="pk_recordings"),
        sa.UniqueConstraint("path", name="uq_recordings_path"),
        sa.CheckConstraint("path <> '' AND left(path, 1) <> '/'", name=op.f("ck_recordings_path")),
        sa.CheckConstraint(
            "rate > 0 AND channels > 0 AND samples >= 0 AND bytes >= 0", name=op.f("ck_recordings_size")
        ),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_recordings_call_id", ondelete="CASCADE"),
    )


def create_utterances() -> None:
    op.create_table(
        "utterances",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("end", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("words", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", TIME, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_utterances"),
        sa.UniqueConstraint("call_id", "channel", "start", name="uq_utterances_call_id_channel_start"),
        sa.CheckConstraint('start >= 0 AND "end" >= start', name=op.f("ck_utterances_span")),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name=op.f("ck_utterances_confidence")),
        sa.ForeignKeyConstraint(
            ["call_id", "channel"],
            ["channels.call_id", "channels.index"],
            name="fk_utterances_call_id_channel",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_utterances_call_id_created_at", "utterances", ["call_id", "created_at"])


def create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="queued", nullable=False),
        sa.Column("ranges", postgresql.JSONB(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("due_at", TIME, server_default=NOW, nullable=False),
        sa.Column("lease_until", TIME, nullable=True),
        sa.Column("created_at", TIME, server_default=NOW, nullable=False),
        sa.Column("started_at", TIME, nullable=True),
        sa.Column("finished_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.CheckConstraint("kind IN ('second-pass', 'recover')", name=op.f("ck_jobs_kind")),
        sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed')", name=op.f("ck_jobs_state")),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_jobs_attempts")),
        sa.CheckConstraint(
            "state <> 'running' OR (lease_until IS NOT NULL AND started_at IS NOT NULL)", name=op.f("ck_jobs_running")
        ),
        sa.CheckConstraint("(state IN ('done', 'failed')) = (finished_at IS NOT NULL)", name=op.f("ck_jobs_finished")),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_jobs_call_id", ondelete="CASCADE"),
    )
    op.create_index("ix_jobs_call_id", "jobs", ["call_id"])
    op.create_index("ix_jobs_due", "jobs", ["due_at"], postgresql_where=sa.text("state IN ('queued', 'running')"))


def create_revisions() -> None:
    op.create_table(
        "revisions",
        sa.Column("utterance_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("words", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", TIME, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("utterance_id", "number", name="pk_revisions"),
        sa.UniqueConstraint("utterance_id", "job_id", name="uq_revisions_utterance_id_job_id"),
        sa.CheckConstraint("number > 0", name=op.f("ck_revisions_number")),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name=op.f("ck_revisions_confidence")),
        sa.ForeignKeyConstraint(
            ["utterance_id"], ["utterances.id"], name="fk_revisions_utterance_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_revisions_job_id", ondelete="CASCADE"),
    )
    op.create_index("ix_revisions_job_id", "revisions", ["job_id"])


def create_hotwords() -> None:
    op.create_table(
        "hotword_lists",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, server_default=NOW, nullable=False),
        sa.Column("updated_at", TIME, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_hotword_lists"),
        sa.UniqueConstraint("name", name="uq_hotword_lists_name"),
        sa.CheckConstraint("name <> ''", name=op.f("ck_hotword_lists_name")),
    )
    op.create_table(
        "hotwords",
        sa.Column("list_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("weight", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("list_id", "number", name="pk_hotwords"),
        sa.UniqueConstraint("list_id", "text", name="uq_hotwords_list_id_text"),
        sa.CheckConstraint("text <> ''", name=op.f("ck_hotwords_text")),
        sa.CheckConstraint("weight > 0", name=op.f("ck_hotwords_weight")),
        sa.ForeignKeyConstraint(["list_id"], ["hotword_lists.id"], name="fk_hotwords_list_id", ondelete="CASCADE"),
    )

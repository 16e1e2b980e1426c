"""Measures and scores of calls, and the index of jobs by priority

Revision 0015, after 0014.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


DUE = sa.text("state IN ('queued', 'running')")


def upgrade() -> None:
    # First: what comes before such a block is committed, and would not be done again where the block is tried again.
    with op.get_context().autocommit_block():
        op.drop_index("ix_jobs_due", "jobs", if_exists=True, postgresql_concurrently=True)
        due = ["priority", "due_at"]
        op.create_index("ix_jobs_due", "jobs", due, postgresql_where=DUE, postgresql_concurrently=True)
    make_scores()


def make_scores() -> None:
    op.create_table(
        "scorecards",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("definition", postgresql.JSONB(), nullable=True),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("name <> ''", name=op.f("ck_scorecards_name")),
        sa.CheckConstraint("version > 0", name=op.f("ck_scorecards_version")),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_scorecards")),
    )
    op.create_table(
        "call_measures",
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("longest_silence_start_ms", sa.Integer(), nullable=False),
        sa.Column("longest_silence_ms", sa.Integer(), nullable=False),
        sa.Column("overtalk_ms", sa.Integer(), nullable=False),
        sa.Column("agent_speech_ms", sa.Integer(), nullable=False),
        sa.Column("customer_speech_ms", sa.Integer(), nullable=False),
        sa.Column("interruptions", sa.Integer(), nullable=False),
        sa.Column("channels", postgresql.JSONB(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("computed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "least(longest_silence_start_ms, longest_silence_ms, overtalk_ms, agent_speech_ms, customer_speech_ms,"
            " interruptions) >= 0",
            name=op.f("ck_call_measures_measures"),
        ),
        sa.CheckConstraint("score BETWEEN 0 AND 100", name=op.f("ck_call_measures_score")),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name=op.f("fk_call_measures_call_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_call_measures")),
    )
    op.create_index(op.f("ix_call_measures_score"), "call_measures", ["score"])
    op.create_table(
        "call_scores",
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("scorecard", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.CheckConstraint("score BETWEEN 0 AND 100", name=op.f("ck_call_scores_score")),
        sa.ForeignKeyConstraint(
            ["call_id"], ["call_measures.call_id"], name=op.f("fk_call_scores_call_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["scorecard", "version"],
            ["scorecards.name", "scorecards.version"],
            name=op.f("fk_call_scores_scorecard_version"),
        ),
        sa.PrimaryKeyConstraint("call_id", "scorecard", name=op.f("pk_call_scores")),
    )
    op.create_index(op.f("ix_call_scores_scorecard_version"), "call_scores", ["scorecard", "version"])
    op.create_table(
        "rule_results",
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("scorecard", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("critical", sa.Boolean(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("utterance_id", sa.Uuid(), nullable=True),
        sa.Column("start_ms", sa.Integer(), nullable=True),
        sa.Column("quote", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id", "scorecard"],
            ["call_scores.call_id", "call_scores.scorecard"],
            name=op.f("fk_rule_results_call_id_scorecard"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["utterance_id"], ["utterances.id"], name=op.f("fk_rule_results_utterance_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("call_id", "scorecard", "number", name=op.f("pk_rule_results")),
    )
    op.create_index(
        "ix_rule_results_failed", "rule_results", ["rule", "call_id"], postgresql_where=sa.text("NOT passed")
    )
    op.create_index(op.f("ix_rule_results_utterance_id"), "rule_results", ["utterance_id"])


def downgrade() -> None:
    for table in ("rule_results", "call_scores", "call_measures", "scorecards"):
        op.drop_table(table)
    op.drop_index("ix_jobs_due", "jobs")
    op.create_index("ix_jobs_due", "jobs", ["due_at"], postgresql_where=DUE)

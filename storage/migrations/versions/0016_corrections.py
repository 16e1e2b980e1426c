"""Texts that people write, versions of hotword lists, and which of them a text was made with

Revision 0016, after 0015. That the rule about authors holds for what is stored is seen by 0017: nobody waits for that.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

MADE = ("utterances", "revisions")


def upgrade() -> None:
    for table in MADE:
        lists = sa.Column("hotword_lists", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False)
        op.add_column(table, lists)
    op.alter_column("revisions", "job_id", nullable=True)
    op.add_column("revisions", sa.Column("by", sa.Text(), server_default="", nullable=False))
    rule = "(job_id IS NULL) = (by <> '')"
    op.create_check_constraint(op.f("ck_revisions_author"), "revisions", rule, postgresql_not_valid=True)
    make_corrections()
    make_versions()


def make_corrections() -> None:
    op.create_table(
        "corrections",
        sa.Column("utterance_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("words", sa.Integer(), nullable=False),
        sa.Column("live_errors", sa.Integer(), nullable=False),
        sa.Column("second_pass_errors", sa.Integer(), nullable=True),
        sa.Column("corrected_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "words >= 0 AND live_errors >= 0 AND second_pass_errors >= 0", name=op.f("ck_corrections_counts")
        ),
        sa.ForeignKeyConstraint(
            ["utterance_id", "number"],
            ["revisions.utterance_id", "revisions.number"],
            name=op.f("fk_corrections_utterance_id_number"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("utterance_id", name=op.f("pk_corrections")),
    )
    op.create_index(op.f("ix_corrections_corrected_at"), "corrections", ["corrected_at"])


def make_versions() -> None:
    op.add_column("hotword_lists", sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False))
    empty = sa.text("'{}'")
    op.create_table(
        "hotword_list_versions",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("words", postgresql.JSONB(), nullable=False),
        sa.Column("languages", postgresql.ARRAY(sa.Text()), server_default=empty, nullable=False),
        sa.Column("agents", postgresql.ARRAY(sa.Text()), server_default=empty, nullable=False),
        sa.Column("deleted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("by", sa.Text(), server_default="", nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("version > 0", name=op.f("ck_hotword_list_versions_version")),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_hotword_list_versions")),
    )
    op.execute(
        """
        INSERT INTO hotword_list_versions (name, version, words, languages, agents, changed_at)
        SELECT l.name, 1, coalesce(jsonb_agg(
            jsonb_build_object('text', w.text, 'weight', coalesce(w.weight, 1)) ORDER BY w.number
        ) FILTER (WHERE w.text IS NOT NULL), '[]'), l.languages, l.agents, l.updated_at
        FROM hotword_lists l LEFT JOIN hotwords w ON w.list_id = l.id
        GROUP BY l.id
        """
    )


def downgrade() -> None:
    op.drop_table("hotword_list_versions")
    op.drop_column("hotword_lists", "version")
    op.drop_table("corrections")
    op.execute("DELETE FROM revisions WHERE job_id IS NULL")
    op.drop_constraint(op.f("ck_revisions_author"), "revisions")
    op.drop_column("revisions", "by")
    op.alter_column("revisions", "job_id", nullable=False)
    for table in MADE:
        op.drop_column(table, "hotword_lists")

"""Assist rules, and the cards that they gave

Revision 0031, after 0027.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0031"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "assist_rules",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("definition", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("name <> ''", name=op.f("ck_assist_rules_name")),
        sa.CheckConstraint("version > 0", name=op.f("ck_assist_rules_version")),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_assist_rules")),
    )
    op.create_table(
        "assist_cards",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("heard", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=True),
        sa.Column("utterance_id", sa.Uuid(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("severity IN ('info', 'warning', 'critical')", name=op.f("ck_assist_cards_severity")),
        sa.CheckConstraint("start >= 0 AND heard >= start", name=op.f("ck_assist_cards_place")),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name=op.f("fk_assist_cards_call_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["rule", "version"],
            ["assist_rules.name", "assist_rules.version"],
            name=op.f("fk_assist_cards_rule_version"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assist_cards")),
    )
    op.create_index(op.f("ix_assist_cards_call_id"), "assist_cards", ["call_id"])
    op.create_index(op.f("ix_assist_cards_rule_call_id"), "assist_cards", ["rule", "call_id"])


def downgrade() -> None:
    op.drop_table("assist_cards")
    op.drop_table("assist_rules")

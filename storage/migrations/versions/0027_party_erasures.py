"""Erasures of all calls of somebody

Revision 0027, after 0030.
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0030"
branch_labels = None
depends_on = None

NOUGHT = sa.text("0")
BIG = ("utterances", "bytes")


def upgrade() -> None:
    counts = ("calls", "utterances", "files", "bytes")
    op.create_table(
        "party_erasures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("found", sa.Integer(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger() if name in BIG else sa.Integer(), server_default=NOUGHT, nullable=False)
            for name in counts
        ),
        sa.CheckConstraint("by <> ''", name=op.f("ck_party_erasures_by")),
        sa.CheckConstraint("least(found, calls, utterances, files, bytes) >= 0", name=op.f("ck_party_erasures_counts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_party_erasures")),
    )
    unfinished = sa.text("finished_at IS NULL")
    op.create_index("ix_party_erasures_due", "party_erasures", ["created_at"], postgresql_where=unfinished)
    op.create_table(
        "party_erasure_calls",
        sa.Column("erasure_id", sa.Uuid(), nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("outcome", sa.Text(), server_default="waiting", nullable=False),
        sa.CheckConstraint(
            "outcome IN ('waiting', 'held', 'active', 'failed')", name=op.f("ck_party_erasure_calls_outcome")
        ),
        sa.ForeignKeyConstraint(
            ["erasure_id"],
            ["party_erasures.id"],
            name=op.f("fk_party_erasure_calls_erasure_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("erasure_id", "call_id", name=op.f("pk_party_erasure_calls")),
    )
    op.create_index(op.f("ix_party_erasure_calls_call_id"), "party_erasure_calls", ["call_id"])


def downgrade() -> None:
    op.drop_table("party_erasure_calls")
    op.drop_table("party_erasures")

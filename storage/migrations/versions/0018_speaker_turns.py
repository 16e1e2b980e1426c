"""Speakers of utterances

Revision 0018, after 0017.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "speaker_turns",
        sa.Column("utterance_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("speaker", sa.Integer(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("end", sa.BigInteger(), nullable=False),
        sa.Column("overlapped", sa.Boolean(), nullable=False),
        sa.CheckConstraint("number > 0 AND speaker > 0", name=op.f("ck_speaker_turns_numbers")),
        sa.CheckConstraint('start >= 0 AND "end" >= start', name=op.f("ck_speaker_turns_span")),
        sa.ForeignKeyConstraint(
            ["utterance_id"],
            ["utterances.id"],
            name=op.f("fk_speaker_turns_utterance_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("utterance_id", "number", name=op.f("pk_speaker_turns")),
    )


def downgrade() -> None:
    op.drop_table("speaker_turns")

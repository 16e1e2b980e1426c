"""How a speaker sounded, and what was heard beside speech

Revision 0004, after 0003.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("utterances", sa.Column("emotion", sa.Text(), server_default="", nullable=False))
    empty = sa.text("'{}'")
    op.add_column(
        "utterances", sa.Column("audio_events", postgresql.ARRAY(sa.Text()), server_default=empty, nullable=False)
    )


def downgrade() -> None:
    op.drop_column("utterances", "audio_events")
    op.drop_column("utterances", "emotion")

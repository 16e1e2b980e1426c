"""How a text was spoken where it is written otherwise, and which hotwords were put into it

Revision 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = ("utterances", "revisions")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("spoken", sa.Text(), server_default="", nullable=False))
        empty = sa.text("'[]'")
        op.add_column(table, sa.Column("corrections", postgresql.JSONB(), server_default=empty, nullable=False))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "corrections")
        op.drop_column(table, "spoken")

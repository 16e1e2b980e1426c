"""Pauses of calls

Revision 0011, after 0010.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("pauses", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False)
    op.add_column("calls", column)


def downgrade() -> None:
    op.drop_column("calls", "pauses")

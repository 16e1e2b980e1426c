"""Hotwords that came with a call

Revision 0008, after 0007.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("hotwords", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False)
    op.add_column("calls", column)


def downgrade() -> None:
    op.drop_column("calls", "hotwords")

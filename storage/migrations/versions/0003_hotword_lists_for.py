"""Whom a hotword list is for: calls in some languages, calls of some agents

Revision 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

COLUMNS = ("languages", "agents")


def upgrade() -> None:
    for name in COLUMNS:
        empty = sa.text("'{}'")
        op.add_column(
            "hotword_lists", sa.Column(name, postgresql.ARRAY(sa.Text()), server_default=empty, nullable=False)
        )


def downgrade() -> None:
    for name in COLUMNS:
        op.drop_column("hotword_lists", name)

"""What is masked in finals and revisions

Revision 0017, after 0016.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_TABLES = ("utterances", "revisions")


def upgrade() -> None:
    # Before the columns: until here everybody may read and write.
    op.execute("ALTER TABLE revisions VALIDATE CONSTRAINT ck_revisions_author")
    for table in _TABLES:
        column = sa.Column("redactions", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False)
        op.add_column(table, column)


def downgrade() -> None:
    for table in _TABLES:
        op.drop_column(table, "redactions")

"""What paid services ask for finals and revisions

Revision 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TABLES = ("utterances", "revisions")


def upgrade() -> None:
    for table in _TABLES:
        op.add_column(table, sa.Column("cost", sa.Float(), server_default=sa.text("0"), nullable=False))
        op.create_check_constraint(op.f(f"ck_{table}_cost"), table, "cost >= 0")


def downgrade() -> None:
    for table in _TABLES:
        op.drop_column(table, "cost")

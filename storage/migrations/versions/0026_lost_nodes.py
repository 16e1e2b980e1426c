"""Nodes that are gone, and calls that were ended for it

Revision 0026, after 0023.
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lost_nodes",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lost_nodes")),
    )
    op.create_table(
        "lost_calls",
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name=op.f("fk_lost_calls_call_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_lost_calls")),
    )
    op.create_index(op.f("ix_lost_calls_node"), "lost_calls", ["node"])


def downgrade() -> None:
    op.drop_table("lost_calls")
    op.drop_table("lost_nodes")

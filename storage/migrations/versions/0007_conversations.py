"""Calls that record the same conversation

Revision 0007, after 0006.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calls", sa.Column("conversation_id", sa.Uuid()))
    op.add_column("calls", sa.Column("duplicate_of", sa.Uuid()))
    op.create_index(op.f("ix_calls_conversation_id"), "calls", ["conversation_id"])
    op.create_foreign_key(
        op.f("fk_calls_duplicate_of"), "calls", "calls", ["duplicate_of"], ["id"], ondelete="SET NULL"
    )


def downgrade() -> None:
    op.drop_constraint(op.f("fk_calls_duplicate_of"), "calls", type_="foreignkey")
    op.drop_index(op.f("ix_calls_conversation_id"), "calls")
    op.drop_column("calls", "duplicate_of")
    op.drop_column("calls", "conversation_id")

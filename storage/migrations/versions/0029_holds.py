"""For how long calls were on hold

Revision 0029, after 0031.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0029"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calls", sa.Column("holds", postgresql.JSONB(), nullable=True))
    for name in ("hold_ms", "longest_hold_start_ms", "longest_hold_ms"):
        op.add_column("call_measures", sa.Column(name, sa.Integer(), nullable=True))
    op.create_check_constraint(
        op.f("ck_call_measures_hold"),
        "call_measures",
        "least(hold_ms, longest_hold_start_ms, longest_hold_ms) >= 0",
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_call_measures_hold"), "call_measures")
    for name in ("longest_hold_ms", "longest_hold_start_ms", "hold_ms"):
        op.drop_column("call_measures", name)
    op.drop_column("calls", "holds")

"""Calls that FunASR's clients send

Revision 0005, after 0004.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint(op.f("ck_calls_dialect"), "calls", type_="check")
    op.create_check_constraint(op.f("ck_calls_dialect"), "calls", "dialect IN ('plain', 'siprec', 'file', 'funasr')")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_calls_dialect"), "calls", type_="check")
    op.execute("UPDATE calls SET dialect = 'plain' WHERE dialect = 'funasr'")
    op.create_check_constraint(op.f("ck_calls_dialect"), "calls", "dialect IN ('plain', 'siprec', 'file')")

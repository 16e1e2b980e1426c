"""Calls that come by AudioSocket and over WebSockets

Revision 0009, after 0008.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BEFORE = ("plain", "siprec", "file", "funasr")
NEW = ("audiosocket", "twilio", "asterisk", "freeswitch", "audiohook", "browser")


def upgrade() -> None:
    _allow(BEFORE + NEW)


def downgrade() -> None:
    op.drop_constraint(op.f("ck_calls_dialect"), "calls", type_="check")
    op.execute(f"UPDATE calls SET dialect = 'plain' WHERE dialect IN ({_listed(NEW)})")
    op.create_check_constraint(op.f("ck_calls_dialect"), "calls", f"dialect IN ({_listed(BEFORE)})")


def _allow(dialects: tuple[str, ...]) -> None:
    op.drop_constraint(op.f("ck_calls_dialect"), "calls", type_="check")
    op.create_check_constraint(op.f("ck_calls_dialect"), "calls", f"dialect IN ({_listed(dialects)})")


def _listed(dialects: tuple[str, ...]) -> str:
    return ", ".join(f"'{dialect}'" for dialect in dialects)

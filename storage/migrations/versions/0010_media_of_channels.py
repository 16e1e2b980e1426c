"""What channels received as RTP

Revision 0010, after 0009.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_COUNTS = ("packets", "lost", "reordered", "duplicated", "discarded", "late")
_MEASURES = ("jitter_ms", "mos")


def upgrade() -> None:
    for name in _COUNTS:
        op.add_column("channels", sa.Column(name, sa.BigInteger()))
    for name in _MEASURES:
        op.add_column("channels", sa.Column(name, sa.Float()))
    least = ", ".join((*_COUNTS, "jitter_ms"))
    op.create_check_constraint(op.f("ck_channels_media"), "channels", f"least({least}) >= 0")
    op.create_check_constraint(op.f("ck_channels_mos"), "channels", "mos BETWEEN 1 AND 5")


def downgrade() -> None:
    for name in (*_COUNTS, *_MEASURES):
        op.drop_column("channels", name)

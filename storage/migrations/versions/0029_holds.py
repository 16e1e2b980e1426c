"""For how long calls were on hold, and the index of deliveries by priority

Revision 0029, after 0031.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0029"
down_revision = "0031"
branch_labels = None
depends_on = None

DUE = "ix_webhook_deliveries_due"
QUEUED = sa.text("state = 'queued'")
MEASURED = ("hold_ms", "longest_hold_start_ms", "longest_hold_ms")
RULE = "ck_call_measures_hold"


def upgrade() -> None:
    # First, and each statement so that it may be done twice: the block is tried again from its beginning.
    with op.get_context().autocommit_block():
        op.drop_index(DUE, "webhook_deliveries", if_exists=True, postgresql_concurrently=True)
        by = ["hook", "priority", "due_at"]
        op.create_index(DUE, "webhook_deliveries", by, postgresql_where=QUEUED, postgresql_concurrently=True)
        columns = ", ".join(f"ADD COLUMN IF NOT EXISTS {name} integer" for name in MEASURED)
        op.execute(f"ALTER TABLE call_measures {columns}")
        op.execute(f"ALTER TABLE call_measures DROP CONSTRAINT IF EXISTS {RULE}")
        op.execute(
            f"ALTER TABLE call_measures ADD CONSTRAINT {RULE} CHECK (least({', '.join(MEASURED)}) >= 0) NOT VALID"
        )
        op.execute(f"ALTER TABLE call_measures VALIDATE CONSTRAINT {RULE}")
    op.add_column("calls", sa.Column("holds", postgresql.JSONB(), nullable=True))


def downgrade() -> None:
    op.drop_column("calls", "holds")
    for name in MEASURED:
        op.drop_column("call_measures", name)
    op.drop_index(DUE, "webhook_deliveries")
    op.create_index(DUE, "webhook_deliveries", ["hook", "due_at"], postgresql_where=QUEUED)

"""Lists of jobs, newest first, and of those that failed

Revision 0034, after 0033.
"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

INDEXES = {"ix_jobs_listed": None, "ix_jobs_failed": sa.text("state = 'failed'")}


def upgrade() -> None:
    # While everybody goes on; each may be done twice: the block is tried again from its beginning.
    with op.get_context().autocommit_block():
        for name, rows in INDEXES.items():
            op.drop_index(name, "jobs", if_exists=True, postgresql_concurrently=True)
            op.create_index(name, "jobs", ["created_at", "id"], postgresql_where=rows, postgresql_concurrently=True)


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name, "jobs")

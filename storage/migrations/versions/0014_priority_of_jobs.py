"""Priority of jobs

Revision 0014, after 0013.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("priority", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.drop_index("ix_jobs_due", "jobs")
    due = sa.text("state IN ('queued', 'running')")
    op.create_index("ix_jobs_due", "jobs", ["priority", "due_at"], postgresql_where=due)


def downgrade() -> None:
    op.drop_index("ix_jobs_due", "jobs")
    op.drop_column("jobs", "priority")
    op.create_index("ix_jobs_due", "jobs", ["due_at"], postgresql_where=sa.text("state IN ('queued', 'running')"))

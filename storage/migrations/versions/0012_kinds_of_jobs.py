"""Kinds of jobs: diarize, bleep and evaluate

Revision 0012, after 0011.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

BEFORE = ("second-pass", "recover")
AFTER = (*BEFORE, "diarize", "bleep", "evaluate")


def allow(kinds: tuple[str, ...]) -> None:
    op.drop_constraint(op.f("ck_jobs_kind"), "jobs")
    op.create_check_constraint(op.f("ck_jobs_kind"), "jobs", f"kind IN ({', '.join(map(repr, kinds))})")


def upgrade() -> None:
    allow(AFTER)


def downgrade() -> None:
    op.execute(f"DELETE FROM jobs WHERE kind NOT IN ({', '.join(map(repr, BEFORE))})")
    allow(BEFORE)

"""Kinds of jobs: diarize, bleep and evaluate

Revision 0012, after 0011. That the rule holds for what is stored is seen by 0013: nobody waits for that.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

BEFORE = ("second-pass", "recover")
AFTER = (*BEFORE, "diarize", "bleep", "evaluate")


def allow(kinds: tuple[str, ...]) -> None:
    """Without a look at what is stored, which would hold up everybody."""
    op.drop_constraint(op.f("ck_jobs_kind"), "jobs")
    rule = f"kind IN ({', '.join(map(repr, kinds))})"
    op.create_check_constraint(op.f("ck_jobs_kind"), "jobs", rule, postgresql_not_valid=True)


def upgrade() -> None:
    allow(AFTER)


def downgrade() -> None:
    op.execute(f"DELETE FROM jobs WHERE kind NOT IN ({', '.join(map(repr, BEFORE))})")
    allow(BEFORE)
    op.execute("ALTER TABLE jobs VALIDATE CONSTRAINT ck_jobs_kind")

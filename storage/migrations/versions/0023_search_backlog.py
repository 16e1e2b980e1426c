"""Search: what is stored already is queued, and parties are found by parts of their names

Revision 0023, after 0022.

The queue is filled without a lock on what calls write, the newest last to be queued and so first to be indexed. The
index comes after it: while it is made, seconds for a million parties, calls that begin wait in the nodes' journals.
"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("INSERT INTO search_queue (utterance_id) SELECT id FROM utterances ORDER BY created_at")
    operators = {"address": "gin_trgm_ops", "name": "gin_trgm_ops"}
    op.create_index("ix_parties_alike", "parties", [*operators], postgresql_using="gin", postgresql_ops=operators)


def downgrade() -> None:
    op.drop_index("ix_parties_alike", "parties")

"""Search: what is stored already is queued, and parties are found by parts of their names

Revision 0023, after 0022.

Both without a lock on what calls write; of the texts the newest are the last to be queued and so the first to be
indexed.
"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    operators = {"address": "gin_trgm_ops", "name": "gin_trgm_ops"}
    # First: what comes before such a block is committed, and would be done twice where the block is tried again.
    with op.get_context().autocommit_block():
        op.drop_index("ix_parties_alike", "parties", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            "ix_parties_alike",
            "parties",
            [*operators],
            postgresql_using="gin",
            postgresql_ops=operators,
            postgresql_concurrently=True,
        )
    op.execute("INSERT INTO search_queue (utterance_id) SELECT id FROM utterances ORDER BY created_at")


def downgrade() -> None:
    op.drop_index("ix_parties_alike", "parties")

"""Indexes of what retention keeps; search: texts, their words, and a queue of what is to be indexed

Revision 0020, after 0019.

The queue is written by triggers, so that it misses nothing that another release, or whoever corrects or masks texts,
writes meanwhile. What is stored already is queued by 0023: tables that calls write are locked here, for a moment.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

QUEUE = """
CREATE FUNCTION queue_{table}_for_search() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO search_queue (utterance_id) VALUES ({utterance});
    RETURN NULL;
END
$$
"""
WATCH = (
    "CREATE TRIGGER queue_for_search AFTER {events} ON {table} FOR EACH ROW EXECUTE FUNCTION queue_{table}_for_search()"
)
WATCHED = (
    ("utterances", "NEW.id", "INSERT OR UPDATE OF text, spoken, language, emotion, audio_events"),
    ("revisions", "coalesce(NEW.utterance_id, OLD.utterance_id)", "INSERT OR DELETE OR UPDATE OF text, spoken"),
)


KEPT = ("audio", "text")


def upgrade() -> None:
    # First: what comes before such a block is committed, and would not be done again where the block is tried again.
    with op.get_context().autocommit_block():
        for kind in KEPT:
            index_kept(kind)
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    create_texts()
    op.create_table(
        "search_words",
        sa.Column("word", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("word", name=op.f("pk_search_words")),
    )
    operators = {"word": "gin_trgm_ops"}
    op.create_index("ix_search_words_alike", "search_words", ["word"], postgresql_using="gin", postgresql_ops=operators)
    op.create_table(
        "search_queue",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("utterance_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_queue")),
    )
    for table, utterance, events in WATCHED:
        op.execute(QUEUE.format(table=table, utterance=utterance))
        op.execute(WATCH.format(table=table, events=events))


def index_kept(kind: str) -> None:
    name, kept = f"ix_calls_{kind}_kept", sa.text(f"{kind}_expired_at IS NULL")
    op.drop_index(name, "calls", if_exists=True, postgresql_concurrently=True)
    columns = ["trunk", "ended_at"]
    op.create_index(name, "calls", columns, postgresql_where=kept, postgresql_concurrently=True)


def create_texts() -> None:
    op.create_table(
        "search_texts",
        sa.Column("utterance_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("newest", sa.Boolean(), nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lexemes", postgresql.TSVECTOR(), nullable=False),
        sa.CheckConstraint("number >= 0", name=op.f("ck_search_texts_number")),
        sa.ForeignKeyConstraint(
            ["utterance_id"], ["utterances.id"], name=op.f("fk_search_texts_utterance_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("utterance_id", "number", name=op.f("pk_search_texts")),
        postgresql_with={"fillfactor": "90"},
    )
    lexemes = op.f("ix_search_texts_lexemes")
    op.create_index(lexemes, "search_texts", ["lexemes"], postgresql_using="gin", postgresql_with={"fastupdate": "off"})
    op.create_index(op.f("ix_search_texts_said_at_utterance_id"), "search_texts", ["said_at", "utterance_id"])
    op.create_index(op.f("ix_search_texts_call_id"), "search_texts", ["call_id"])


def downgrade() -> None:
    for table, _, _ in WATCHED:
        op.execute(f"DROP TRIGGER queue_for_search ON {table}")
        op.execute(f"DROP FUNCTION queue_{table}_for_search()")
    for table in ("search_queue", "search_words", "search_texts"):
        op.drop_table(table)
    for kind in KEPT:
        op.drop_index(f"ix_calls_{kind}_kept", "calls")

"""Retention, legal holds and erased calls

Revision 0019, after 0018. The indexes of what is kept are made by 0020, while nobody waits.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

KINDS = ("audio", "text")
NOW = sa.text("now()")


def upgrade() -> None:
    for kind in KINDS:
        op.add_column("calls", sa.Column(f"{kind}_expired_at", sa.DateTime(timezone=True)))
    op.create_table(
        "holds",
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.CheckConstraint("by <> ''", name=op.f("ck_holds_by")),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name=op.f("fk_holds_call_id")),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_holds")),
        sa.UniqueConstraint("number", name=op.f("uq_holds_number")),
    )
    op.create_table(
        "erased_calls",
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("swept", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_erased_calls")),
    )
    op.create_index("ix_erased_calls_unswept", "erased_calls", ["erased_at"], postgresql_where=sa.text("NOT swept"))


def downgrade() -> None:
    op.drop_table("erased_calls")
    op.drop_table("holds")
    for kind in KINDS:
        op.drop_column("calls", f"{kind}_expired_at")

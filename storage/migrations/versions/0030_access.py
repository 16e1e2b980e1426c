"""Users, browsers that signed in, and tokens of programs

Revision 0030, after 0028. The two indexes on parties find the calls of an extension or address; they are made without a
lock on what calls write.
"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0028"
branch_labels = None
depends_on = None

NOW = sa.text("now()")
EMPTY = sa.text("'{}'")


OF_PARTIES = {
    "ix_parties_address": "lower(address)",
    "ix_parties_user": "lower(substring(address, '^[a-zA-Z]+:([^@;?]*)'))",
}


def upgrade() -> None:
    # First: what comes before such a block is committed, and would be done twice where the block is tried again.
    with op.get_context().autocommit_block():
        for name, expression in OF_PARTIES.items():
            op.drop_index(name, "parties", if_exists=True, postgresql_concurrently=True)
            op.create_index(name, "parties", [sa.text(expression)], postgresql_concurrently=True)
    op.create_table(
        "users",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("team", sa.Text(), server_default="", nullable=False),
        sa.Column("addresses", sa.ARRAY(sa.Text()), server_default=EMPTY, nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("disabled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.CheckConstraint("name <> ''", name=op.f("ck_users_name")),
        sa.CheckConstraint("role IN ('agent', 'supervisor', 'qa', 'admin')", name=op.f("ck_users_role")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_users")),
    )
    op.create_index(op.f("ix_users_team"), "users", ["team"])
    op.create_table(
        "sign_ins",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_name"], ["users.name"], name=op.f("fk_sign_ins_user_name"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sign_ins")),
    )
    op.create_index(op.f("ix_sign_ins_user_name"), "sign_ins", ["user_name"])
    op.create_index(op.f("ix_sign_ins_expires_at"), "sign_ins", ["expires_at"])
    _create_tokens()


def _create_tokens() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("name <> ''", name=op.f("ck_api_tokens_name")),
        sa.ForeignKeyConstraint(
            ["user_name"], ["users.name"], name=op.f("fk_api_tokens_user_name"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("key", name=op.f("uq_api_tokens_key")),
        sa.UniqueConstraint("name", name=op.f("uq_api_tokens_name")),
    )
    op.create_index(op.f("ix_api_tokens_user_name"), "api_tokens", ["user_name"])


def downgrade() -> None:
    op.drop_index("ix_parties_user", "parties")
    op.drop_index("ix_parties_address", "parties")
    for table in ("api_tokens", "sign_ins", "users"):
        op.drop_table(table)

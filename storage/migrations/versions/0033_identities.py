"""Who people are to an identity provider

Revision 0033, after 0032. A release that does not know them opens sign-ins without an id_token.
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "identities",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("issuer <> '' AND subject <> ''", name=op.f("ck_identities_named")),
        sa.ForeignKeyConstraint(
            ["user_name"], ["users.name"], name=op.f("fk_identities_user_name"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_identities")),
    )
    op.create_index(op.f("ix_identities_user_name"), "identities", ["user_name"])
    op.add_column("sign_ins", sa.Column("id_token", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("sign_ins", "id_token")
    op.drop_table("identities")

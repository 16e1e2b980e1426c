"""Which deliveries go first, and to whom nothing is sent for now

Revision 0028, after 0026. The index by which deliveries are found is made by 0029, while nobody waits.
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "webhook_deliveries", sa.Column("priority", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.create_table(
        "webhook_holds",
        sa.Column("hook", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("hook", name=op.f("pk_webhook_holds")),
    )


def downgrade() -> None:
    op.drop_table("webhook_holds")
    op.drop_column("webhook_deliveries", "priority")

"""Tries the migrations on an empty embedded Postgres: up to head, no drift from the models, one step down and up."""

import sys
import tempfile
from pathlib import Path

from storage import schema
from storage.embedded import EmbeddedPostgres


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="callscribe-migrations-") as folder:
        postgres = EmbeddedPostgres(Path(folder) / "postgres")
        url = postgres.start()
        try:
            schema.upgrade(url)
            drift = schema.drift(url)
            schema.downgrade(url, "-1")
            schema.upgrade(url)
        finally:
            postgres.stop()
    for difference in drift:
        print(f"models and migrations differ: {difference}", file=sys.stderr)
    print("migrations: upgrade, downgrade and upgrade went well" if not drift else "migrations: add one for the drift")
    return 1 if drift else 0


if __name__ == "__main__":
    sys.exit(main())

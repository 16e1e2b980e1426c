"""The commands for accounts."""

import subprocess
import sys


def test_a_command_that_asks_no_database_does_not_wait_for_its_library() -> None:
    told = "import sys, callscribe.cli.main; print(sorted({'sqlalchemy', 'psycopg'} & set(sys.modules)))"
    outcome = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, timeout=60, check=True)
    assert outcome.stdout.strip() == "[]"

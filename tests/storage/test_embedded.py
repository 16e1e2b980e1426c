"""The embedded Postgres: durable, private, and there again after a crash."""

import os
import pwd
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from callscribe.domain.errors import DataFolderMismatch, StorageError
from storage.account import grant_search, server_account
from storage.cluster import SOCKET_PATH_LIMIT, Cluster, major_version
from storage.embedded import EmbeddedPostgres

pytestmark = pytest.mark.integration

CHILD = """
    import sys
    from pathlib import Path
    from storage.embedded import EmbeddedPostgres

    postgres = EmbeddedPostgres(Path(sys.argv[1]))
    print(postgres.start(), flush=True)
    sys.stdin.read()
    postgres.stop()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder that is not there yet. Not in pytest's folder, which each run of pytest closes for other users."""
    with tempfile.TemporaryDirectory(prefix="callscribe-tests-") as parent:
        yield Path(parent) / "postgres"


def owner_of(folder: Path) -> Cluster:
    return Cluster(folder, server_account(folder))


def run_child(folder: Path) -> subprocess.Popen[str]:
    """A process of a session of its own that has started the folder's server, and stops it at the end of its input."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CHILD), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def started_url(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith("postgresql://"):
            return line.strip()
    raise AssertionError("the child has not started Postgres")


@contextmanager
def acting_as(user: pwd.struct_passwd) -> Iterator[None]:
    """This process as that user: its real and effective ids, which its children inherit."""
    os.setresgid(user.pw_gid, user.pw_gid, 0)
    os.setresuid(user.pw_uid, user.pw_uid, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)


def ask(url: str, question: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return row[0]


def test_a_server_is_durable_private_and_keeps_its_rows(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder)
    url = postgres.start()
    try:
        assert [ask(url, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")] == ["on"] * 3
        assert ask(url, "SHOW listen_addresses") == ""
        assert ask(url, "SELECT datcollate || datlocale FROM pg_database WHERE datname = 'callscribe'") == "CC.UTF-8"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / ".s.PGSQL.5432").stat().st_mode) == 0o700
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 'secret' AS word")
            with pytest.raises(psycopg.Error):
                connection.execute("SELECT word::integer FROM kept")
    finally:
        postgres.stop()
    assert not (folder / "postmaster.pid").exists()
    assert "secret" not in (folder / "server.log").read_text(encoding="utf-8")
    assert postgres.start() == url
    try:
        assert ask(url, "SELECT count(*) FROM pg_database WHERE datname = 'callscribe'") == 1
    finally:
        postgres.stop()


def test_a_path_too_long_for_a_socket_gets_a_short_one_that_goes_with_the_server(folder: Path) -> None:
    deep = folder / ("d" * 60) / ("e" * 60) / "postgres"
    assert len(os.fsencode(deep)) > SOCKET_PATH_LIMIT
    postgres = EmbeddedPostgres(deep)
    url = postgres.start()
    try:
        assert ask(url, "SELECT 1") == 1
        sockets = owner_of(deep).socket_folder
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    finally:
        postgres.stop()
    assert not sockets.exists()


def test_a_signal_for_the_process_group_does_not_reach_the_server(folder: Path) -> None:
    with run_child(folder) as child:
        url = started_url(child)
        os.killpg(child.pid, signal.SIGINT)
    taken_over = EmbeddedPostgres(folder)
    try:
        assert ask(url, "SELECT 1") == 1
        assert taken_over.start() == url
    finally:
        taken_over.stop()


def test_a_server_whose_process_was_killed_is_taken_over_and_stopped(folder: Path) -> None:
    with run_child(folder) as child:
        url = started_url(child)
        pid = owner_of(folder).server_pid()
        child.kill()
    postgres = EmbeddedPostgres(folder)
    try:
        assert postgres.start() == url
        assert owner_of(folder).server_pid() == pid
    finally:
        postgres.stop()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


def test_a_server_that_was_killed_itself_starts_again_with_what_was_committed(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder)
    url = postgres.start()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    pid = owner_of(folder).server_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    postgres.stop()
    try:
        assert postgres.start() == url
        assert ask(url, "SELECT number FROM kept") == 7
    finally:
        postgres.stop()


def test_a_pid_file_that_names_another_program_is_no_hindrance(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder)
    url = postgres.start()
    lines = (folder / "postmaster.pid").read_text(encoding="utf-8").splitlines(keepends=True)
    postgres.stop()
    stale = folder / "postmaster.pid"
    stale.write_text("".join([f"{os.getpid()}\n", *lines[1:]]), encoding="utf-8")
    owner_of(folder).account.own(stale)
    try:
        assert postgres.start() == url
    finally:
        postgres.stop()


def test_a_second_process_may_not_run_the_same_folder(folder: Path) -> None:
    with run_child(folder) as child:
        url = started_url(child)
        with pytest.raises(StorageError, match="in use by another Callscribe"):
            EmbeddedPostgres(folder).start()
        assert ask(url, "SELECT 1") == 1
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


def test_a_folder_of_another_major_version_is_refused_with_the_cure(folder: Path) -> None:
    folder.mkdir()
    (folder / "PG_VERSION").write_text("12\n", encoding="ascii")
    with pytest.raises(DataFolderMismatch) as refused:
        EmbeddedPostgres(folder).start()
    sentence = str(refused.value)
    assert f"written by PostgreSQL 12, this release carries PostgreSQL {major_version()}" in sentence
    assert "pg_dump" in sentence
    assert "pg_upgrade" in sentence


def test_a_folder_with_other_files_is_left_alone(folder: Path) -> None:
    folder.mkdir()
    (folder / "letter.txt").write_text("dear")
    with pytest.raises(StorageError, match="holds other files"):
        EmbeddedPostgres(folder).start()
    assert [path.name for path in folder.iterdir()] == ["letter.txt"]


def test_stopping_what_was_never_started_does_nothing(folder: Path) -> None:
    EmbeddedPostgres(folder).stop()
    assert not folder.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may run the server as somebody else")
def test_root_runs_the_server_as_an_ordinary_account_that_may_pass_but_not_read(folder: Path) -> None:
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    postgres = EmbeddedPostgres(folder)
    url = postgres.start()
    try:
        pid = owner_of(folder).server_pid()
        assert Path(f"/proc/{pid}").stat().st_uid == folder.stat().st_uid != 0
        assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o701
        assert ask(url, "SELECT 1") == 1
    finally:
        postgres.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_an_ordinary_user_runs_the_server_as_itself(folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(folder.parent, nobody.pw_uid, nobody.pw_gid)
    postgres = EmbeddedPostgres(folder)
    with acting_as(nobody):
        url = postgres.start()
        try:
            assert folder.stat().st_uid == nobody.pw_uid
            assert ask(url, "SELECT 1") == 1
        finally:
            postgres.stop()


def test_search_is_granted_only_where_it_is_missing(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "open").mkdir(parents=True)
    closed.chmod(0o700)
    (closed / "open").chmod(0o755)
    account = server_account(tmp_path / "new")
    grant_search(closed / "open" / "leaf", account)
    expected = 0o701 if account.switched else 0o700
    assert stat.S_IMODE(closed.stat().st_mode) == expected
    assert stat.S_IMODE((closed / "open").stat().st_mode) == 0o755

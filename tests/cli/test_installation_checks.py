"""The doctor's checks of the installation beside its trunks: files, certificates, workers, folders, the database."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from callscribe.cli.checks import work
from callscribe.cli.checks.certificate import check_other_certificates
from callscribe.cli.checks.files import check_retention, check_secrets
from callscribe.cli.checks.finding import Finding, Verdict
from callscribe.cli.checks.installation import check_servers
from callscribe.config.settings import Settings
from callscribe.domain.errors import CallscribeError
from storage import schema
from storage.embedded import EmbeddedPostgres
from storage.settings import DatabaseSettings, RetentionSettings
from telephony.certificate import TlsFiles
from telephony.settings import SipSettings, TrunkSettings
from tests.acceptance.tls import make_pair
from tests.cli.test_checks import EXPIRED

NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    ("text", "mode", "verdict"),
    [
        ('[web]\ntoken = "x"\n', 0o644, Verdict.HINT),
        ('[web]\ntoken = "x"\n', 0o640, Verdict.OK),
        ('[web]\ntoken = ""\n', 0o644, Verdict.OK),
        ('[database]\nurl = "postgresql://me:secret@db/callscribe"\n', 0o644, Verdict.HINT),
        ('[database]\nurl = "postgresql://db/callscribe"\n', 0o644, Verdict.OK),
    ],
)
def test_a_settings_file_with_secrets_is_not_for_everybody(
    tmp_path: Path, text: str, mode: int, verdict: Verdict
) -> None:
    config = tmp_path / "callscribe.toml"
    config.write_text(text)
    config.chmod(mode)
    found = check_secrets(Settings(), config)
    assert (found.verdict, found.cure) == (verdict, f"chmod o-rwx {config}" if verdict is Verdict.HINT else "")


def test_a_key_that_everybody_may_read_is_told(tmp_path: Path) -> None:
    pair = make_pair(tmp_path, "own")
    pair.key.chmod(0o604)
    sip = SipSettings(tls_port=1, tls_certificate=str(pair.certificate), tls_key=str(pair.key))
    assert str(pair.key) in check_secrets(Settings(sip=sip), None).detail
    pair.key.chmod(0o600)
    assert check_secrets(Settings(sip=sip), None).verdict is Verdict.OK


def test_how_long_calls_are_kept_is_told_for_all_trunks() -> None:
    trunks = (TrunkSettings("a"), TrunkSettings("b", keep_audio_days=7))
    told = check_retention(Settings(retention=RetentionSettings(audio_days=90), trunks=trunks)).detail
    assert told == "audio is kept 7 days or 90 days, text for ever"


def test_a_certificate_of_a_stream_port_is_watched_too(tmp_path: Path) -> None:
    pair = make_pair(tmp_path, "own")
    good, over = TlsFiles(str(pair.certificate), str(pair.key), table="ingest"), TlsFiles(EXPIRED, EXPIRED)
    (found,) = check_other_certificates([good], NOW - timedelta(days=30))
    assert (found.check, found.verdict) == ("ingest TLS", Verdict.OK)
    (soon,) = check_other_certificates([good], NOW)
    assert (soon.verdict, soon.cure) == (Verdict.HINT, "renew it; no restart is needed")
    (bad,) = check_other_certificates([replace(over, table="funasr_server")], NOW)
    assert (bad.verdict, "expired" in bad.detail) == (Verdict.BAD, True)
    assert bad.cure == "renew funasr_server.tls_certificate and its tls_key"


@pytest.mark.parametrize(
    ("counts", "workers", "verdicts"),
    [
        ("[]", '["node-1"]', [Verdict.OK, Verdict.OK]),
        ("[]", "[]", [Verdict.BAD, Verdict.OK]),
        ("[]", "null", [Verdict.HINT, Verdict.OK]),
        (
            '[{"state": "failed", "kind": "second-pass", "number": 3, "oldest_at": "2026-01-01T00:00:00Z"}]',
            '["node-1"]',
            [Verdict.OK, Verdict.HINT],
        ),
    ],
)
def test_a_worker_that_is_gone_and_jobs_that_were_given_up_are_told(
    monkeypatch: pytest.MonkeyPatch, counts: str, workers: str, verdicts: list[Verdict]
) -> None:
    monkeypatch.setattr(work, "fetch", lambda *_: f'{{"counts": {counts}, "workers": {workers}}}'.encode())
    found = list(work.check_work("http://127.0.0.1:1"))
    assert [one.verdict for one in found] == verdicts
    assert all(one.cure for one in found if one.verdict is not Verdict.OK)


def test_nobody_to_ask_is_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> bytes:
        raise CallscribeError

    monkeypatch.setattr(work, "fetch", away)
    assert list(work.check_work("http://127.0.0.1:1")) == []


@contextmanager
def running_postgres(folder: Path) -> Iterator[str]:
    postgres = EmbeddedPostgres(folder)
    yield postgres.start()
    postgres.stop()


@pytest.mark.integration
def test_a_schema_that_lacks_migrations_is_told_with_the_command(open_folder: Path) -> None:
    def database(url: str) -> Finding:
        return next(one for one in check_servers(Settings(database=DatabaseSettings(url))) if one.check == "database")

    with running_postgres(open_folder / "doctors") as url:
        assert (database(url).verdict, database(url).cure) == (Verdict.BAD, "run `callscribe migrate`.")
        schema.upgrade(url)
        assert database(url).verdict is Verdict.OK
    assert database(f"postgresql://nobody@127.0.0.1:1/none{os.getpid()}").verdict is Verdict.BAD

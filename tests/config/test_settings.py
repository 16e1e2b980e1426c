"""Reading settings: file, environment, and one sentence for whatever is wrong."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from callscribe.config.settings import Settings, environment_of, load_settings
from callscribe.domain.errors import SettingsError
from telephony.settings import RegisterSettings, RoleRule, TrunkSettings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


def complaint(file: Path, text: str = "", **environ: str) -> str:
    """What is said about these settings."""
    file.write_text(text)
    with pytest.raises(SettingsError) as refused:
        load_settings(file, environ)
    assert refused.value.exit_code == 2
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_nothing_set_gives_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(None, {}) == Settings()
    (tmp_path / "callscribe.toml").write_text("[sip]\nport = 5070\n")
    assert load_settings(None, {}).sip.port == 5070


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(file: Path) -> None:
    file.write_text('[sip]\nport = 5070\nhost = "192.0.2.1"\n[recognizer.endpoint]\nhang_ms = 300\n')
    environ = {"CALLSCRIBE_SIP__PORT": "5080", "CALLSCRIBE_RECOGNIZER__ENDPOINT__ONSET_MS": "64", "OTHER": "x"}
    settings = load_settings(file, environ)
    assert (settings.sip.port, settings.sip.host, settings.sip.lines) == (5080, "192.0.2.1", 0)
    assert (settings.recognizer.endpoint.hang_ms, settings.recognizer.endpoint.onset_ms) == (300, 64)


@pytest.mark.parametrize(("written", "meant"), [("true", True), ("1", True), ("no", False), ("false", False)])
def test_environment_values_become_what_their_field_is(file: Path, written: str, meant: bool) -> None:
    file.touch()
    environ = {
        "CALLSCRIBE_SECOND_PASS__ENABLED": written,
        "CALLSCRIBE_SIP__INVITES_PER_SECOND": "2.5",
        "CALLSCRIBE_NODE__NAME": "7",
        "CALLSCRIBE_RECOGNIZER__URLS": '["ws://a:1", "ws://b:2"]',
    }
    settings = load_settings(file, environ)
    assert settings.second_pass.enabled is meant
    assert settings.sip.invites_per_second == 2.5
    assert settings.node.name == "7"
    assert settings.recognizer.urls == ("ws://a:1", "ws://b:2")


def test_trunks_may_stand_in_the_environment(file: Path) -> None:
    file.write_text('[[trunks]]\nname = "old"\n')
    trunks = '[{name = "pbx", allow = ["192.0.2.0/24"], roles = {agent_addresses = ["1???"]}}, {name = "sbc"}]'
    assert load_settings(file, {"CALLSCRIBE_TRUNKS": trunks}).trunks == (
        TrunkSettings("pbx", ("192.0.2.0/24",), roles=RoleRule(agent_addresses=("1???",))),
        TrunkSettings("sbc"),
    )


def test_settings_for_a_child_are_read_back_by_it(file: Path) -> None:
    file.touch()
    environ = environment_of({"sip.port": "5090", "recognizer.urls": "[]", "database.url": ""})
    ours = {name: value for name, value in environ.items() if name.startswith("CALLSCRIBE_")}
    assert load_settings(file, ours).sip.port == 5090


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[sip]\nprot = 1", ("unknown setting sip.prot", "did you mean port?")),
        ("[spi]\nport = 1", ("unknown setting spi", "did you mean sip?")),
        ('[[trunks]]\nname = "a"\n[trunks.roles]\nagentis = "caller"', ("trunks[0].roles.agentis", "agent_is?")),
        ("[sip]\nport = true", ("sip.port", "write a number")),
        ("[sip]\nport = 5060.5", ("sip.port", "integer")),
        ('[sip]\nport = "many"', ("sip.port", "integer")),
        ("[sip]\nport = 70000", ("setting sip: port must be a port number from 0 to 65535",)),
        ("[web]\nport = 99999", ("setting web: port must be a port number from 0 to 65535",)),
        ('[web]\npublic_url = "calls.example.com"', ("setting web: public_url must be", "https://")),
        (
            '[second_pass]\nengine = "funasr"\nlanguage_model = "calls.arpa"',
            ("setting second_pass: language_model is for the engine whisper: funasr gives one text of an utterance",),
        ),
        ("[worker]\nconcurrency = 0", ("setting worker: concurrency must be 1 or more",)),
        ("[worker]\njobs_per_minute = -1", ("setting worker: jobs_per_minute must not be negative",)),
        ("[node]\nname = 7", ("node.name", "write text in quotes")),
        ('[recognizer]\nurls = "ws://a"', ("recognizer.urls", 'write a list, for example ["a", "b"]')),
        ('[recognizer]\nurls = ["a:10190"]', ("setting recognizer.urls must be", "ws:// or wss://")),
        ('[events]\nurl = "http://x"', ("setting events.url must be", "redis:// or rediss:// or unix://")),
        ('[events]\nurl = "redis://x:port/0"', ("setting events.url must be",)),
        ("sip = 5", ("setting sip: this is a table",)),
        ("[[trunks]]", ("setting trunks.0.name: it must be set",)),
        ('[[trunks]]\nname = "a"\nallow = ["999"]', ("trunks.0", "'999' does not appear to be")),
        ('[[trunks]]\nname = "a"\n[[trunks]]\nname = "a"', ("setting trunks: each needs a name of its own",)),
        ("[funasr_server]\nport = -1", ("setting funasr_server: port must be a port number from 0 to 65535",)),
        ('[funasr_server]\ntrunk = "pbx"', ("setting funasr_server.trunk must be the name of a trunk",)),
        ('[funasr_server]\ntls_key = "k"', ("funasr_server: tls_certificate and tls_key need each other",)),
        ('[funasr_server]\nallow = ["x"]', ("setting funasr_server", "'x' does not appear to be")),
        ('[funasr_server]\ndefault_mode = "both"', ('default_mode must be "2pass", "online" or "offline"',)),
        ("[funasr_server]\nmax_connections = 0", ("max_connections must be 1 or more",)),
        ('[ingest]\ntrunk = "pbx"', ("setting ingest.trunk must be the name of a trunk",)),
        ("[ingest]\nport = 99999", ("setting ingest: port must be a port number from 0 to 65535",)),
        ("[ingest]\nrtp_port_max = 20000", ("ingest: rtp_port_max must be above rtp_port_min",)),
        ('[ingest]\nadvertised_address = "pbx"', ("ingest: advertised_address must be an IP address",)),
        ('[ingest]\ntls_key = "k"', ("ingest: tls_certificate and tls_key need each other",)),
        ('[ingest]\naudiohook_client_secret = "YQ=="', ("audiohook_client_secret needs audiohook_api_key",)),
        ('[ingest]\naudiohook_api_key = "k"\naudiohook_client_secret = "a"', ("must be base64",)),
        ('[ingest]\npublic_url = "https://x"', ("public_url must begin with wss:// or ws://",)),
        ("[audiosocket]\nconnections_per_second = 0", ("connections_per_second above 0",)),
        ('[audiosocket]\ntrunk = "pbx"', ("setting audiosocket.trunk must be the name of a trunk",)),
    ],
)
def test_what_is_wrong_is_named_in_one_sentence(file: Path, text: str, parts: tuple[str, ...]) -> None:
    sentence = complaint(file, text)
    assert all(part in sentence for part in parts), sentence
    assert "Value error" not in sentence


def test_a_bad_environment_variable_is_named(file: Path) -> None:
    assert "CALLSCRIBE_NODE__NAME: node is no table" in complaint(file, CALLSCRIBE_NODE="x", CALLSCRIBE_NODE__NAME="y")
    assert "CALLSCRIBE_TRUNKS is no TOML list" in complaint(file, CALLSCRIBE_TRUNKS="[{name =")
    assert "unknown setting sip.linse: did you mean lines?" in complaint(file, CALLSCRIBE_SIP__LINSE="2")


ANY = '[[trunks]]\nname = "hotline"\nlanguage = "auto"\n'


@pytest.mark.parametrize(
    "engines", ["", 'engines = ["funasr", "moonshine"]', 'engines = ["google", "sherpa", "azure"]']
)
def test_a_language_that_nobody_can_find_out_is_refused_with_the_cure(file: Path, engines: str) -> None:
    sentence = complaint(file, ANY + engines)
    assert "the language of hotline is auto, which " in sentence
    assert "cannot find out; name a model in recognizer.language_identification, or an engine that can" in sentence


@pytest.mark.parametrize(
    ("engines", "more"),
    [
        ('engines = ["funasr", "moonshine"]', '[recognizer]\nlanguage_identification = "/srv/models/whisper-base"\n'),
        ('engines = ["funasr", "sensevoice"]', ""),
        ("", '[recognizer]\nengine = "qwen"\n'),
        ("", '[recognizer]\nurls = ["ws://192.0.2.1:10190"]\n'),
        ('engines = ["google"]', '[recognizer.google]\nlanguages = ["en-US", "de-DE"]\n'),
        ('engines = ["azure"]', '[recognizer.azure]\nlanguages = ["en-US", "de-DE"]\n'),
        ('engines = ["sherpa"]', '[recognizer.sherpa]\noffline = "/srv/models/sense-voice"\n'),
    ],
)
def test_a_language_may_be_found_out_by_a_model_or_an_engine(file: Path, engines: str, more: str) -> None:
    file.write_text(f"{ANY}{engines}\n{more}")
    (trunk,) = load_settings(file, {}).trunks
    assert trunk.language == "auto"


def test_a_password_does_not_stand_in_the_complaint(file: Path) -> None:
    for text in ('[events]\nurl = "http://me:secret@x"', '[database]\nurl = ["postgresql://me:secret@x/y"]'):
        assert "secret" not in complaint(file, text)


def test_a_file_that_cannot_be_read_or_is_no_toml_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_bytes(b"\xff")
    cases: Mapping[Path, str] = {
        tmp_path / "missing.toml": "cannot be read: No such file",
        tmp_path: "cannot be read: Is a directory",
        broken: "is not TOML",
    }
    for path, reason in cases.items():
        with pytest.raises(SettingsError, match=reason):
            load_settings(path, {})


def test_a_trunk_says_what_is_wrong_with_its_hotwords() -> None:
    with pytest.raises(ValueError, match="1001 words, at most 1000"):
        TrunkSettings("pbx", hotwords=tuple(f"word {number}" for number in range(1001)))
    with pytest.raises(ValueError, match="more than 100 characters"):
        TrunkSettings("pbx", hotwords=("x" * 101,))
    with pytest.raises(ValueError, match="from 0 to 1"):
        TrunkSettings("pbx", hotword_correction=80)
    with pytest.raises(ValueError, match=r'redaction knows no "cards"; it takes payment, all, card'):
        TrunkSettings("pbx", redaction=("cards",))
    with pytest.raises(ValueError, match="redaction_mask must be"):
        TrunkSettings("pbx", redaction=("card",), redaction_mask="{digits}")


def test_a_route_names_trunks_that_there_are(file: Path) -> None:
    route = '[[routes]]\nmatch = "1"\ntarget = "sip:x@192.0.2.1"\ntrunks = ["{}"]\n'
    file.write_text(route.format("default"))
    assert load_settings(file, {}).routes[0].ring_s == 60
    file.write_text(route.format("elsewhere"))
    with pytest.raises(SettingsError, match="there is no trunk elsewhere; name one of default"):
        load_settings(file, {})


def test_a_trunk_says_what_codecs_there_are_and_what_may_be_told_of_keys() -> None:
    with pytest.raises(ValueError, match="among PCMU, PCMA, G722"):
        TrunkSettings("pbx", codecs=("G729",))
    with pytest.raises(ValueError, match="masked"):
        TrunkSettings("pbx", dtmf="hidden")


def test_a_trunk_says_what_it_needs_to_register() -> None:
    for registrar in ("sip:pbx", "pbx:0x", "pbx:70000", "[::1]:5060"):
        with pytest.raises(ValueError, match="registrar must be a host or an IPv4 address"):
            RegisterSettings(registrar, "4711")
    with pytest.raises(ValueError, match="registrar needs extension"):
        RegisterSettings("pbx")
    with pytest.raises(ValueError, match="must have no blanks"):
        RegisterSettings("pbx", "47 11")
    with pytest.raises(ValueError, match='"udp", "tcp" or "tls"'):
        RegisterSettings("pbx", "4711", transport="ws")
    with pytest.raises(ValueError, match="expires_s must be from 10 to 86400"):
        RegisterSettings("pbx", "4711", expires_s=5)
    account = RegisterSettings("pbx:5070", "4711", password="s3cret")
    assert (account.host, account.port) == ("pbx", 5070)
    assert "s3cret" not in repr(account)


def test_registration_that_could_not_work_is_refused_with_the_cure() -> None:
    for extension, password in (("4711", ""), ("", "s3cret")):
        with pytest.raises(ValueError, match="need registrar"):
            RegisterSettings(extension=extension, password=password)
    for transport in ("udp", "tcp"):
        with pytest.raises(ValueError, match='tls_authorities needs transport = "tls"'):
            RegisterSettings("pbx", "4711", transport=transport, tls_authorities="ca.pem")
        for tls in ("required", "verified"):
            with pytest.raises(ValueError, match=f'tls = "{tls}" needs register.transport = "tls"'):
                TrunkSettings("pbx", tls=tls, register=RegisterSettings("pbx", "4711", transport=transport))
    with pytest.raises(ValueError, match="digest_username needs a trunk of its own, without register"):
        TrunkSettings("pbx", digest_username="u", digest_password="p", register=RegisterSettings("pbx", "4711"))
    secure = RegisterSettings("pbx", "4711", transport="tls", tls_authorities="ca.pem")
    assert TrunkSettings("pbx", tls="required", register=secure).register == secure


def test_funasrs_clients_belong_to_the_trunk_that_is_named_or_to_the_first(file: Path) -> None:
    file.write_text('[[trunks]]\nname = "pbx"\n[[trunks]]\nname = "dictation"\n')
    assert load_settings(file, {}).funasr_trunk.name == "pbx"
    named = load_settings(file, {"CALLSCRIBE_FUNASR_SERVER__TRUNK": "dictation"})
    assert named.funasr_trunk == TrunkSettings("dictation")


def test_a_trunk_ends_utterances_as_it_says_and_otherwise_as_the_recogniser_does(file: Path) -> None:
    file.write_text(
        '[recognizer.endpoint]\nhang_ms = 300\n[[trunks]]\nname = "own"\nendpoint = {open_hang_ms = 1500}\n'
        '[[trunks]]\nname = "plain"\n'
    )
    settings = load_settings(file, {})
    own, plain = (settings.endpoint_of(trunk) for trunk in settings.trunks)
    assert (own.hang_ms, own.open_hang_ms) == (300, 1500)
    assert plain == settings.recognizer.endpoint


@pytest.mark.parametrize("value", [20, -5])
def test_a_trunk_s_endpoint_has_the_recogniser_s_bounds(file: Path, value: int) -> None:
    text = f'[[trunks]]\nname = "pbx"\nendpoint = {{hang_ms = {value}}}\n'
    assert "the endpoint of pbx: hang_ms must be 96 to 5000" in complaint(file, text)

"""Model references: folders, and models of hubs that are downloaded once, checked, and then asked for no more."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from huggingface_hub import constants
from structlog.testing import capture_logs

from asr.hubs import transfer
from asr.hubs.modelscope import ModelScope
from asr.models import PROGRESS_S, Progress, is_reference, model_folder
from callscribe.domain.errors import EngineUnavailable
from tests.hubs import MODEL, Hubs, Mischief, commit, hubs, is_large

TINY = Path(__file__).parents[1] / "models" / "fsmn-vad"
BESIDE = {
    "README.md": b"# Tiny\n",
    ".gitattributes": b"*.pt filter=lfs\n",
    "remote_code.py": b"raise SystemExit('code of a model was run')\n",
    "example/asr_example.wav": b"RIFF",
    "lang/words": b"yes no\n",
}
"""What models on hubs have beside them; of it only the words belong to the model."""
DOWNLOADING = "import sys; from asr.models import model_folder; print(model_folder(sys.argv[1]), file=sys.stderr)"
USING_HUGGING_FACE = "import sys; from huggingface_hub import snapshot_download; snapshot_download(sys.argv[1])"
USING_MODELSCOPE = "import sys; from modelscope import snapshot_download; snapshot_download(sys.argv[1])"


@dataclass(frozen=True, slots=True)
class Machine:
    """One of the hubs, and a machine that has nothing of it yet."""

    hub: str
    """As references begin."""
    served: Hubs
    cache: Path

    @property
    def reference(self) -> str:
        return f"{self.hub}:{MODEL}"

    @property
    def environment(self) -> Mapping[str, str]:
        """What a process needs to find the hub."""
        ours = {"HF_ENDPOINT": self.served.url, "MODELSCOPE_ENDPOINT": self.served.url, "HOME": str(self.cache)}
        cache = {"HF_HOME": str(self.cache), "MODELSCOPE_CACHE": str(self.cache), "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        return {**os.environ, **ours, **cache}

    def start(self, program: str, argument: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", program, argument]
        return subprocess.Popen(
            command, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )


def tiny() -> dict[str, bytes]:
    """The files of the tiny model."""
    return {path.name: path.read_bytes() for path in sorted(TINY.iterdir())}


@pytest.fixture(params=["huggingface", "modelscope"])
def machine(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    newest = tiny()
    revisions: dict[str, Mapping[str, bytes]] = {
        "v1": {"config.yaml": b"of old: true\n", "model.pt": newest["model.pt"][::-1]},
        "v2": newest | BESIDE,
    }
    with hubs(revisions) as served:
        point_at(served.url, tmp_path, monkeypatch)
        yield Machine(request.param, served, tmp_path)


def point_at(url: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """huggingface_hub reads its environment when it is imported, ModelScope's variables are read at use."""
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache / "hub"))
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", url)
    monkeypatch.setenv("MODELSCOPE_CACHE", str(cache))
    monkeypatch.setattr(transfer, "PAUSE_S", 0.0)


def held(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


EXPECTED = {**tiny(), "lang/words": BESIDE["lang/words"]}


def test_a_folder_is_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert model_folder(str(tmp_path)) == tmp_path
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    assert model_folder(f"~/{tmp_path.name}") == tmp_path


@pytest.mark.parametrize(
    "reference", ["/nowhere/model", "iic/SenseVoiceSmall", "modelscope:SenseVoiceSmall", "huggingface:../../etc", ""]
)
def test_what_is_no_folder_is_asked_of_no_hub(machine: Machine, reference: str) -> None:
    with pytest.raises(EngineUnavailable, match=r"there is no folder .*; a model is a folder, modelscope:.* or hugg"):
        model_folder(reference)
    assert machine.served.seen == []


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("modelscope:iic/SenseVoiceSmall@v1", True),
        ("huggingface:Systran/faster-whisper-small", True),
        (str(TINY), True),
        ("modelscope:SenseVoiceSmall", False),
        ("/nowhere/model", False),
        ("auto", False),
        ("", False),
    ],
)
def test_a_reference_is_told_from_other_settings(text: str, is_one: bool) -> None:
    assert is_reference(text) is is_one


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "model.pt").touch()
    with pytest.raises(EngineUnavailable, match="there is no folder"):
        model_folder(str(tmp_path / "model.pt"))


def test_a_model_is_downloaded_without_code_and_then_asked_for_no_more(machine: Machine) -> None:
    folder = model_folder(machine.reference)
    assert held(folder) == EXPECTED
    assert folder.is_relative_to(machine.cache)
    asked = len(machine.served.seen)
    assert model_folder(machine.reference) == folder
    assert len(machine.served.seen) == asked


def test_it_is_loaded_without_its_hub_afterwards(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = model_folder(machine.reference)
    point_at("http://127.0.0.1:9", machine.cache, monkeypatch)
    assert model_folder(machine.reference) == folder
    assert held(folder) == EXPECTED


def test_what_was_deleted_since_is_downloaded_again(machine: Machine) -> None:
    folder = model_folder(machine.reference)
    (folder / "am.mvn").unlink()
    assert held(model_folder(machine.reference)) == EXPECTED
    assert len(machine.served.content_requests()) == sum(map(is_large, EXPECTED.values()))


def test_a_named_revision_is_kept_beside_the_newest(machine: Machine) -> None:
    newest = model_folder(machine.reference)
    old = model_folder(f"{machine.reference}@v1")
    assert held(old) == machine.served.revisions["v1"]
    assert held(newest) == EXPECTED


def test_the_newest_stays_what_it_was_when_it_was_first_loaded(machine: Machine) -> None:
    folder = model_folder(machine.reference)
    machine.served.revisions["v3"] = {"config.yaml": b"of tomorrow: true\n"}
    assert model_folder(machine.reference) == folder
    assert held(folder) == EXPECTED


def test_a_commit_is_a_revision_too(machine: Machine) -> None:
    assert held(model_folder(f"{machine.reference}@{commit('v1')}")) == machine.served.revisions["v1"]


@pytest.mark.parametrize("file", ["model.pt", "config.yaml"])
def test_a_corrupt_file_is_downloaded_again(machine: Machine, file: str) -> None:
    machine.served.mischief[file] = Mischief("corrupt", times=1, upto=100)
    with capture_logs() as logs:
        folder = model_folder(machine.reference)
    assert held(folder) == EXPECTED
    assert [log["file"] for log in logs if log["event"] == "model_file_corrupt"] == [file]


def test_a_file_that_is_corrupt_twice_is_named_and_nothing_of_it_loads(machine: Machine) -> None:
    machine.served.mischief["model.pt"] = Mischief("corrupt", times=2)
    with pytest.raises(EngineUnavailable, match=r"model\.pt of .* arrived corrupt 2 times; try again later, or put"):
        model_folder(machine.reference)
    assert not list(machine.cache.rglob("snapshots/*/model.pt"))
    assert held(model_folder(machine.reference)) == EXPECTED


def test_a_download_that_breaks_off_goes_on_where_it_was(machine: Machine) -> None:
    machine.served.mischief["model.pt"] = Mischief("breaks off", times=3, upto=30_000)
    assert held(model_folder(machine.reference)) == EXPECTED
    assert [seen.first_byte for seen in machine.served.content_requests()] == [0, 30_000, 30_000, 30_000]


def test_a_hub_that_keeps_breaking_off_is_told_and_gone_on_with_later(machine: Machine) -> None:
    machine.served.mischief["model.pt"] = Mischief("breaks off", times=4, upto=30_000)
    with pytest.raises(EngineUnavailable, match=r"is not on this machine and http.* broke off in model\.pt; try again"):
        model_folder(machine.reference)
    assert held(model_folder(machine.reference)) == EXPECTED
    assert machine.served.content_requests()[-1].first_byte == 30_000


def test_what_another_content_left_unfinished_is_not_gone_on_with(machine: Machine) -> None:
    machine.served.mischief["model.pt"] = Mischief("breaks off", times=4, upto=30_000)
    with pytest.raises(EngineUnavailable, match="broke off"):
        model_folder(machine.reference)
    machine.served.revisions["v3"] = {"config.yaml": b"of tomorrow: true\n", "model.pt": b"\x01" * 50_000}
    with capture_logs() as logs:
        folder = model_folder(machine.reference)
    assert held(folder) == machine.served.revisions["v3"]
    assert "model_file_corrupt" not in [log["event"] for log in logs]


def test_a_killed_download_leaves_nothing_that_loads_and_is_gone_on_with(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.served.mischief["model.pt"] = Mischief("hangs", times=1, upto=40_000)
    child = machine.start(DOWNLOADING, machine.reference)
    wait_for_part(machine.cache, 40_000)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    with monkeypatch.context() as alone:
        point_at("http://127.0.0.1:9", machine.cache, alone)
        with pytest.raises(EngineUnavailable, match="is not on this machine"):
            model_folder(machine.reference)
    assert held(model_folder(machine.reference)) == EXPECTED
    assert machine.served.content_requests()[-1].first_byte == 40_000


def wait_for_part(folder: Path, size: int) -> None:
    for _ in range(2000):
        if any(path.stat().st_size == size for path in folder.rglob("model.pt.*.part")):
            return
        time.sleep(0.01)
    raise AssertionError("the download did not get so far")


def test_two_processes_download_a_model_once(machine: Machine) -> None:
    machine.served.mischief["model.pt"] = Mischief("breaks off", times=1, upto=1_000)
    children = [machine.start(DOWNLOADING, machine.reference) for _ in range(2)]
    folders = {child.communicate()[1].strip() for child in children}
    assert [child.returncode for child in children] == [0, 0]
    assert len(folders) == 1
    assert held(Path(folders.pop())) == EXPECTED
    assert len(machine.served.content_requests()) == 2


@pytest.mark.parametrize("reference", ["callscribe/nothing", f"{MODEL}@v9"])
def test_an_unknown_model_or_revision_is_named_and_leaves_nothing(machine: Machine, reference: str) -> None:
    with pytest.raises(EngineUnavailable, match=r"has no (model|revision) .*(callscribe/nothing|v9).*; .*correct"):
        model_folder(f"{machine.hub}:{reference}")
    assert held(machine.cache) == {}


def test_a_model_whose_terms_are_not_accepted_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubs({"v2": tiny()}) as served:
        served.gated = True
        point_at(served.url, tmp_path, monkeypatch)
        with pytest.raises(
            EngineUnavailable, match="only to who has accepted its terms; accept them there and set HF_"
        ):
            model_folder(f"huggingface:{MODEL}")


def test_a_hub_that_does_not_answer_is_named_with_the_cure(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    point_at("http://127.0.0.1:9", machine.cache, monkeypatch)
    with pytest.raises(
        EngineUnavailable,
        match=r"not on this machine and http://127\.0\.0\.1:9 does not answer \(.*refused\); .* put its files into",
    ):
        model_folder(machine.reference)


def test_a_machine_that_must_not_ask_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point_at("http://127.0.0.1:9", tmp_path, monkeypatch)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(EngineUnavailable, match="HF_HUB_OFFLINE forbids to ask"):
        model_folder(f"huggingface:{MODEL}")


def test_a_token_goes_to_the_hub_and_not_to_where_it_sends_us(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", "ms-secret")
    model_folder(machine.reference)
    assert all("authorization" in seen.secrets for seen in machine.served.seen if seen.place == "hub")
    assert [seen.secrets for seen in machine.served.content_requests()] == [()]


def test_a_disk_that_does_not_take_it_is_named(machine: Machine) -> None:
    for name in ("hub", "models"):
        (machine.cache / name).touch()
    with pytest.raises(EngineUnavailable, match=r"cannot be kept in .*; make room there, or name another folder with "):
        model_folder(machine.reference)


@pytest.mark.parametrize("path", ["../../evil.bin", "/tmp/evil.bin", "a\\..\\evil.bin", ".ssh/keys"])
def test_a_hub_cannot_write_outside_the_folder(machine: Machine, path: str) -> None:
    machine.served.revisions["v4"] = {**tiny(), path: b"evil"}
    assert held(model_folder(f"{machine.reference}@v4")) == tiny()


def test_what_the_library_of_hugging_face_downloaded_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubs({"v2": tiny() | BESIDE}) as served:
        machine = Machine("huggingface", served, tmp_path)
        library = machine.start(USING_HUGGING_FACE, MODEL)
        said = library.communicate()
        assert library.returncode == 0, said
        serves_without_a_download(machine, monkeypatch)


def test_what_the_library_of_modelscope_downloaded_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("modelscope_hub")
    with hubs({"v2": tiny() | BESIDE}) as served:
        machine = Machine("modelscope", served, tmp_path)
        library = machine.start(USING_MODELSCOPE, MODEL)
        said = library.communicate()
        assert library.returncode == 0, said
        serves_without_a_download(machine, monkeypatch)


def serves_without_a_download(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unverified where the hub does not answer, then compared with what the hub tells; no byte is fetched twice."""
    fetched = len(machine.served.content_requests())
    point_at("http://127.0.0.1:9", machine.cache, monkeypatch)
    with capture_logs() as logs:
        unverified = model_folder(machine.reference)
    assert [log["event"] for log in logs] == ["model_not_verified"]
    point_at(machine.served.url, machine.cache, monkeypatch)
    assert model_folder(machine.reference) == unverified
    assert {name: held(unverified)[name] for name in EXPECTED} == EXPECTED
    assert len(machine.served.content_requests()) == fetched


def test_a_model_that_an_older_modelscope_kept_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubs({"v2": tiny()}) as served:
        point_at(served.url, tmp_path, monkeypatch)
        older = tmp_path / "hub" / "models" / MODEL
        older.mkdir(parents=True)
        for name, content in tiny().items():
            (older / name).write_bytes(content)
        assert model_folder(f"modelscope:{MODEL}") == older
        assert served.content_requests() == []


def test_what_a_library_left_corrupt_or_unfinished_is_mended(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = {"huggingface": "hub/models--callscribe--tiny", "modelscope": "models/callscribe--tiny"}[machine.hub]
    revision = {"huggingface": commit("v2"), "modelscope": "master"}[machine.hub]
    snapshot = machine.cache / repository / "snapshots" / revision
    snapshot.mkdir(parents=True)
    (snapshot / "model.pt").write_bytes(b"\xff" * len(EXPECTED["model.pt"]))
    (snapshot / "config.yaml").write_bytes(EXPECTED["config.yaml"])
    (machine.cache / repository / "am.mvn.incomplete").touch()
    with monkeypatch.context() as alone:
        point_at("http://127.0.0.1:9", machine.cache, alone)
        with pytest.raises(EngineUnavailable, match="is not on this machine"):
            model_folder(machine.reference)
    assert model_folder(machine.reference) == snapshot
    assert held(snapshot) == EXPECTED


@pytest.mark.parametrize(
    ("variables", "endpoint"),
    [
        ({}, "https://modelscope.cn"),
        ({"MODELSCOPE_DOMAIN": "www.modelscope.ai"}, "https://www.modelscope.ai"),
        (
            {"MODELSCOPE_DOMAIN": "x", "MODELSCOPE_ENDPOINT": "http://mirror.example.com:8000/"},
            "http://mirror.example.com:8000",
        ),
    ],
)
def test_modelscope_is_where_its_variables_say(
    variables: dict[str, str], endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MODELSCOPE_DOMAIN", "MODELSCOPE_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert ModelScope().endpoint == endpoint


def test_progress_is_noted_at_intervals() -> None:
    clock = iter([0.0, 1.0, PROGRESS_S, PROGRESS_S, PROGRESS_S + 1, 2 * PROGRESS_S, 2 * PROGRESS_S])
    progress = Progress("huggingface:callscribe/tiny", 1000, lambda: next(clock))
    with capture_logs() as logs:
        for received in (100, 200, 50, 650):
            progress.add(received)
    assert [(log["event"], log["done_bytes"], log["total_bytes"]) for log in logs] == [
        ("model_downloading", 300, 1000),
        ("model_downloading", 1000, 1000),
    ]

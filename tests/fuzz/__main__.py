"""`python -m tests.fuzz TARGET SECONDS`: inputs by the coverage they reach (Atheris, libFuzzer), in build/fuzz/TARGET.

What makes the target fail, takes more than 20 s or more than 2 GB is written there, and told. `all` for TARGET is each
of them for so long, in a process of its own.
"""

import subprocess
import sys
from pathlib import Path

import structlog

# Coverage is counted in what is imported here only.
ROOMS = ["telephony", "asr.wire", "asr.scheduler", "asr.hearing", "asr.files", "callscribe.live", "callscribe.domain"]
LIMITS = ("-timeout=20", "-rss_limit_mb=2048", "-max_len=65536", "-print_final_stats=1")


def fuzz(name: str, seconds: int) -> None:
    """Ends the process: with 0, or another status where something was found."""
    import atheris

    with atheris.instrument_imports(include=ROOMS):
        from tests.fuzz.targets import TARGETS

    if name not in TARGETS:
        raise SystemExit(f"there is no target {name}: they are all, {', '.join(TARGETS)}")
    target, folder = TARGETS[name], Path("build/fuzz") / name
    found = folder / "found"
    for each in (folder / "corpus", found):
        each.mkdir(parents=True, exist_ok=True)
    for place, seed in enumerate(target.seeds()):
        (folder / "corpus" / f"seed-{place}").write_bytes(seed)
    words = folder / "words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), processors=[lambda *_: ""])
    options = [*LIMITS, f"-max_total_time={seconds}", f"-artifact_prefix={found}/"]
    options += [f"-dict={words}"] if target.words else []
    atheris.Setup([sys.argv[0], *options, str(folder / "corpus")], target.run)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


def fuzz_all(seconds: int) -> int:
    """The number of targets that something was found of."""
    from tests.fuzz.targets import TARGETS

    command = [sys.executable, "-m", "tests.fuzz"]
    failed = [name for name in TARGETS if subprocess.run([*command, name, str(seconds)], check=False).returncode]
    print(f"found something: {', '.join(failed)}" if failed else "nothing was found")
    return len(failed)


if __name__ == "__main__":
    if len(sys.argv) != 3 or not sys.argv[2].isdigit():
        raise SystemExit("usage: python -m tests.fuzz TARGET SECONDS")
    if sys.argv[1] == "all":
        sys.exit(fuzz_all(int(sys.argv[2])))
    fuzz(sys.argv[1], int(sys.argv[2]))

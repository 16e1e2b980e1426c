"""`python -m tests.fuzz.child SEED`: mutated seeds at every target, in a process that may take little memory and time.

Ends with 0, or with the exception that a target raised; the input is then in the file that is named.
"""

import random
import resource
import signal
import sys
import tempfile
from pathlib import Path

import structlog

from tests.fuzz.mutation import mutated
from tests.fuzz.targets import TARGETS

INPUTS = {"sip": 400, "stream": 400, "sdp": 400, "metadata": 1000, "wire": 400, "ingest": 600, "audio": 300}
"""Of each target, 2,000 where it is not named: about a second each."""
ROOM_BYTES = 512 << 20
"""Address space beyond what the process had when it began: libraries reserve more than they use."""
LONGEST_S = 20
"""Of one input, on a busy machine."""


def main(seed: int) -> None:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), processors=[lambda *_: ""])
    chance = random.Random(seed)
    seeds = {name: list(target.seeds()) for name, target in TARGETS.items()}
    for name, target in TARGETS.items():
        for each in seeds[name]:
            target.run(each)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM_BYTES, used + ROOM_BYTES))
    for name, target in TARGETS.items():
        for _ in range(INPUTS.get(name, 2000)):
            _try(name, mutated(chance, seeds[name], target.words))
        print(f"{name} held")


def _try(name: str, data: bytes) -> None:
    signal.alarm(LONGEST_S)
    try:
        TARGETS[name].run(data)
    except BaseException:
        with tempfile.NamedTemporaryFile(prefix=f"callscribe-fuzz-{name}-", delete=False) as kept:
            kept.write(data)
        print(f"the input is in {kept.name}", file=sys.stderr)
        raise
    finally:
        signal.alarm(0)


def _too_slow(*_: object) -> None:
    raise TimeoutError(f"an input took more than {LONGEST_S} s")


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, _too_slow)
    main(int(sys.argv[1]))

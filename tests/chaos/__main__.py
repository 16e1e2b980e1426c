"""`python -m tests.chaos --rounds 500 --seed 1`: rounds, one after the other, and a table of what came of them."""

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.chaos.accounts import Account
from tests.chaos.installation import Installation, running_installation
from tests.chaos.plan import Kind, Plan
from tests.chaos.round import Round


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rounds", type=int, default=20)
    asked.add_argument("--first", type=int, default=1, help="number of the first round, to see one again")
    asked.add_argument("--seed", type=int, default=random.randrange(10_000))
    asked.add_argument("--kinds", nargs="*", type=Kind, default=(), choices=list(Kind), help="strike with these only")
    asked.add_argument("--outage", type=float, help="only one round, in which Postgres is away for so many seconds")
    options = asked.parse_args()
    numbers = range(options.first, options.first + options.rounds)
    plans = (Plan.of(options.seed, number, options.kinds) for number in numbers)
    sums = Account()
    with tempfile.TemporaryDirectory(prefix="callscribe-chaos-") as folder:
        Path(folder).chmod(0o755)
        with running_installation(Path(folder) / "service") as installation:
            try:
                for plan in plans if options.outage is None else [Plan.outage(options.outage)]:
                    print(plan, flush=True)
                    account = Round(plan, installation, Path(folder)).run()
                    for fault in account.faults:
                        print(f"  FAULT {fault}", flush=True)
                    sums.add(account)
            finally:
                print(table(sums, installation))
    return 1 if sums.faults else 0


def table(sums: Account, installation: Installation) -> str:
    lags = sorted(sums.behind_ms) or [0.0]
    rows = [
        *((f"strikes: {kind}", str(count)) for kind, count in installation.struck.items()),
        ("calls answered", str(sums.calls)),
        ("calls that found nobody in", str(sums.unanswered)),
        *((f"calls ended: {reason}", str(count)) for reason, count in sorted(sums.ends.items())),
        ("utterances", str(sums.utterances)),
        ("finals told anew after a node's death", str(sums.told_again)),
        ("seconds of audio sent", f"{sums.sent_s:.0f}"),
        ("of it late on the way to a recording", f"{sums.lost_s:.2f}"),
        ("missing at a cut, ms: median, most", f"{lags[len(lags) // 2]:.0f}, {lags[-1]:.0f}"),
        ("faults", str(len(sums.faults))),
    ]
    return "\n".join(f"{name:<40} {value:>10}" for name, value in rows)


if __name__ == "__main__":
    sys.exit(main())

"""Whatever dies while calls go on: each utterance is stored once, and the audio lacks no more than is promised."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.installation import Installation, running_installation
from tests.chaos.plan import Kind, Plan
from tests.chaos.round import Round

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(900)]

SEED = 8
ROUNDS = (
    (Kind.WEB, Kind.RECOGNIZER, Kind.DISK),
    (Kind.POSTGRES, Kind.VALKEY, Kind.LINE),
    (Kind.WORKER, Kind.NODE),
    (Kind.SERVE,),
    (Kind.REBOOT,),
)


@pytest.fixture(scope="module")
def installation(open_folder: Path) -> Iterator[Installation]:
    with running_installation(open_folder / "chaos") as started:
        yield started


@pytest.mark.parametrize("number", range(len(ROUNDS)), ids=["-".join(kinds) for kinds in ROUNDS])
def test_nothing_is_lost_nor_told_twice_when_it_is_killed(
    installation: Installation, tmp_path: Path, number: int
) -> None:
    kinds = [kind for kind in ROUNDS[number] if kind in installation.kinds]
    plan = Plan.of(SEED, number, kinds)
    account = Round(plan, installation, tmp_path).run()
    assert not account.faults, "\n".join([str(plan), *account.faults, installation.service.log[-6000:]])
    # Nothing was tried where nobody was heard.
    assert account.calls
    assert account.utterances


def test_a_seed_gives_the_same_rounds_again() -> None:
    plans = [Plan.of(SEED, number) for number in range(200)]
    assert plans == [Plan.of(SEED, number) for number in range(200)]
    assert len(set(plans)) == 200
    assert {strike.kind for plan in plans for strike in plan.strikes} == set(Kind)

"""A channel's progress over recognisers: nothing twice, nothing skipped, names that stay."""

from asr.wire.progress import LostAudio, Progress
from callscribe.domain.transcript import Final, Partial

RATE = 8000


def final(start: int, end: int) -> Final:
    return Final(0, start, end, "words", 0.9, "fake")


def partial(start: int, end: int, revision: int) -> Partial:
    return Partial(0, start, end, "", "words", revision)


def test_a_final_moves_the_place_to_resume_to_its_end() -> None:
    progress = Progress(RATE)
    assert progress.final(final(1000, 5000)) == final(1000, 5000)
    assert progress.resume == 5000


def test_a_final_that_was_delivered_is_not_delivered_again() -> None:
    progress = Progress(RATE)
    progress.final(final(1000, 5000))
    progress.restart()
    assert progress.final(final(1010, 5000)) is None
    assert progress.final(final(5100, 9000)) == final(5100, 9000)


def test_acknowledgements_only_grow() -> None:
    progress = Progress(RATE)
    assert [progress.acknowledge(offset) for offset in (800, 800, 400, 1600)] == [800, None, None, 1600]


def test_an_utterance_keeps_its_name_and_its_revisions_grow_over_a_loss() -> None:
    progress = Progress(RATE)
    progress.acknowledge(900)
    progress.partial(partial(1000, 2000, 1))
    progress.partial(partial(1000, 3000, 2))
    progress.restart()
    assert progress.partial(partial(1156, 2500, 1)) == partial(1000, 2500, 3)
    assert progress.partial(partial(1156, 3500, 2)) == partial(1000, 3500, 4)
    assert progress.final(final(1156, 4000)) == final(1000, 4000)
    assert progress.partial(partial(6000, 6500, 1)) == partial(6000, 6500, 1)


def test_a_second_loss_keeps_the_first_name() -> None:
    progress = Progress(RATE)
    progress.partial(partial(1000, 2000, 5))
    progress.restart()
    progress.partial(partial(1156, 2500, 1))
    progress.restart()
    assert progress.partial(partial(1010, 2600, 1)) == partial(1000, 2600, 7)


def test_another_utterance_after_a_loss_keeps_its_own_name() -> None:
    progress = Progress(RATE)
    progress.partial(partial(1000, 2000, 5))
    progress.restart()
    assert progress.final(final(9000, 9900)) == final(9000, 9900)


def test_partials_of_what_is_final_are_dropped() -> None:
    progress = Progress(RATE)
    progress.final(final(1000, 5000))
    assert progress.partial(partial(1000, 4000, 9)) is None


def test_lost_stretches_are_told_once_and_hold_up_no_acknowledgement() -> None:
    progress = Progress(RATE)
    progress.acknowledge(1000)
    for start, end in ((1000, 3000), (2000, 3500), (4000, 3500), (6000, 7000), (500, 800), (3500, 3600)):
        progress.lose(start, end)
    progress.settle(6500)
    assert progress.lost == (LostAudio(500, 800), LostAudio(1000, 3600), LostAudio(6000, 6500))
    assert progress.acknowledge(9500) == 9500
    assert progress.lost[-1] == LostAudio(6000, 7000)

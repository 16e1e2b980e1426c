from callscribe.domain.audio import AudioChunk
from telephony.line.gathering import Gathering
from telephony.line.timeline import Gap


def chunk(channel: int, offset: int) -> AudioChunk:
    return AudioChunk(channel, offset, bytes([offset, 0, offset, 0]))


def test_neighbouring_ticks_of_a_channel_become_one_chunk() -> None:
    gathering = Gathering()
    for offset in (4, 6, 8):
        gathering.add(chunk(0, offset))
        gathering.add(chunk(1, offset))
    assert gathering.take() == tuple(
        AudioChunk(channel, 4, bytes([4, 0, 4, 0, 6, 0, 6, 0, 8, 0, 8, 0])) for channel in (0, 1)
    )
    assert gathering.take() == ()


def test_gaps_are_joined_and_stay_between_what_they_part() -> None:
    gathering = Gathering()
    for stretch in (chunk(0, 0), Gap(0, 2, 2), Gap(0, 4, 2), chunk(0, 6)):
        gathering.add(stretch)
    assert gathering.take() == (chunk(0, 0), Gap(0, 2, 4), chunk(0, 6))

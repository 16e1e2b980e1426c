"""A tone in an ended call's recording over what is masked in its texts."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from callscribe.domain.audio import ms_to_samples
from callscribe.domain.utterance import Transcript
from storage.recording_keys import NO_KEYS, RecordingKeys
from storage.recordings import bleep
from storage.records import ChannelRange

PADDING_MS = 150
"""Covered on either side too: word times are as exact as an engine's attention."""


def bleep_call(transcript: Transcript, recording: Path, keys: RecordingKeys = NO_KEYS) -> tuple[ChannelRange, ...]:
    """Cover it, and tell where. A call that was covered already, wholly or in part, becomes the same.

    Raises RecordingNotFound and StorageError.
    """
    ranges = tuple(_merged(_spoken(transcript)))
    bleep(recording, ranges, keys)
    return ranges


def _spoken(transcript: Transcript) -> Iterator[ChannelRange]:
    """When it was said by any hearing of it, with the padding."""
    around = ms_to_samples(PADDING_MS, transcript.call.sample_rate)
    for utterance in transcript.utterances:
        heard = [utterance.final.redactions, *(revision.redactions for revision in utterance.revisions)]
        for found in chain.from_iterable(heard):
            yield ChannelRange(utterance.final.channel, max(0, found.start - around), found.end + around)


def _merged(ranges: Iterable[ChannelRange]) -> Iterator[ChannelRange]:
    """The same samples in as few ranges as there can be."""
    last: ChannelRange | None = None
    for found in sorted(ranges, key=lambda found: (found.channel, found.start)):
        if last and found.channel == last.channel and found.start <= last.end:
            last = ChannelRange(last.channel, last.start, max(last.end, found.end))
            continue
        if last:
            yield last
        last = found
    if last:
        yield last

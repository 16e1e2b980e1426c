"""What becomes of a call after its end."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from asr.diarization.settings import DiarizationSettings
from asr.settings import SecondPassSettings
from callscribe.config.settings import Settings
from callscribe.config.stages import channels_to_diarize, next_stage, stages_of
from callscribe.domain.call import Call, Channel, Dialect, Party, Role
from storage.records import JobIntent, JobKind
from telephony.settings import TrunkSettings

CALL = Call(
    id=UUID(int=1),
    trunk="main",
    dialect=Dialect.SIPREC,
    started_at=datetime(2026, 11, 21, 9, 30, tzinfo=UTC),
    sample_rate=8000,
    channels=(Channel(0, role=Role.MIXED), Channel(1, role=Role.AGENT)),
    caller=Party(""),
    callee=Party(""),
)
STAGES = (JobKind.SECOND_PASS, JobKind.DIARIZE, JobKind.EVALUATE)


def test_a_call_whose_trunk_is_gone_is_masked_as_strictly_as_any() -> None:
    trunks = (TrunkSettings("sales", redaction=("payment",)), TrunkSettings("care", redaction=("email", "phone")))
    settings = Settings(trunks=(*trunks, TrunkSettings("main")))
    gone = settings.trunk_named("closed")
    assert (gone.name, gone.redaction) == ("closed", ("email", "payment", "phone"))
    assert JobKind.BLEEP in stages_of(settings, replace(CALL, trunk="closed"))
    assert settings.trunk_named("main").redaction == ()
    assert JobKind.BLEEP not in stages_of(settings, CALL)
    assert Settings(trunks=(TrunkSettings("main"),)).trunk_named("closed") == TrunkSettings("closed")


@pytest.mark.parametrize(("wanted", "channels"), [("auto", (0,)), ("on", (0, 1)), ("off", ())])
def test_speakers_are_told_apart_on_mixed_channels_all_or_none(wanted: str, channels: tuple[int, ...]) -> None:
    settings = Settings(trunks=(TrunkSettings("main", diarization=wanted),))
    assert channels_to_diarize(settings, CALL) == channels
    assert (JobKind.DIARIZE in stages_of(settings, CALL)) is bool(channels)


def test_speakers_are_told_apart_on_no_channel_where_that_is_off_or_none_is_mixed() -> None:
    assert channels_to_diarize(Settings(diarization=DiarizationSettings(enabled=False)), CALL) == ()
    assert channels_to_diarize(Settings(), replace(CALL, channels=CALL.channels[1:])) == ()


def test_a_second_pass_comes_first_where_there_is_one() -> None:
    assert stages_of(Settings(), CALL)[:2] == (JobKind.SECOND_PASS, JobKind.DIARIZE)
    without = Settings(second_pass=SecondPassSettings(enabled=False))
    assert stages_of(without, CALL)[0] is JobKind.DIARIZE


@pytest.mark.parametrize(
    ("after", "follows"),
    [
        (None, JobKind.SECOND_PASS),
        (JobKind.RECOVER, JobKind.SECOND_PASS),
        (JobKind.SECOND_PASS, JobKind.DIARIZE),
        (JobKind.BLEEP, JobKind.EVALUATE),
    ],
)
def test_each_stage_makes_the_next_one_due_also_where_it_is_none_of_them_any_more(
    after: JobKind | None, follows: JobKind
) -> None:
    assert next_stage(CALL.id, STAGES, after) == (JobIntent.of(CALL.id, follows),)


def test_nothing_follows_the_last_stage() -> None:
    assert next_stage(CALL.id, STAGES, JobKind.EVALUATE) == ()


def test_without_a_recording_only_what_needs_none_is_done() -> None:
    assert next_stage(CALL.id, STAGES, recorded=False) == (JobIntent.of(CALL.id, JobKind.EVALUATE),)


def test_recordings_are_bleeped_where_the_trunk_has_redaction_before_the_call_is_evaluated() -> None:
    masked = Settings(trunks=(TrunkSettings(CALL.trunk, redaction=("payment",)),))
    assert stages_of(masked, CALL)[-2:] == (JobKind.BLEEP, JobKind.EVALUATE)
    assert JobKind.BLEEP not in stages_of(Settings(trunks=(TrunkSettings(CALL.trunk),)), CALL)

"""The stages that a call goes through after its end: each is a job, which makes the next one due when it is done."""

from uuid import UUID

from callscribe.config.settings import Settings
from callscribe.domain.call import Call, Role
from storage.records import JobIntent, JobKind

ORDER = (JobKind.RECOVER, JobKind.SECOND_PASS, JobKind.DIARIZE, JobKind.BLEEP, JobKind.EVALUATE)


def stages_of(settings: Settings, call: Call) -> tuple[JobKind, ...]:
    """The stages of the call, in order. A recovery, where one is needed, comes before them."""
    wanted = {
        JobKind.SECOND_PASS: settings.second_pass.enabled,
        JobKind.DIARIZE: bool(channels_to_diarize(settings, call)),
        JobKind.BLEEP: bool(settings.trunk_named(call.trunk).redaction),
        JobKind.EVALUATE: True,
    }
    return tuple(stage for stage in ORDER if wanted.get(stage))


def channels_to_diarize(settings: Settings, call: Call) -> tuple[int, ...]:
    """The call's channels whose speakers are to be told apart."""
    wanted = settings.trunk_named(call.trunk).diarization
    if not settings.diarization.enabled or wanted == "off":
        return ()
    return tuple(channel.index for channel in call.channels if wanted == "on" or channel.role is Role.MIXED)


def next_stage(
    call_id: UUID, stages: tuple[JobKind, ...], after: JobKind | None = None, *, recorded: bool = True
) -> tuple[JobIntent, ...]:
    """The job of the stage that follows `after`, or of the first one; none after the last."""
    begun = -1 if after is None else ORDER.index(after)
    left = (stage for stage in stages if ORDER.index(stage) > begun)
    fitting = (stage for stage in left if recorded or stage not in JobKind.of_recordings())
    return tuple(JobIntent.of(call_id, stage) for stage in fitting)[:1]

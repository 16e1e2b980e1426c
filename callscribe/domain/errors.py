"""The error tree. A class's docstring is the message of an instance made without one.

CallscribeError
├── SettingsError
├── TelephonyError
│   ├── PortUnavailable
│   ├── MalformedMessage
│   ├── MalformedMetadata
│   │   └── HostileMetadata
│   ├── CallRefused
│   └── LineUnavailable
├── RecognitionError
│   ├── EngineUnavailable
│   ├── LanguageUnknown
│   ├── RecognizerUnavailable
│   ├── WireViolation
│   └── UnreadableAudio
├── StorageError
│   ├── DatabaseUnavailable
│   ├── DatabaseOutdated
│   ├── DataFolderMismatch
│   ├── CallNotFound
│   ├── CallActive
│   ├── CallHeld
│   ├── TooManyAlike
│   ├── ErasureNotFound
│   ├── RecordingNotFound
│   ├── RecordingLocked
│   ├── RecordingDamaged
│   ├── UtteranceNotFound
│   ├── RevisionOutdated
│   ├── HotwordListOutdated
│   ├── AssistRuleOutdated
│   ├── ScorecardOutdated
│   ├── TooManyAssistRules
│   └── TooManyHotwords
├── EventsUnavailable
├── ProviderError
│   ├── ProviderUnavailable
│   ├── ProviderMisconfigured
│   └── SignInRefused
├── QueryError
└── NodeSilent
"""


class CallscribeError(Exception):
    """Callscribe could not do what was asked."""

    exit_code = 1

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").partition("\n")[0])


class SettingsError(CallscribeError):
    """The settings are not usable."""

    exit_code = 2


class TelephonyError(CallscribeError):
    """The SIP side failed."""


class PortUnavailable(TelephonyError):
    """A port is in use by another process, or may not be bound by this user."""


class MalformedMessage(TelephonyError):
    """The SIP message cannot be understood (RFC 3261 section 7)."""


class MalformedMetadata(TelephonyError):
    """The recording metadata is not RFC 7865 XML."""


class HostileMetadata(MalformedMetadata):
    """The recording metadata is larger or deeper than allowed, or declares entities."""


class CallRefused(TelephonyError):
    """The peer did not accept the call."""


class LineUnavailable(TelephonyError):
    """No line process could be started."""


class RecognitionError(CallscribeError):
    """Speech recognition failed."""


class EngineUnavailable(RecognitionError):
    """The engine's package or model is missing."""


class LanguageUnknown(RecognitionError):
    """No engine knows the language."""


class RecognizerUnavailable(RecognitionError):
    """No recogniser answers at the configured address."""


class WireViolation(RecognitionError):
    """A message breaks the recogniser wire protocol."""


class UnreadableAudio(RecognitionError):
    """The file holds no audio that can be decoded."""


class StorageError(CallscribeError):
    """Storage failed."""


class DatabaseUnavailable(StorageError):
    """The database does not answer; check database.url and that Postgres runs."""


class DatabaseOutdated(StorageError):
    """The database schema is older than this release; run `callscribe migrate`."""


class DataFolderMismatch(StorageError):
    """The data folder belongs to another major version of its server."""


class CallNotFound(StorageError):
    """There is no such call."""


class CallActive(StorageError):
    """The call, or another that records its conversation, goes on; erase it once it has ended."""


class CallHeld(StorageError):
    """A legal hold is on the call's conversation; release it with DELETE on the call's /hold, then erase the call."""


class TooManyAlike(StorageError):
    """More than 500 calls have an id of this call, so that it names no conversation; erase them by party, or singly."""


class ErasureNotFound(StorageError):
    """There is no such erasure; it is forgotten 30 days after its end."""


class RecordingNotFound(StorageError):
    """The call has no recording."""


class RecordingLocked(StorageError):
    """The recording is encrypted with a key that is not among recordings.keys; put the key back."""


class RecordingDamaged(StorageError):
    """The recording is not as it was written: cut short, changed or exchanged; put back the copy of a backup."""


class UtteranceNotFound(StorageError):
    """The call has no such utterance; its transcript names them."""


class NoteNotFound(StorageError):
    """The call has no such note; its notes name them."""


class NoteForbidden(StorageError):
    """Only who wrote a note, or an administrator, may change or remove it; write one of your own."""


class TooManyNotes(StorageError):
    """The call has as many notes as it can hold; change or remove one."""


class TextExpired(StorageError):
    """What was said on the call was removed when its time was over; nothing more is kept of it."""


class RevisionOutdated(StorageError):
    """The utterance has a newer text than the one that was corrected; read the transcript again."""


class HotwordListOutdated(StorageError):
    """Somebody changed the list meanwhile; read it again, and send your change to what it is now with that version."""


class AssistRuleOutdated(StorageError):
    """Somebody changed the rule meanwhile; read it again, and send your change with the version that it has now."""


class ScorecardOutdated(StorageError):
    """Somebody changed the scorecard meanwhile; read it again, and send your change with the version it has now."""


class TooManyAssistRules(StorageError):
    """There are as many assist rules as calls can be held against; remove one first, or give one more phrases."""


class TooManyHotwords(StorageError):
    """A hotword list has no place for so many words."""


class EventsUnavailable(CallscribeError):
    """The event store does not answer; check events.url and that Valkey or Redis runs."""


class NodeSilent(CallscribeError):
    """No node that has the call answers; check that its node runs and reaches events.url, then ask again."""


class ProviderError(CallscribeError):
    """The identity provider did not sign anybody in."""


class ProviderUnavailable(ProviderError):
    """The identity provider does not answer; check web.oidc.issuer, its name server and the way there."""


class ProviderMisconfigured(ProviderError):
    """What the identity provider says and the settings under web.oidc do not fit."""


class SignInRefused(ProviderError):
    """The identity provider's answer does not hold."""


class QueryError(CallscribeError):
    """The search query cannot be understood."""

    exit_code = 2

    def __init__(self, message: str | None = None, place: int | None = None) -> None:
        """`place` is the index of the character of the query where it goes wrong."""
        super().__init__(message)
        self.place = place

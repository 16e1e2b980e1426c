"""The tables. The rules stand here, and in the migrations that make them."""

from storage.models.access import ApiTokenRow, IdentityRow, SignInRow, UserRow
from storage.models.assist import AssistCardRow, AssistRuleRow
from storage.models.audit import AuditRow
from storage.models.base import Base
from storage.models.calls import CallRow, ChannelRow, OutsideIdRow, PartyRow, RecordingRow
from storage.models.corrections import CorrectionRow
from storage.models.erasures import PartyErasureCallRow, PartyErasureRow
from storage.models.hotwords import HotwordListRow, HotwordListVersionRow, HotwordRow
from storage.models.jobs import JobRow
from storage.models.measures import CallMeasuresRow, CallScoreRow, RuleResultRow, ScorecardRow
from storage.models.notes import NoteRow
from storage.models.retention import ErasedCallRow, HoldRow, LostCallRow, LostNodeRow
from storage.models.search import SearchQueueRow, SearchTextRow, SearchWordRow
from storage.models.searches import SavedSearchRow
from storage.models.speakers import SpeakerTurnRow
from storage.models.utterances import RevisionRow, UtteranceRow
from storage.models.webhooks import WebhookDeliveryRow, WebhookHoldRow

__all__ = [
    "ApiTokenRow",
    "AssistCardRow",
    "AssistRuleRow",
    "AuditRow",
    "Base",
    "CallMeasuresRow",
    "CallRow",
    "CallScoreRow",
    "ChannelRow",
    "CorrectionRow",
    "ErasedCallRow",
    "HoldRow",
    "HotwordListRow",
    "HotwordListVersionRow",
    "HotwordRow",
    "IdentityRow",
    "JobRow",
    "LostCallRow",
    "LostNodeRow",
    "NoteRow",
    "OutsideIdRow",
    "PartyErasureCallRow",
    "PartyErasureRow",
    "PartyRow",
    "RecordingRow",
    "RevisionRow",
    "RuleResultRow",
    "SavedSearchRow",
    "ScorecardRow",
    "SearchQueueRow",
    "SearchTextRow",
    "SearchWordRow",
    "SignInRow",
    "SpeakerTurnRow",
    "UserRow",
    "UtteranceRow",
    "WebhookDeliveryRow",
    "WebhookHoldRow",
]

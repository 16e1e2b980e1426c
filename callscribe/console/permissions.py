"""What every route of the application needs, in one table. A route that is not in it is for administrators."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from callscribe.console.reference import API
from callscribe.domain.access import Permission as Need


class Open(Enum):
    """Routes that need no permission."""

    TO_ALL = "all"
    """Also to who has not signed in."""
    TO_USERS = "users"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a route needs."""

    need: Need | Open
    reads: str = ""
    """The action under which the audit log has who used it; "": it does not."""
    every_time: bool = False
    """The log has each use, not only the first within a while."""
    is_stream: bool = False
    """The answer may never end: whoever signs out or is let in no more loses it."""
    has_form_key: bool = False
    """The route itself checks that its form came from a page of ours."""
    also: Need | None = None
    """A second permission that the route needs."""


ALL, USERS = Rule(Open.TO_ALL), Rule(Open.TO_USERS)
UNKNOWN = Rule(Need.ADMIN)
WEBSOCKET = "WEBSOCKET"
"""In place of a method."""

CALLS = f"{API}/calls"
CALL = f"{CALLS}/{{key:path}}"

RULES: Mapping[tuple[str, str], Rule] = {
    ("GET", "/healthz"): ALL,
    ("GET", "/readyz"): ALL,
    ("GET", "/static"): ALL,
    ("GET", "/login"): ALL,
    ("POST", "/login"): Rule(Open.TO_ALL, has_form_key=True),
    ("GET", "/login/oidc"): ALL,
    ("GET", "/login/oidc/callback"): ALL,
    ("GET", "/account"): USERS,
    ("POST", "/logout"): Rule(Open.TO_USERS, has_form_key=True),
    ("GET", f"{API}/openapi.json"): USERS,
    ("GET", "/"): Rule(Need.CALLS_READ),
    ("GET", "/desk"): Rule(Need.CALLS_READ),
    ("GET", "/search"): Rule(Need.CALLS_READ),
    ("GET", "/calls/{key:path}"): Rule(Need.CALLS_READ),
    ("GET", "/quality"): Rule(Need.QUALITY_READ),
    ("GET", "/admin"): Rule(Need.LISTS_READ),
    ("GET", "/admin/trunks"): Rule(Need.OPERATION_READ),
    ("GET", "/admin/jobs"): Rule(Need.OPERATION_READ),
    ("GET", "/admin/hotwords"): Rule(Need.LISTS_READ),
    ("GET", "/admin/rules"): Rule(Need.LISTS_READ),
    ("GET", "/admin/scorecards"): Rule(Need.LISTS_READ),
    ("GET", "/admin/retention"): Rule(Need.RETENTION_WRITE),
    ("GET", "/admin/audit"): Rule(Need.AUDIT_READ),
    ("GET", "/metrics"): Rule(Need.OPERATION_READ),
    ("GET", f"{API}/live"): Rule(Need.CALLS_READ, "floor.read"),
    ("GET", f"{API}/live/rows"): Rule(Need.CALLS_READ, "floor.read", is_stream=True),
    ("GET", f"{API}/live/events"): Rule(Need.CALLS_READ, "floor.read", is_stream=True),
    (WEBSOCKET, f"{API}/live/ws"): Rule(Need.CALLS_READ, "floor.read", is_stream=True),
    ("GET", CALLS): Rule(Need.CALLS_READ),
    ("GET", CALL): Rule(Need.CALLS_READ, "call.read"),
    ("GET", f"{CALL}/transcript"): Rule(Need.CALLS_READ, "transcript.read"),
    ("GET", f"{CALL}/events"): Rule(Need.CALLS_READ, "transcript.read", is_stream=True),
    (WEBSOCKET, f"{CALL}/ws"): Rule(Need.CALLS_READ, "transcript.read", is_stream=True),
    ("GET", f"{CALL}/scores"): Rule(Need.CALLS_READ, "call.read"),
    ("GET", f"{CALL}/audio"): Rule(Need.RECORDINGS_READ, "recording.read"),
    ("GET", f"{CALL}/waveform"): Rule(Need.RECORDINGS_READ, "call.read"),
    ("GET", f"{API}/export"): Rule(Need.CALLS_EXPORT, "calls.exported", every_time=True),
    ("POST", f"{CALL}/pause"): Rule(Need.CALLS_PAUSE),
    ("POST", f"{CALL}/resume"): Rule(Need.CALLS_PAUSE),
    ("POST", f"{CALL}/utterances/{{utterance_id}}/corrections"): Rule(Need.CORRECTIONS_WRITE),
    ("DELETE", f"{CALL}/utterances/{{utterance_id}}/corrections"): Rule(Need.CORRECTIONS_WRITE),
    ("GET", f"{API}/corrections"): Rule(Need.QUALITY_READ, "corrections.read"),
    ("GET", f"{API}/quality"): Rule(Need.QUALITY_READ),
    ("GET", f"{API}/search"): Rule(Need.CALLS_READ, "search.read"),
    ("GET", f"{API}/search/facets"): Rule(Need.CALLS_READ, "search.read"),
    ("GET", f"{API}/search.csv"): Rule(Need.CALLS_EXPORT, "search.exported", every_time=True),
    ("GET", f"{API}/searches"): Rule(Need.CALLS_READ),
    ("GET", f"{API}/searches/{{name:path}}"): Rule(Need.CALLS_READ),
    ("PUT", f"{API}/searches/{{name:path}}"): Rule(Need.SEARCHES_WRITE),
    ("DELETE", f"{API}/searches/{{name:path}}"): Rule(Need.SEARCHES_WRITE),
    ("GET", f"{API}/hotwords"): Rule(Need.LISTS_READ),
    ("GET", f"{API}/hotwords/suggestions"): Rule(Need.QUALITY_READ),
    ("GET", f"{API}/hotwords/{{name}}"): Rule(Need.LISTS_READ),
    ("PUT", f"{API}/hotwords/{{name}}"): Rule(Need.LISTS_WRITE),
    ("PATCH", f"{API}/hotwords/{{name}}"): Rule(Need.LISTS_WRITE),
    ("DELETE", f"{API}/hotwords/{{name}}"): Rule(Need.LISTS_WRITE),
    ("GET", f"{API}/hotwords/{{name}}/versions"): Rule(Need.LISTS_READ),
    ("GET", f"{API}/hotwords/{{name}}/versions/{{version}}"): Rule(Need.LISTS_READ),
    ("POST", f"{API}/hotwords/{{name}}/versions/{{version}}/restore"): Rule(Need.LISTS_WRITE),
    ("GET", f"{API}/scorecards"): Rule(Need.LISTS_READ),
    ("GET", f"{API}/scorecards/{{name}}"): Rule(Need.LISTS_READ),
    ("PUT", f"{API}/scorecards/{{name}}"): Rule(Need.LISTS_WRITE),
    ("DELETE", f"{API}/scorecards/{{name}}"): Rule(Need.LISTS_WRITE),
    ("GET", f"{API}/rules"): Rule(Need.LISTS_READ),
    ("GET", f"{API}/rules/{{name}}"): Rule(Need.LISTS_READ),
    ("PUT", f"{API}/rules/{{name}}"): Rule(Need.LISTS_WRITE),
    ("DELETE", f"{API}/rules/{{name}}"): Rule(Need.LISTS_WRITE),
    ("POST", f"{API}/rules/test"): Rule(Need.LISTS_WRITE, also=Need.CALLS_READ),
    ("GET", f"{CALL}/cards"): Rule(Need.CALLS_READ, "call.read"),
    ("GET", f"{CALL}/notes"): Rule(Need.CALLS_READ, "call.read"),
    ("POST", f"{CALL}/notes"): Rule(Need.NOTES_WRITE, also=Need.CALLS_READ),
    ("PATCH", f"{CALL}/notes/{{note_id}}"): Rule(Need.NOTES_WRITE, also=Need.CALLS_READ),
    ("DELETE", f"{CALL}/notes/{{note_id}}"): Rule(Need.NOTES_WRITE, also=Need.CALLS_READ),
    ("POST", f"{API}/evaluations"): Rule(Need.SCORES_WRITE),
    ("POST", f"{CALL}/evaluate"): Rule(Need.SCORES_WRITE),
    ("PUT", f"{CALL}/hold"): Rule(Need.RETENTION_WRITE),
    ("DELETE", f"{CALL}/hold"): Rule(Need.RETENTION_WRITE),
    ("GET", f"{API}/holds"): Rule(Need.RETENTION_WRITE),
    ("DELETE", CALL): Rule(Need.RETENTION_WRITE),
    ("POST", f"{API}/erasures"): Rule(Need.RETENTION_WRITE),
    ("GET", f"{API}/erasures"): Rule(Need.RETENTION_WRITE),
    ("GET", f"{API}/erasures/{{erasure_id}}"): Rule(Need.RETENTION_WRITE),
    ("GET", f"{API}/audit.csv"): Rule(Need.AUDIT_READ, "audit.exported", every_time=True),
    ("GET", f"{API}/audit"): Rule(Need.AUDIT_READ),
    ("GET", f"{API}/me"): USERS,
    ("PUT", f"{API}/me/password"): USERS,
    ("GET", f"{API}/users"): Rule(Need.ADMIN),
    ("POST", f"{API}/users"): Rule(Need.ADMIN),
    ("PATCH", f"{API}/users/{{name:path}}"): Rule(Need.ADMIN),
    ("PUT", f"{API}/users/{{name:path}}/password"): Rule(Need.ADMIN),
    ("GET", f"{API}/tokens"): Rule(Need.ADMIN),
    ("POST", f"{API}/tokens"): Rule(Need.ADMIN),
    ("DELETE", f"{API}/tokens/{{name:path}}"): Rule(Need.ADMIN),
    ("GET", "/admin/users"): Rule(Need.ADMIN),
    ("GET", f"{API}/trunks"): Rule(Need.OPERATION_READ),
    ("GET", f"{API}/nodes"): Rule(Need.OPERATION_READ),
    ("GET", f"{API}/webhooks/deliveries"): Rule(Need.OPERATION_READ),
    ("POST", f"{API}/webhooks/deliveries/{{delivery_id}}/retry"): Rule(Need.OPERATION_WRITE),
    ("GET", f"{API}/webhooks/held"): Rule(Need.OPERATION_READ),
    ("POST", f"{API}/webhooks/{{name}}/resume"): Rule(Need.OPERATION_WRITE),
    ("GET", f"{API}/jobs"): Rule(Need.OPERATION_READ),
    ("GET", f"{API}/jobs/counts"): Rule(Need.OPERATION_READ),
    ("POST", f"{API}/jobs/retry"): Rule(Need.OPERATION_WRITE),
    ("POST", f"{API}/jobs/{{job_id}}/retry"): Rule(Need.OPERATION_WRITE),
}

"""The administration pages: a frame with a navigation of its own; scripts fill each page from the API."""

from collections.abc import Iterator

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callscribe.console.pages import page
from callscribe.console.visitor import visitor_of
from callscribe.domain.access import AccountRole, Permission

ADMIN_PLACES = (
    ("/admin/trunks", "Trunks", Permission.OPERATION_READ),
    ("/admin/jobs", "Jobs and webhooks", Permission.OPERATION_READ),
    ("/admin/hotwords", "Hotwords", Permission.LISTS_READ),
    ("/admin/rules", "Assist rules", Permission.LISTS_READ),
    ("/admin/scorecards", "Scorecards", Permission.LISTS_READ),
    ("/quality", "Word error rates", Permission.QUALITY_READ),
    ("/admin/retention", "Retention", Permission.RETENTION_WRITE),
    ("/admin/users", "Users and tokens", Permission.ADMIN),
    ("/admin/audit", "Audit log", Permission.AUDIT_READ),
)
"""Path, label and what is needed for it, of what the side navigation leads to."""

ACTIONS = (
    "call.erased", "call.held", "call.read", "call.released", "calls.exported", "floor.read", "hotwords.changed",
    "hotwords.deleted", "jobs.retried", "keys.rotated", "party.erased", "recording.read", "rules.changed",
    "rules.deleted", "rules.tested", "scorecards.changed", "scorecards.deleted", "search.exported", "search.read",
    "token.created", "token.revoked", "transcript.read", "user.added", "user.changed", "user.disabled",
    "user.sign-in-failed", "user.signed-in", "utterance.corrected",
)  # fmt: skip
"""Offered to filter the audit log by; it may have others."""

router = APIRouter(prefix="/admin", include_in_schema=False)


def admin_page(request: Request, name: str, **values: object) -> Response:
    """A template that extends admin.html. It gets `admin_places` and `may`, the permissions of who looks."""
    may = " ".join(sorted(_permissions(request)))
    return page(request, name, 200, admin_places=list(_places(request)), may=may, **values)


def _permissions(request: Request) -> frozenset[Permission]:
    """All of them where nobody has to sign in."""
    visitor = visitor_of(request)
    return frozenset(Permission) if visitor is None else visitor.principal.permissions


def _places(request: Request) -> Iterator[tuple[str, str]]:
    may = _permissions(request)
    return ((path, label) for path, label, need in ADMIN_PLACES if need in may)


@router.get("")
def first_page(request: Request) -> Response:
    """Leads to the first page that the visitor may see."""
    for path, _ in _places(request):
        return RedirectResponse(path)
    raise HTTPException(403, "None of these pages is for your account; an administrator can give it another role.")


@router.get("/trunks")
def trunks_page(request: Request) -> Response:
    """Trunks and nodes, and what is wrong with them."""
    return admin_page(request, "admin_trunks.html")


@router.get("/jobs")
def jobs_page(request: Request) -> Response:
    """Work on ended calls, and what webhooks were told."""
    return admin_page(request, "admin_jobs.html")


@router.get("/hotwords")
def hotwords_page(request: Request) -> Response:
    """Hotword lists."""
    return admin_page(request, "admin_hotwords.html")


@router.get("/rules")
def rules_page(request: Request) -> Response:
    """Assist rules, and a past call to try them on."""
    return admin_page(request, "admin_rules.html")


@router.get("/scorecards")
def scorecards_page(request: Request) -> Response:
    """Scorecards."""
    return admin_page(request, "admin_scorecards.html")


@router.get("/retention")
def retention_page(request: Request) -> Response:
    """What is kept how long, legal holds and erasures."""
    return admin_page(request, "admin_retention.html")


@router.get("/users")
def users_page(request: Request) -> Response:
    """Who may use pages and API."""
    return admin_page(request, "admin_users.html", roles=tuple(AccountRole), scopes=tuple(Permission))


@router.get("/audit")
def audit_page(request: Request) -> Response:
    """Who did what."""
    return admin_page(request, "admin_audit.html", actions=ACTIONS)

"""The pages: a shell made here, filled by the scripts in static/ from the API."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import quote

import jinja2
from fastapi import APIRouter
from fastapi import Path as PathParameter
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from callscribe.console.assets import NamedByVersion
from callscribe.console.finding import find_shown
from callscribe.console.sources import SourcesOf
from callscribe.console.theme import THEMES, theme_of
from callscribe.console.visitor import visitor_of
from callscribe.console.wording import LANGUAGES, STATIC, Wording, language_of
from callscribe.domain.access import Permission

PLACES = (
    ("/", "Calls", Permission.CALLS_READ),
    ("/desk", "My desk", Permission.CALLS_READ),
    ("/search", "Search", Permission.CALLS_READ),
    ("/admin", "Administration", Permission.LISTS_READ),
)
"""Path, label and what is needed for it, of what the bar leads to. Who may see a page under /admin has LISTS_READ."""
FORMATS = (("txt", "Text"), ("srt", "SRT"), ("vtt", "WebVTT"), ("csv", "CSV"), ("json", "JSON"), ("vcon", "vCon"))
SEARCH_FIELDS = (
    ("party", "Name or address", "Anna, +4930"),
    ("trunk", "Trunk", ""),
    ("id", "Outside id", "Call-ID, UCID, …"),
    ("since", "Since", "7d, 2026-11-20"),
    ("until", "Until", "yesterday"),
    ("lang", "Languages", "en,zh"),
    ("longer", "Call at least", "3m"),
    ("shorter", "Call at most", "1h"),
    ("silence", "Silence of", "10s"),
    ("overtalk", "Overtalk of", "5s"),
    ("score", "Score", "<80"),
    ("rule", "Failed rule", ""),
    ("emotion", "Emotion", "angry"),
    ("event", "Audio event", "laughter"),
)
"""Name, label and example of the filters that are typed."""
SEARCH_HELP = (
    ("refund card", "both words in one utterance, in any case, with or without accents"),
    ('"money back"', "these words one after the other"),
    ("refund -card", "one without the other"),
    ("refund OR chargeback", "either; parentheses group"),
    ("refund*", "words that begin so"),
    ("refnd~", "words that are spelled alike"),
    ("refund NEAR/5 card", "at most five words apart, in either order"),
    ("refund role:agent since:7d", "every filter can be typed, too"),
)

router = APIRouter(include_in_schema=False)

_templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(STATIC.parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    extensions=[NamedByVersion],
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(request: HTTPConnection, name: str, status: int = 200, **values: object) -> HTMLResponse:
    """A template as an answer."""
    language, visitor = language_of(request), visitor_of(request)
    text = _templates.get_template(name).render(
        _=Wording(language),
        language=language,
        languages=LANGUAGES,
        theme=theme_of(request),
        themes=THEMES,
        node=request.app.state.node,
        visitor=visitor,
        places=[(path, label) for path, label, need in PLACES if visitor is None or visitor.principal.may(need)],
        here=request.url.path,
        framed=request.headers.get("sec-fetch-dest") == "iframe",
        **values,
    )
    return HTMLResponse(text, status, {"vary": "accept-language, cookie"})


def problem_page(request: HTTPConnection, status: int, title: str, detail: str, headers: Mapping[str, str]) -> Response:
    """An error for a person to read."""
    answer = page(request, "problem.html", status, title=title, detail=detail)
    answer.headers.update(headers)
    return answer


@router.get("/")
def floor(request: Request) -> Response:
    """Calls going on now, and those that ended lately."""
    return page(request, "floor.html", sip_address=request.app.state.sip_address)


@router.get("/search")
def search(request: Request) -> Response:
    """What was said, in all calls."""
    return page(request, "search.html", fields=SEARCH_FIELDS, help=SEARCH_HELP)


@router.get("/calls/{key:path}")
async def call(request: Request, sources: SourcesOf, key: Annotated[str, PathParameter(max_length=512)]) -> Response:
    """One call. An id of another system leads to the page of the call's own id."""
    found = str(await find_shown(sources, key))
    if found != key:
        return RedirectResponse(f"/calls/{quote(found)}")
    return page(request, "call.html", call_id=found, formats=FORMATS)

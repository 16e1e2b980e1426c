"""The pages: a shell made here, filled by the scripts in static/ from the API."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import jinja2
from fastapi import APIRouter
from fastapi import Path as PathParameter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from callscribe.console.finding import find_call
from callscribe.console.sources import SourcesOf

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
FORMATS = (("txt", "Text"), ("srt", "SRT"), ("vtt", "WebVTT"), ("json", "JSON"), ("vcon", "vCon"))

router = APIRouter(include_in_schema=False)

_templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(request: Request, name: str, status: int = 200, **values: object) -> HTMLResponse:
    """A template as an answer."""
    text = _templates.get_template(name).render(node=request.app.state.node, **values)
    return HTMLResponse(text, status)


def problem_page(request: Request, status: int, title: str, detail: str, headers: Mapping[str, str]) -> Response:
    """An error for a person to read."""
    answer = page(request, "problem.html", status, title=title, detail=detail)
    answer.headers.update(headers)
    return answer


@router.get("/")
def floor(request: Request) -> Response:
    """Calls going on now, and those that ended lately."""
    return page(request, "floor.html", sip_address=request.app.state.sip_address)


@router.get("/calls/{key:path}")
async def call(request: Request, sources: SourcesOf, key: Annotated[str, PathParameter(max_length=512)]) -> Response:
    """One call. An id of another system leads to the page of the call's own id."""
    found = str(await find_call(sources, key))
    if found != key:
        return RedirectResponse(f"/calls/{quote(found)}")
    return page(request, "call.html", call_id=found, formats=FORMATS)

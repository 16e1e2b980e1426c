"""`callscribe search`: what was said, in all calls of the running service."""

import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated

import typer
from pydantic import BaseModel, ValidationError

from callscribe.cli.api import base_url, fetch, stream
from callscribe.config.web import WebSettings
from callscribe.domain.errors import CallscribeError, SettingsError
from callscribe.text.query import parse_query

ORDERS = ("time", "rank")
LIMIT = 500


class _Party(BaseModel):
    name: str
    address: str

    @property
    def told(self) -> str:
        return self.name or self.address


class _Hit(BaseModel):
    role: str
    party: _Party
    speaker: int | None
    text: str
    highlights: list[tuple[int, int]]
    word_ms: int
    link: str

    @property
    def who(self) -> str:
        named = self.party.told or self.role
        return f"{named}, speaker {self.speaker}" if self.speaker else named


class _Call(BaseModel):
    caller: _Party
    callee: _Party
    trunk: str
    started_at: datetime
    hits: list[_Hit]


class _Answer(BaseModel):
    """What a person is shown of the API's answer."""

    query: str
    alike: bool
    calls: list[_Call]
    cursor: str | None


def search(web: WebSettings, parameters: Mapping[str, str], as_json: bool) -> None:
    """Print what the search finds. Raises QueryError before anything is asked, and CallscribeError."""
    fields = {name: [value] for name, value in parameters.items() if name == "since"}
    parse_query(parameters["q"], datetime.now(UTC), fields)
    base = base_url(web)
    body = fetch(base, "/api/v1/search", parameters).decode()
    if as_json:
        typer.echo(body)
        return
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError as error:
        raise CallscribeError(f"what answers at {base} is no Callscribe of this release; set web.port") from error
    for line in _lines(answer, base):
        typer.echo(line)
    if not answer.calls:
        typer.echo("nothing was found", err=True)
    elif answer.alike:
        typer.echo(f"nothing is spelled so; this was found for {answer.query}", err=True)
    if answer.cursor:
        typer.echo("there is more; ask for it with --limit, or narrow the search", err=True)


def _lines(answer: _Answer, base: str) -> Iterator[str]:
    for call in answer.calls:
        parties = " to ".join(party.told for party in (call.caller, call.callee) if party.told)
        yield f"{call.started_at.astimezone():%Y-%m-%d %H:%M}  {parties or 'unnamed call'}  ({call.trunk})"
        for hit in call.hits:
            yield f"  {_clock(hit.word_ms):>7}  {hit.who}: {_marked(hit)}"
            yield f"           {base}{hit.link}"


def _marked(hit: _Hit) -> str:
    text = hit.text
    for start, end in reversed(hit.highlights):
        text = text[:start] + typer.style(text[start:end], bold=True) + text[end:]
    return text


def _clock(ms: int) -> str:
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def search_command(
    context: typer.Context,
    query: Annotated[
        str,
        typer.Argument(
            help='Words, "phrases", -not, OR, pre*, near~, a NEAR/5 b; role:agent, trunk:, party:, silence:>10s, … '
            "(docs/search.md). After -- where it begins with -."
        ),
    ],
    since: Annotated[str, typer.Option("--since", help="Said then or later: 7d, yesterday, 2026-11-20.")] = "",
    order: Annotated[str, typer.Option("--order", help="time: said last first; rank: best first.")] = "time",
    limit: Annotated[int, typer.Option("--limit", min=1, max=LIMIT, help="Utterances at most.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="The API's answer.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="All matches as CSV, however many.")] = False,
) -> None:
    """Find what was said."""
    if order not in ORDERS:
        raise SettingsError(f"--order must be one of {', '.join(ORDERS)}")
    parameters = {"q": query} | ({"since": since} if since else {})
    web = context.obj.settings.web
    if as_csv:
        for part in stream(base_url(web), "/api/v1/search.csv", parameters):
            sys.stdout.buffer.write(part)
        return
    search(web, parameters | {"order": order, "limit": str(limit)}, as_json)

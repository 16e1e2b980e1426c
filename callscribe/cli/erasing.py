"""`callscribe erase`, `hold` and `audit`: what must go, what must stay, and who wanted it."""

import json
import time
import urllib.parse
from dataclasses import dataclass
from typing import Annotated

import typer
from pydantic import TypeAdapter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from callscribe.cli.api import base_url, fetch, send
from callscribe.domain.errors import CallscribeError, SettingsError

ERASURES = "/api/v1/erasures"
FINDING_TIMEOUT_S = 300
"""To find the calls of a party among very many may take so long."""
POLL_S = 0.5
PATIENCE_S = 300.0
"""How long nobody may answer while an erasure is followed, as during a restart."""

progress = Console(stderr=True, highlight=False)

CallArgument = Annotated[
    str, typer.Argument(help="The call's id, or its id in another system (after -- where that begins with -).")
]
By = Annotated[str, typer.Option("--by", help="Who asks, for the audit log.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit log: a case number, no party's name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@dataclass(frozen=True, slots=True)
class _Staying:
    """Calls that stay."""

    held: list[str]
    active: list[str]
    failed: list[str]

    @property
    def complete(self) -> bool:
        return not (self.held or self.active or self.failed)

    @property
    def staying(self) -> str:
        stay = ((self.held, "under legal hold"), (self.active, "that go on"), (self.failed, "that failed"))
        told = ", ".join(f"{len(ids)} {why}" for ids, why in stay if ids)
        return f"; calls that stay: {told}" if told else ""


@dataclass(frozen=True, slots=True)
class _Erased(_Staying):
    """What the API answers to the erasure of a call, or tells beforehand."""

    calls: list[str]
    utterances: int
    alike: list[str]
    addresses: list[str]
    trunks: list[str]

    def __str__(self) -> str:
        told = f"{len(self.calls)} calls with {self.utterances} utterances"
        told += f", of {', '.join(self.addresses)} on {', '.join(self.trunks)}" if self.addresses else ""
        shared = f"; {len(self.alike)} more share an id and may be of the same conversation (--alike erases them, too)"
        return told + self.staying + (shared if self.alike else "")


@dataclass(frozen=True, slots=True)
class _Progress(_Staying):
    """How far the erasure of a party's calls is."""

    id: str
    finished_at: str | None
    found: int
    waiting: int
    erased: int
    utterances: int

    def __str__(self) -> str:
        return f"{self.erased} calls with {self.utterances} utterances{self.staying}"


_ERASED = TypeAdapter(_Erased)
_PROGRESS = TypeAdapter(_Progress)


def erase_command(
    context: typer.Context,
    by: By = "",
    reason: Reason = "",
    call: Annotated[
        str, typer.Argument(help="The call's id, or its id in another system; or give --party or --name.")
    ] = "",
    party: Annotated[
        str, typer.Option("--party", help="Every call with this address or number, compared exactly.")
    ] = "",
    name: Annotated[str, typer.Option("--name", help="Every call with somebody who is shown by this name.")] = "",
    trunk: Annotated[str, typer.Option("--trunk", help="With --party or --name: only calls of this trunk.")] = "",
    alike: Annotated[
        bool, typer.Option("--alike", help="With a call: also those that share an id with it and are not linked.")
    ] = False,
    follow: Annotated[str, typer.Option("--follow", help="Tell how far the erasure with this id is.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be erased, and leave it.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a call, or all calls of a party, for good: rows, recordings, events, and what is still on its way.

    Workers erase a party's calls, also when this command is ended; --follow tells how far they are. Exit codes: 0 all
    is erased; 1 something failed, or stays under legal hold or while it goes on; 2 wrong usage.
    """
    base = base_url(context.obj.settings.web)
    if follow:
        if any((call, party, name, trunk, alike, dry_run)):
            raise SettingsError("--follow takes the id of an erasure, and nothing that is to be erased")
        _finish(_followed(base, follow), as_json)
        return
    _check_usage(by, reason, (call, party, name), only_party=trunk, only_call=alike)
    wanted = _Wanted(base, by, reason, call, party, name, trunk, alike)
    if dry_run:
        _finish(wanted.try_it(), as_json, "would erase")
        return
    if not yes:
        progress.print(f"to erase: {_ERASED.validate_json(wanted.try_it())}")
        typer.confirm("Erase them for good?", abort=True, err=True)
    answer = wanted.send(only_try=False)
    _finish(answer if call else _followed(base, _PROGRESS.validate_json(answer).id), as_json)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What shall be erased, and who wants it."""

    base: str
    by: str
    reason: str
    call: str
    party: str
    name: str
    trunk: str
    alike: bool

    def try_it(self) -> bytes:
        return self.send(only_try=True)

    def send(self, *, only_try: bool) -> bytes:
        told = {"by": self.by, "reason": self.reason}
        if self.call:
            query = {**told, "dry_run": str(only_try).lower(), "alike": str(self.alike).lower()}
            return send(self.base, "DELETE", _path(self.call), query=query, timeout_s=FINDING_TIMEOUT_S)
        body = {**told, "party": self.party, "name": self.name, "trunk": self.trunk, "dry_run": only_try}
        return send(self.base, "POST", ERASURES, body, timeout_s=FINDING_TIMEOUT_S)


def _check_usage(by: str, reason: str, named: tuple[str, str, str], *, only_party: str, only_call: bool) -> None:
    call, *_ = named
    if not (by.strip() and reason.strip()):
        raise SettingsError("tell who asks with --by, and why with --reason")
    if sum(map(bool, named)) != 1 or (call and only_party) or (only_call and not call):
        raise SettingsError("name a call, or a party with --party or --name and perhaps --trunk, and not both")


def _followed(base: str, erasure: str) -> bytes:
    """The last that is told of an erasure, once it is done, over times in which nobody answers."""
    path = f"{ERASURES}/{urllib.parse.quote(erasure, safe='')}"
    answer = fetch(base, path)
    columns = (SpinnerColumn(), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    progress.print(f"erasure {erasure}: it goes on without this command; --follow {erasure} tells how far it is")
    with bar:
        task = bar.add_task("calls")
        while (found := _PROGRESS.validate_json(answer)).finished_at is None:
            bar.update(task, total=found.found, completed=found.found - found.waiting)
            time.sleep(POLL_S)
            answer = _fetch_patiently(base, path)
    return answer


def _fetch_patiently(base: str, path: str) -> bytes:
    """Raises CallscribeError where nobody answers for long."""
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        try:
            return fetch(base, path)
        except CallscribeError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(POLL_S)


def _finish(answer: bytes, as_json: bool, word: str = "erased") -> None:
    """Raises Exit where something stays."""
    told = json.loads(answer)
    erased = _PROGRESS.validate_json(answer) if "finished_at" in told else _ERASED.validate_json(answer)
    typer.echo(answer.decode() if as_json else f"{word} {erased}")
    if not erased.complete:
        raise typer.Exit(CallscribeError.exit_code)


def hold_command(
    context: typer.Context,
    call: CallArgument,
    by: By,
    reason: Reason,
    release: Annotated[bool, typer.Option("--release", help="Take the hold off.")] = False,
) -> None:
    """Put a legal hold on a call and those that record its conversation: nothing removes them until it is taken off."""
    base, path = base_url(context.obj.settings.web), f"{_path(call)}/hold"
    if release:
        send(base, "DELETE", path, query={"by": by, "reason": reason})
        typer.echo("released")
    else:
        send(base, "PUT", path, {"by": by, "reason": reason})
        typer.echo("held")


def audit_command(
    context: typer.Context,
    action: Annotated[str, typer.Option("--action", help="Only this, as call.erased.")] = "",
    subject: Annotated[str, typer.Option("--subject", help="Only what was done to this: a call's id, a trunk.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="Entries at most.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Tell who held, erased and changed what, and what retention removed, newest first."""
    conditions = {"action": action, "subject": subject, "limit": str(limit)}
    query = {name: value for name, value in conditions.items() if value}
    answer = fetch(base_url(context.obj.settings.web), "/api/v1/audit", query)
    if as_json:
        typer.echo(answer.decode())
        return
    for entry in json.loads(answer)["entries"]:
        detail = ", ".join(f"{name}: {value}" for name, value in entry["detail"].items())
        typer.echo(f"{entry['at']}  {entry['by']}  {entry['action']}  {entry['subject']}  {detail}")


def _path(call: str) -> str:
    return f"/api/v1/calls/{urllib.parse.quote(call, safe='')}"

"""`callscribe erase`, `hold` and `audit`: what must go, what must stay, and who wanted it."""

import json
import urllib.parse
from dataclasses import dataclass
from typing import Annotated

import typer
from pydantic import TypeAdapter
from rich.console import Console

from callscribe.cli.api import base_url, fetch, send
from callscribe.domain.errors import CallscribeError, SettingsError

PARTY_TIMEOUT_S = 600
"""An erasure of many calls may take so long; after that it goes on, and asking again tells how far it is."""

progress = Console(stderr=True, highlight=False)

CallArgument = Annotated[
    str, typer.Argument(help="The call's id, or its id in another system (after -- where that begins with -).")
]
By = Annotated[str, typer.Option("--by", help="Who asks, for the audit log.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit log: a case number, no party's name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@dataclass(frozen=True, slots=True)
class _Erased:
    """What the API answers to an erasure."""

    calls: list[str]
    utterances: int
    files: int
    bytes: int
    held: list[str]
    active: list[str]
    failed: list[str]
    addresses: list[str]
    trunks: list[str]

    @property
    def complete(self) -> bool:
        return not (self.held or self.active or self.failed)

    def __str__(self) -> str:
        stay = ((self.held, "under legal hold"), (self.active, "that go on"), (self.failed, "that failed"))
        staying = ", ".join(f"{len(ids)} {why}" for ids, why in stay if ids)
        told = f"{len(self.calls)} calls with {self.utterances} utterances"
        told += f", of {', '.join(self.addresses)} on {', '.join(self.trunks)}" if self.addresses else ""
        return told + (f"; calls that stay: {staying}" if staying else "")


_ERASED = TypeAdapter(_Erased)


def erase_command(
    context: typer.Context,
    by: By,
    reason: Reason,
    call: Annotated[
        str, typer.Argument(help="The call's id, or its id in another system; or give --party or --name.")
    ] = "",
    party: Annotated[
        str, typer.Option("--party", help="Every call with this address or number, compared exactly.")
    ] = "",
    name: Annotated[str, typer.Option("--name", help="Every call with somebody who is shown by this name.")] = "",
    trunk: Annotated[str, typer.Option("--trunk", help="With --party or --name: only calls of this trunk.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be erased, and leave it.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a call, or all calls of a party, for good: rows, recordings, events, and what is still on its way.

    Exit codes: 0 all is erased; 1 something failed, or stays under legal hold or while it goes on; 2 wrong usage.
    """
    if sum(map(bool, (call, party, name))) != 1 or (call and trunk):
        raise SettingsError("name a call, or a party with --party or --name and perhaps --trunk, and not both")
    base = base_url(context.obj.settings.web)

    def ask(*, only_try: bool) -> bytes:
        if not call:
            body = {"party": party, "name": name, "trunk": trunk, "by": by, "reason": reason, "dry_run": only_try}
            return send(base, "POST", "/api/v1/erasures", body, timeout_s=PARTY_TIMEOUT_S)
        query = {"by": by, "reason": reason, "dry_run": str(only_try).lower()}
        return send(base, "DELETE", _path(call), query=query)

    if not (dry_run or yes):
        progress.print(f"to erase: {_ERASED.validate_json(ask(only_try=True))}")
        typer.confirm("Erase them for good?", abort=True, err=True)
    answer = ask(only_try=dry_run)
    erased = _ERASED.validate_json(answer)
    typer.echo(answer.decode() if as_json else f"{'would erase' if dry_run else 'erased'} {erased}")
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

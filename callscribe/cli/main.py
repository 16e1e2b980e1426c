"""The `callscribe` command: reads settings once, hands plain values to the rooms, turns errors into one sentence.

A command's libraries are loaded when it is called, so that the others start at once.
"""

import asyncio
import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

import typer
from rich.console import Console

from callscribe.cli import (
    accounts,
    calling,
    erasing,
    exporting,
    fetching,
    hotwords,
    keys,
    reloading,
    roles,
    rules,
    scorecards,
    searching,
    training,
    transcribing,
)
from callscribe.cli.api import send_token
from callscribe.config.logging import configure_logging
from callscribe.config.notify import notify_ready
from callscribe.config.reload import SettingsInForce
from callscribe.config.settings import Settings, load_settings
from callscribe.config.tracing import start_tracing
from callscribe.domain.errors import CallscribeError, SettingsError

app = typer.Typer(
    name="callscribe",
    help="Telephone calls become text: live over SIP and SIPREC, and again after they end.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
progress = Console(stderr=True, highlight=False)


@dataclass(frozen=True, slots=True)
class Invocation:
    """What every command is given."""

    config: Path | None
    settings: Settings

    def traced(self, role: str) -> Self:
        """The same, whose process sends spans from now on where the settings want any. Raises SettingsError."""
        start_tracing(self.settings.tracing, role, self.settings.node.name)
        return self

    @property
    def in_force(self) -> SettingsInForce:
        """For a role that goes on when the settings change."""
        return SettingsInForce(self.settings, lambda: load_settings(self.config, os.environ))


@app.callback()
def read_settings(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Settings file; default: callscribe.toml here.")
    ] = None,
) -> None:
    settings = load_settings(config, os.environ)
    try:
        configure_logging(settings.log.level, settings.log.format)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    send_token(settings.web.token)
    context.obj = Invocation(config, settings)


def _invocation(context: typer.Context) -> Invocation:
    invocation: Invocation = context.obj
    return invocation


Drain = Annotated[
    float,
    typer.Option(
        "--drain",
        min=0.0,
        help="Seconds that running calls may go on when stopping; a second signal ends them at once.",
    ),
]


@app.command("serve")
def serve_command(context: typer.Context, drain: Drain = 0.0) -> None:
    """Run the whole service on this machine."""
    from callscribe.cli.serve import serve

    invocation = _invocation(context)

    def report(step: str) -> None:
        progress.print(f"[dim]callscribe:[/dim] {step}")
        if step == "ready":
            notify_ready()

    asyncio.run(serve(invocation.settings, invocation.config, drain, report))


@app.command("sip")
def sip_command(context: typer.Context, drain: Drain = math.inf) -> None:
    """Run a node alone: the SIP port, its lines, and a session for every call.

    Told to stop, it refuses new calls and ends with its last one, or after --drain seconds.
    """
    roles.run_sip(_invocation(context).traced("sip").in_force, drain)


@app.command("recognizer")
def recognizer_command(context: typer.Context) -> None:
    """Run a recogniser alone."""
    roles.run_recognizer(_invocation(context).traced("recognizer").settings)


@app.command("web")
def web_command(context: typer.Context) -> None:
    """Run the API and pages alone."""
    roles.run_web(_invocation(context).in_force)


@app.command("worker")
def worker_command(context: typer.Context) -> None:
    """Run a job worker alone."""
    roles.run_worker(_invocation(context).traced("worker").in_force)


@app.command("migrate")
def migrate_command(context: typer.Context) -> None:
    """Bring the database schema to this release."""
    roles.run_migrate(_invocation(context).settings)
    progress.print("the database schema is up to date")


@app.command("demo")
def demo_command(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="End after the call; exit 0 only if all went well.")] = False,
) -> None:
    """Start the service on free ports, place a real SIPREC call and show its transcript as it is spoken."""
    from callscribe.cli.demo import run_demo

    raise typer.Exit(run_demo(_invocation(context).settings, once))


app.command("reload")(reloading.reload_command)
app.command("fetch")(fetching.fetch_command)
app.command("call")(calling.call_command)
app.command("transcribe")(transcribing.transcribe_command)
app.command("search")(searching.search_command)
app.command("export")(exporting.export_command)
app.command("training")(training.training_command)
app.command("erase")(erasing.erase_command)
app.command("hold")(erasing.hold_command)
app.command("audit")(erasing.audit_command)
app.add_typer(hotwords.app, name="hotwords")
app.add_typer(scorecards.app, name="scorecards")
app.add_typer(rules.app, name="rules")
app.add_typer(keys.app, name="keys")
app.add_typer(accounts.users, name="user")
app.add_typer(accounts.tokens, name="token")


@app.command("doctor")
def doctor_command(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
    engine: Annotated[
        str, typer.Option("--engine", help='Load this engine ("moonshine", "whisper", …) and decode something.')
    ] = "",
    audio: Annotated[
        Path | None, typer.Option("--audio", help="With --engine: a recording to decode; default: the demo call.")
    ] = None,
    language: Annotated[
        str, typer.Option("--language", help="With --audio: what is spoken; default: the engine's first language.")
    ] = "",
    trunk: Annotated[str, typer.Option("--trunk", help="Only what calls of this trunk depend on.")] = "",
) -> None:
    """Say what is wrong and what to do: packages, ports, addresses, TLS, trunks, whom the service refused and why.

    Exit codes: 0 nothing is bad (hints may be), 1 something is, 2 wrong usage or settings. With --engine, that alone.
    """
    invocation = _invocation(context)
    settings = invocation.settings
    if engine:
        from callscribe.cli.trial import run_trial

        raise typer.Exit(run_trial(settings, engine, audio, language, as_json))
    if audio or language:
        raise typer.BadParameter("--audio and --language go with --engine")
    from callscribe.cli.doctor import run_doctor

    raise typer.Exit(run_doctor(settings, as_json, trunk, invocation.config))


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 failed, 2 wrong usage or settings."""
    try:
        app()
    except CallscribeError as error:
        print(f"callscribe: {error}", file=sys.stderr)  # noqa: T201 - the command's own answer
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()

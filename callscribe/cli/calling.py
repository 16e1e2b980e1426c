"""`callscribe call`: a real caller, to check an installation or to show it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from callscribe.domain.call import Party
from callscribe.domain.errors import SettingsError
from telephony.caller import CallPlan, CallProgress, CallResult, place_call

progress = Console(stderr=True, highlight=False)


def parse_party(text: str) -> Party:
    """ "Ann Lee <sip:1001@example.com>" or a bare address as a party."""
    name, bracket, rest = text.partition("<")
    if not bracket:
        return Party(text.strip())
    return Party(rest.rstrip("> "), name.strip().strip('"'))


Play = Annotated[
    list[Path] | None,
    typer.Option("--play", help="WAV file; repeat it for a second m-line.", exists=True, dir_okay=False),
]
Metadata = Annotated[
    Path | None,
    typer.Option("--metadata", help="RFC 7865 XML to send instead of the made one.", exists=True, dir_okay=False),
]
PartyTexts = Annotated[
    list[str] | None, typer.Option("--party", help='Who speaks on each m-line: "Ann Lee <sip:1001@example.com>".')
]
Seconds = Annotated[
    float | None, typer.Option("--seconds", min=0.0, help="Hang up after so long; default: at the end.")
]


def call_command(
    uri: Annotated[str, typer.Argument(help="Whom to call, for example sip:scribe@127.0.0.1:5060.")],
    play: Play = None,
    siprec: Annotated[
        bool, typer.Option("--siprec", help="Call as a session recording client, with metadata.")
    ] = False,
    metadata: Metadata = None,
    party: PartyTexts = None,
    codec: Annotated[str, typer.Option("--codec", help="PCMU, PCMA or G722.")] = "PCMU",
    tcp: Annotated[bool, typer.Option("--tcp", help="SIP over TCP.")] = False,
    tls: Annotated[bool, typer.Option("--tls", help="SIP over TLS.")] = False,
    srtp: Annotated[bool, typer.Option("--srtp", help="Offer SRTP only.")] = False,
    seconds: Seconds = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Place a call and play audio into it: one WAV a party."""
    try:
        plan = CallPlan(
            uri=uri,
            play=tuple(str(path) for path in play or ()),
            siprec=siprec,
            parties=tuple(parse_party(text) for text in party or ()),
            metadata=_text_of(metadata) if metadata else "",
            codec=codec.upper(),
            transport="tls" if tls else "tcp" if tcp else "udp",
            srtp=srtp,
            seconds=seconds,
        )
    except ValueError as error:
        raise SettingsError(str(error)) from error
    with progress.status("calling") as status:
        result = place_call(plan, lambda step: status.update(_describe(step)))
    _print(result, as_json)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read as UTF-8 text: {error}") from error


def _print(result: CallResult, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(asdict(result)))
        return
    packets = ", ".join(str(count) for count in result.packets)
    typer.echo(
        f"call {result.sip_call_id}: {result.seconds:.1f} s, RTP packets sent {packets}, ended by {result.ended_by}"
    )


def _describe(step: CallProgress) -> str:
    return f"{step.state} {step.seconds:.0f} s" if step.seconds else step.state

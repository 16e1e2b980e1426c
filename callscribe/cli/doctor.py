"""`callscribe doctor`: looks at everything an installation needs, and says why a trunk does not work and what to do."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from callscribe.cli.api import base_url, fetch
from callscribe.cli.checks.certificate import check_certificate, check_other_certificates
from callscribe.cli.checks.clock import check_clock
from callscribe.cli.checks.files import check_retention, check_secrets
from callscribe.cli.checks.finding import Finding, Verdict, hint, ok
from callscribe.cli.checks.firewall import Need, check_firewall
from callscribe.cli.checks.installation import check_programs, check_servers
from callscribe.cli.checks.reload import check_reload
from callscribe.cli.checks.sip import check_address, check_answers, check_port, check_rtp_range, is_own, is_served
from callscribe.cli.checks.traffic import (
    check_capacity,
    check_pressure,
    check_refusals,
    check_registration,
    check_trunk,
)
from callscribe.cli.checks.web import check_provider, check_web
from callscribe.cli.checks.work import check_work
from callscribe.cli.ports import public_ports
from callscribe.config.settings import Settings
from callscribe.console.nodes import NodeAnswer, RefusalAnswer
from callscribe.domain.errors import CallscribeError, SettingsError
from telephony.advertised import advertised_address
from telephony.certificate import TlsFiles

_MARKS = {Verdict.OK: "[green]ok[/green]", Verdict.HINT: "[yellow]??[/yellow]", Verdict.BAD: "[red]no[/red]"}
_NODES = TypeAdapter(list[NodeAnswer])


def run_doctor(settings: Settings, as_json: bool, trunk: str = "", config: Path | None = None) -> int:
    """Print every finding, or with `trunk` those that its calls depend on; returns 0 when none is bad, else 1.

    `config` is the settings file. Raises SettingsError where there is no such trunk.
    """
    names = [one.name for one in settings.trunks]
    if trunk and trunk not in names:
        raise SettingsError(f"there is no trunk {trunk}; the settings have {', '.join(names) or 'none'}")
    with Console(stderr=True).status("looking"):
        findings = list(_examine_trunks(settings, trunk) if trunk else _examine(settings, config))
    if as_json:
        shown = [{**asdict(finding), "good": finding.verdict is not Verdict.BAD} for finding in findings]
        print(json.dumps(shown, indent=2))  # noqa: T201 - the command's output
    else:
        Console(highlight=False).print(_table(findings))
    return 1 if any(finding.verdict is Verdict.BAD for finding in findings) else 0


def _table(findings: list[Finding]) -> Table:
    table = Table(box=None, show_header=False)
    for finding in findings:
        cure = f"\n[dim]→ {escape(finding.cure)}[/dim]" if finding.cure else ""
        table.add_row(_MARKS[finding.verdict], finding.check, escape(finding.detail) + cure)
    return table


def _examine(settings: Settings, config: Path | None) -> Iterator[Finding]:
    yield from check_programs(settings)
    yield check_secrets(settings, config)
    yield check_retention(settings)
    yield from check_other_certificates(_other_certificates(settings), datetime.now(UTC))
    yield check_web(settings.web)
    yield from check_provider(settings.web)
    yield from _examine_trunks(settings)
    yield from check_servers(settings)
    yield from check_work(base_url(settings.web))


def _other_certificates(settings: Settings) -> Iterator[TlsFiles]:
    for table, port in (("ingest", settings.ingest), ("funasr_server", settings.funasr_server)):
        if port.tls_certificate:
            yield TlsFiles(port.tls_certificate, port.tls_key, table=table)


def _examine_trunks(settings: Settings, trunk: str = "") -> Iterator[Finding]:
    """Everything that a trunk's calls depend on, in the order in which they meet it; "": of all trunks."""
    sip, address = settings.sip, advertised_address(settings.sip)
    base = base_url(settings.web)
    running = _answers(base)
    node = _node(settings) if running else None
    if running:
        yield check_reload(base)
    yield ok("service", f"answers at {base}" if running else f"nobody answers at {base}")
    for port in public_ports(settings):
        yield check_port(port, running=node is not None)
    if is_served(sip, running=node is not None):
        yield from check_answers(sip, address)
    yield check_address(settings, address)
    yield from check_rtp_range(sip, bridging=bool(settings.routes))
    yield check_firewall(_needs(settings))
    yield from check_certificate(sip, address, datetime.now(UTC))
    yield check_clock()
    for one in settings.trunks:
        if trunk in ("", one.name):
            yield check_trunk(one)
            yield from check_registration(one, node) if node else ()
    if node:
        yield check_capacity(node)
        yield check_pressure(node)
        yield from check_refusals(_refusals(node, trunk))
    else:
        yield hint(
            "refusals", "only the running service tells whom it refused", "start it, let the peer call, ask again"
        )


def _needs(settings: Settings) -> tuple[Need, ...]:
    sip = settings.sip
    needs = [Need("udp", sip.port, sip.port), Need("tcp", sip.port, sip.port)]
    needs += [Need("tcp", sip.tls_port, sip.tls_port)] if sip.tls_port else []
    return (*needs, Need("udp", sip.rtp_port_min, sip.rtp_port_max))


def _refusals(node: NodeAnswer, trunk: str) -> list[RefusalAnswer]:
    """Of the trunk, and of addresses that no trunk allows: one of them may be the peer that was meant to use it.

    What the doctor itself asked is left out.
    """
    others = [refused for refused in node.refusals if refused.method != "OPTIONS" or not is_own(refused.source)]
    return [refused for refused in others if not trunk or refused.trunk in ("", trunk)]


def _answers(base: str) -> bool:
    try:
        fetch(base, "/healthz")
    except CallscribeError:
        return False
    return True


def _node(settings: Settings) -> NodeAnswer | None:
    """What the service tells of this machine's node; None where it runs none, or is of another release."""
    try:
        nodes = _NODES.validate_json(fetch(base_url(settings.web), "/api/v1/nodes"))
    except (CallscribeError, ValidationError):
        return None
    return next((node for node in nodes if node.name == settings.node.name), None)

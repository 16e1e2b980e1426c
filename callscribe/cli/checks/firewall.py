"""A hint from the rules of this machine's own firewall. What they do in the end only a call from outside tells."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from callscribe.cli.checks.finding import Finding, hint, ok

CHECK = "firewall"
_LIMIT_S = 5.0
_PORTS = re.compile(r"-p (udp|tcp).*?--dports? ([\d:,]+)")


@dataclass(frozen=True, slots=True)
class Need:
    """Ports that must be open."""

    kind: str
    """"udp" or "tcp"."""
    first: int
    last: int

    def __str__(self) -> str:
        ports = f"{self.first}-{self.last}" if self.last > self.first else str(self.first)
        return f"{self.kind.upper()} {ports}"


@dataclass(frozen=True, slots=True)
class Rules:
    """What matters of a firewall."""

    dropping: tuple[str, ...]
    """Chains that see what comes in and end with dropping or rejecting it."""
    opened: tuple[Need, ...]
    """Ports that rules accept."""

    def __add__(self, other: "Rules") -> "Rules":
        return Rules(self.dropping + other.dropping, self.opened + other.opened)

    def closed(self, needs: tuple[Need, ...]) -> tuple[Need, ...]:
        """Those of `needs` that no single rule opens, while something drops what comes in."""
        if not self.dropping:
            return ()
        return tuple(
            need
            for need in needs
            if not any(it.kind == need.kind and it.first <= need.first and need.last <= it.last for it in self.opened)
        )


def check_firewall(needs: tuple[Need, ...]) -> Finding:
    """Whether nftables or iptables of this machine may drop what callers send."""
    cure = f"open {', '.join(map(str, needs))} to the PBX, here and in every firewall on the way"
    rules = _read()
    if rules is None:
        return hint(CHECK, "its rules cannot be read by this user", f"ask as root, or {cure}")
    closed = rules.closed(needs)
    if closed:
        where = " and ".join(rules.dropping)
        detail = (
            f"{where} drops or rejects what it does not accept, and no rule accepts {', '.join(map(str, closed))} as a "
            "whole; rules that name no port were not followed"
        )
        return hint(CHECK, detail, cure)
    return ok(CHECK, "the ports are accepted" if rules.dropping else "this machine drops nothing that comes in")


def _read() -> Rules | None:
    listed = _output("nft", "-j", "list", "ruleset")
    by_nft = rules_of_nft(listed) if listed is not None else None
    if listed is not None and '"xt"' not in listed:
        return by_nft
    # What iptables wrote into nftables may be without its meaning there.
    saved = _output("iptables-save")
    by_iptables = rules_of_iptables(saved) if saved is not None else None
    return by_nft + by_iptables if by_nft and by_iptables else by_nft or by_iptables


def _output(program: str, *options: str) -> str | None:
    path = shutil.which(program, path="/usr/sbin:/sbin:/usr/bin:/bin")
    if path is None:
        return None
    try:
        done = subprocess.run([path, *options], capture_output=True, text=True, timeout=_LIMIT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def rules_of_nft(listed: str) -> Rules:
    """Of `nft -j list ruleset` (libnftables-json(5))."""
    dropping: dict[str, bool] = {}
    last: dict[str, bool] = {}
    opened: list[Need] = []
    for entry in json.loads(listed).get("nftables", []):
        chain, rule = entry.get("chain"), entry.get("rule")
        if chain and chain.get("hook") == "input":
            dropping[_place(chain, chain["name"])] = chain.get("policy") == "drop"
        if rule:
            steps = rule["expr"]
            last[_place(rule, rule["chain"])] = _lets_nothing_past(steps)
            if any("accept" in step for step in steps):
                opened += [need for step in steps for need in _of_match(step.get("match", {}))]
    return Rules(tuple(place for place, drops in dropping.items() if drops or last.get(place)), tuple(opened))


def _place(entry: dict[str, str], chain: str) -> str:
    return f"chain {chain} of {entry['family']} {entry['table']}"


def _lets_nothing_past(steps: list[dict[str, object]]) -> bool:
    """True of a rule that drops or rejects without a condition."""
    names = {name for step in steps for name in step}
    return bool(names & {"drop", "reject"}) and names <= {"drop", "reject", "counter", "log"}


def _of_match(match: dict[str, object]) -> Iterator[Need]:
    left = match.get("left")
    payload = left.get("payload", {}) if isinstance(left, dict) else {}
    if payload.get("field") != "dport":
        return
    kinds = (payload["protocol"],) if payload["protocol"] in ("udp", "tcp") else ("udp", "tcp")
    for first, last in _spans(match.get("right")):
        for kind in kinds:
            yield Need(kind, first, last)


def _spans(right: object) -> Iterator[tuple[int, int]]:
    """A port, a range, or a set of both."""
    if isinstance(right, int):
        yield right, right
    elif isinstance(right, dict) and "range" in right:
        first, last = right["range"]
        yield int(first), int(last)
    elif isinstance(right, dict):
        for element in right.get("set", []):
            yield from _spans(element)


def rules_of_iptables(saved: str) -> Rules:
    """Of `iptables-save`."""
    lines = saved.splitlines()
    drops = any(line.startswith((":INPUT DROP", "-A INPUT -j DROP", "-A INPUT -j REJECT")) for line in lines)
    opened = []
    for line in lines:
        found = _PORTS.search(line)
        if found and line.endswith("-j ACCEPT"):
            for span in found[2].split(","):
                first, _, last = span.partition(":")
                opened.append(Need(found[1], int(first), int(last or first)))
    return Rules(("chain INPUT of iptables",) if drops else (), tuple(opened))

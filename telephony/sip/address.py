"""SIP addresses, URIs and Via values (RFC 3261 sections 19.1, 20.10 and 20.42), read tolerantly."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

_QUOTED_NAME = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*(?=<|$)')
_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:;,\[\]]*+)\s*+(?::\s*+(\d{1,5}))?\s*+(?:;|$)")
_SENT = re.compile(r"SIP\s*/\s*2\.0\s*/\s*([A-Za-z0-9\-]+)\s+(.*)", re.IGNORECASE | re.DOTALL)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]+")

TEXT_LIMIT = 255
"""Characters of an address, a name or an id that are kept."""


@dataclass(frozen=True, slots=True)
class NameAddr:
    """A From, To, Contact, Route value: who, and the parameters after the address."""

    uri: str
    name: str = ""
    params: tuple[tuple[str, str], ...] = ()
    """Names in lower case; "" as the value of a flag."""

    def param(self, name: str) -> str | None:
        return next((value for key, value in self.params if key == name), None)


@dataclass(frozen=True, slots=True)
class Uri:
    """The parts of a sip, sips or tel URI."""

    scheme: str
    user: str
    host: str
    port: int
    """0 where there is none."""
    params: tuple[tuple[str, str], ...] = ()

    def param(self, name: str) -> str | None:
        return next((value for key, value in self.params if key == name), None)


@dataclass(frozen=True, slots=True)
class Via:
    """Where a request came through."""

    transport: str
    host: str
    port: int
    """0 where there is none."""
    params: tuple[tuple[str, str], ...] = ()

    def param(self, name: str) -> str | None:
        return next((value for key, value in self.params if key == name), None)

    def stamped(self, host: str, port: int) -> str:
        """The value with `received` where its host differs and `rport` filled in where it was asked for (RFC 3581)."""
        kept = [(key, value) for key, value in self.params if key not in ("received", "rport")]
        asked = self.param("rport") is not None
        if asked or host != self.host:
            kept.append(("received", host))
        if asked:
            kept.append(("rport", str(port)))
        where = f"{self.host}:{self.port}" if self.port else self.host
        return f"SIP/2.0/{self.transport} {where}" + "".join(f";{k}={v}" if v else f";{k}" for k, v in kept)


def parse_name_addr(value: str) -> NameAddr:
    """Never fails: what cannot be read gives an empty uri. Unbalanced quotes and missing brackets are taken."""
    quoted = _QUOTED_NAME.match(value)
    name = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else ""
    rest = value[quoted.end() :] if quoted else value
    if "<" in rest:
        before, _, rest = rest.partition("<")
        name = name or before.strip().strip('"')
        uri, _, tail = rest.partition(">")
        return NameAddr(uri.strip(), name.strip(), parse_params(tail))
    uri, _, tail = rest.partition(";")
    return NameAddr(uri.strip(), name.strip(), parse_params(tail))


def parse_params(text: str) -> tuple[tuple[str, str], ...]:
    """`;name=value` pairs, names in lower case, blanks around the signs dropped."""
    pairs: list[tuple[str, str]] = []
    for part in text.split(";"):
        name, _, value = part.partition("=")
        if name.strip():
            pairs.append((name.strip().lower(), value.strip()))
    return tuple(pairs)


def parse_uri(text: str) -> Uri | None:
    """A sip, sips or tel URI, None for anything else."""
    scheme, colon, rest = text.strip().partition(":")
    scheme = scheme.lower()
    if not colon or scheme not in ("sip", "sips", "tel"):
        return None
    rest = rest.partition("?")[0] if scheme != "tel" else rest
    if scheme == "tel":
        number, _, tail = rest.partition(";")
        return Uri(scheme, number, "", 0, parse_params(tail))
    user, _, where = rest.rpartition("@")
    found = _HOST_PORT.match(where)
    if not found or not found[1]:
        return None
    port = int(found[2] or 0)
    if port > 65535:
        return None
    return Uri(scheme, user, found[1].strip("[]"), port, parse_params(where.partition(";")[2]))


def target_uri(value: str) -> str:
    """The URI of a Contact or From value as it may stand in a request line, or ""."""
    uri = parse_name_addr(value).uri
    return uri if parse_uri(uri) and not any(mark in uri for mark in ' <>"') else ""


def parse_via(value: str) -> Via | None:
    """One Via value, None where it is none."""
    sent = _SENT.match(value.strip())
    if not sent:
        return None
    found = _HOST_PORT.match(sent[2])
    if not found or not found[1] or int(found[2] or 0) > 65535:
        return None
    return Via(sent[1].upper(), found[1], int(found[2] or 0), parse_params(sent[2].partition(";")[2]))


def bare_address(uri: str) -> str:
    """A URI as a Party carries it: without parameters, headers or password, printable, of bounded length."""
    parsed = parse_uri(uri)
    if parsed is None:
        return clean(uri.partition(";")[0].partition("?")[0])
    if parsed.scheme == "tel":
        return clean(f"tel:{parsed.user}")
    user = parsed.user.partition(":")[0].partition(";")[0]
    return clean(f"{parsed.scheme}:{user}@{parsed.host}" if user else f"{parsed.scheme}:{parsed.host}")


def user_part(address: str) -> str:
    """The user of a sip URI, the number of a tel URI, unescaped; or what stands before an at-sign."""
    parsed = parse_uri(address)
    return unquote(parsed.user if parsed else address.partition("@")[0])


def clean(text: str, limit: int = TEXT_LIMIT) -> str:
    """Text from the network as it may be stored: without control characters and stray bytes, at most `limit` long."""
    return _UNPRINTABLE.sub(" ", text).strip()[:limit]

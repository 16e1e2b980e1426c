"""What a line reads and writes in SDP (RFC 8866) that PJSUA2 does not show. Pure."""

_LABEL = "a=label:"


def labels(sdp: str) -> tuple[str, ...]:
    """The label (RFC 4574) of each m-line, "" where it has none."""
    found: list[str] = []
    for line in sdp.splitlines():
        if line.startswith("m="):
            found.append("")
        elif line.startswith(_LABEL) and found:
            found[-1] = line.removeprefix(_LABEL).strip()
    return tuple(found)


def with_labels(sdp: str, names: tuple[str, ...]) -> str:
    """`sdp` with each m-line labelled as its counterpart in `names`, its own labels replaced."""
    sections: list[list[str]] = [[]]
    for line in sdp.splitlines():
        if line.startswith("m="):
            sections.append([])
        if line and not line.startswith(_LABEL):
            sections[-1].append(line)
    for section, name in zip(sections[1:], names, strict=False):
        if name:
            section.append(_LABEL + name)
    return "".join(f"{line}\r\n" for section in sections for line in section)


def header(message: str, name: str) -> str:
    """The value of the first header `name` of a SIP message as text, or ""."""
    for line in message.partition("\r\n\r\n")[0].split("\r\n")[1:]:
        key, _, value = line.partition(":")
        if key.strip().lower() == name.lower():
            return value.strip()
    return ""

"""What draft-ietf-vcon-vcon-core-04 asks of a vCon in its unsigned form: our own transcription of its sections 2 and 4,
as its JSON schema may not be copied here. Only for what Callscribe writes: recordings and analyses."""

import re
from base64 import urlsafe_b64decode
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

Json = Mapping[str, Any]
Kinds = Mapping[str, type | tuple[type, ...]]

DOCUMENT = {"vcon": str, "uuid": str, "created_at": str, "parties": list, "dialog": list, "analysis": list}
PARTY = {"tel": str, "sip": str, "name": str, "validation": str}
DIALOG: Kinds = {
    "type": str, "start": str, "duration": (int, float), "parties": list, "originator": int, "mediatype": str,
    "filename": str, "url": str, "content_hash": str,
}  # fmt: skip
ANALYSIS: Kinds = {
    "type": str, "dialog": int, "mediatype": str, "vendor": str, "schema": str, "encoding": str,
    "body": (dict, list, str, int, float),
}  # fmt: skip


def check_vcon(document: Json) -> None:
    """Fails where the document is no vCon."""
    _check(document, DOCUMENT, required=("uuid", "created_at"))
    assert document["vcon"] == "0.4.0"
    UUID(document["uuid"])
    _check_time(document["created_at"])
    for party in document["parties"]:
        _check(party, PARTY)
    for dialog in document["dialog"]:
        _check_recording(dialog, len(document["parties"]))
    for analysis in document["analysis"]:
        _check(analysis, ANALYSIS, required=("type", "vendor", "body", "encoding"))
        assert 0 <= analysis["dialog"] < len(document["dialog"])
        # Section 2.3.2: with "json" the body is the JSON value itself; with the others it is a string.
        assert analysis["encoding"] == "json"
        assert isinstance(analysis["body"], dict), "the body of a transcript is an object"


def _check_recording(dialog: Json, parties: int) -> None:
    _check(dialog, DIALOG, required=("type", "start", "mediatype"))
    assert dialog["type"] == "recording"
    _check_time(dialog["start"])
    assert dialog.get("duration", 0) >= 0
    channels = [each if isinstance(each, list) else [each] for each in dialog["parties"]]
    assert all(0 <= index < parties for channel in channels for index in channel)
    if "originator" in dialog:
        first = channels[0][:1] if channels else []
        assert first != [dialog["originator"]], "it is told only where the first party is not the originator"
        assert 0 <= dialog["originator"] < parties
    if "url" in dialog:
        assert urlsplit(dialog["url"]).scheme == "https"
        assert "content_hash" in dialog, "what lies elsewhere has url and content_hash"
    if "content_hash" in dialog:
        sha512_of(dialog["content_hash"])


def sha512_of(content_hash: str) -> bytes:
    """The hash of a ContentHash (section 2.2). Fails where it is none of SHA-512."""
    found = re.fullmatch(r"sha512-([A-Za-z0-9_-]{86})", content_hash)
    assert found, content_hash
    return urlsafe_b64decode(found[1] + "==")


def _check(found: Json, known: Kinds, required: Collection[str] = ()) -> None:
    """What is not defined needs an extension's name, and Callscribe uses none."""
    assert set(required) <= set(found) <= set(known)
    for name, value in found.items():
        assert isinstance(value, known[name]), name
        assert not isinstance(value, bool), name


def _check_time(text: str) -> None:
    """RFC 3339."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text), text
    datetime.fromisoformat(text)

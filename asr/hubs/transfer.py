"""Bytes from a model hub: requests whose secrets stay with their host, downloads that go on where they broke off."""

import json
import time
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from asr.hubs import Address, HubFile, HubUnreachable

TIMEOUT_S = 20.0
"""Longest silence of a hub."""
ATTEMPTS = 3
"""Requests without a byte after which a hub has broken off."""
PAUSE_S = 1.0
"""Between two attempts."""
_BLOCK_BYTES = 1 << 16
_SECRETS = ("authorization", "cookie")
_RANGE_NOT_SATISFIABLE = 416
_SERVER_ERRORS = 500
_TOO_MANY_REQUESTS = 429


class _SecretsStay(HTTPRedirectHandler):
    """Follows redirects, to another host without what identifies the user: hubs keep large files at others' hosts."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None and urlsplit(newurl).netloc != urlsplit(req.full_url).netloc:
            for name in _SECRETS:
                request.remove_header(name.capitalize())
        return request


_opener = build_opener(_SecretsStay)


def read_json(address: Address) -> object:
    """What stands at an address. Raises HTTPError for a refusal, HubUnreachable where nothing usable is answered."""
    with closing(_open(address, {})) as response:
        try:
            answer: object = json.load(response)
        except (ValueError, OSError, HTTPException) as error:
            raise HubUnreachable(f"{_host(address)} answers something that is no JSON") from error
    return answer


def fetch(address: Address, file: HubFile, part: Path, received: Callable[[int], None]) -> None:
    """Bring `part` to the file's size, going on with what it holds; whether it is the right content is not looked at.

    `received` is told how many bytes more, or less, there are. Raises HTTPError for a refusal, HubUnreachable where
    ATTEMPTS requests in a row bring nothing, OSError where the disk does not take it.
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    part.touch()
    received(_held(part, file))
    in_vain = 0
    while (held := part.stat().st_size) < file.size:
        if in_vain:
            time.sleep(PAUSE_S)
        try:
            _go_on(address, file, part, received)
        except HubUnreachable:
            if in_vain == ATTEMPTS - 1:
                raise
        in_vain = 0 if part.stat().st_size > held else in_vain + 1
        if in_vain == ATTEMPTS:
            raise HubUnreachable(f"{_host(address)} broke off in {file.path}")


def _held(part: Path, file: HubFile) -> int:
    """Bytes of the file that are there already; what is longer than the file is none of it."""
    if part.stat().st_size > file.size:
        part.write_bytes(b"")
    return part.stat().st_size


def _go_on(address: Address, file: HubFile, part: Path, received: Callable[[int], None]) -> None:
    """One request for what is missing. Ends early, without an error, where the hub does."""
    offset = part.stat().st_size
    try:
        response = _open(address, {"Range": f"bytes={offset}-"} if offset else {})
    except HTTPError as error:
        if error.code != _RANGE_NOT_SATISFIABLE or not offset:
            raise
        part.write_bytes(b"")
        received(-offset)
        return
    with closing(response):
        if offset and not (response.headers.get("Content-Range") or "").startswith(f"bytes {offset}-"):
            part.write_bytes(b"")
            received(-offset)
        with part.open("ab") as sink:
            _copy(response, sink, file.size - sink.tell(), received)


def _copy(response: HTTPResponse, sink: IO[bytes], missing: int, received: Callable[[int], None]) -> None:
    while missing:
        try:
            # What has come is written at once, so that a killed download has it.
            block = response.read1(min(_BLOCK_BYTES, missing))
        except (OSError, HTTPException):
            return
        if not block:
            return
        sink.write(block)
        missing -= len(block)
        received(len(block))


def _open(address: Address, headers: dict[str, str]) -> HTTPResponse:
    """Raises HTTPError for a refusal, HubUnreachable where there is no answer or the hub says that it is in trouble."""
    request = Request(address.url, headers={**address.headers, "Accept-Encoding": "identity", **headers})
    try:
        response: HTTPResponse = _opener.open(request, timeout=TIMEOUT_S)
    except HTTPError as error:
        if error.code >= _SERVER_ERRORS or error.code == _TOO_MANY_REQUESTS:
            error.close()
            raise HubUnreachable(f"{_host(address)} answers with status {error.code}") from error
        raise
    except URLError as error:
        raise HubUnreachable(f"{_host(address)} does not answer ({error.reason})") from error
    except (OSError, HTTPException) as error:
        raise HubUnreachable(f"{_host(address)} does not answer ({error})") from error
    return response


def _host(address: Address) -> str:
    parts = urlsplit(address.url)
    return f"{parts.scheme}://{parts.netloc}"

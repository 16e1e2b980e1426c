"""A server of Azure's Universal Speech Protocol on this machine, with its refusals, and a made-up language in place of
a recogniser. Microsoft's own client takes it for Azure (`test_azure_sdk.py`)."""

import asyncio
import json
import struct
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from tests.asr.cloud.script import understood

KEY = "a-key-that-nobody-may-see"
PATH = "/speech/recognition/conversation/cognitiveservices/v1"
WORDS_A_PHRASE = 6
"""After which a phrase ends in the middle of a turn."""
WORD_TICKS = 5_000_000
"""Half a second."""


@dataclass(slots=True)
class Asked:
    """A turn as it was received."""

    connection: int
    query: dict[str, list[str]]
    context: dict[str, object]
    audio: bytes = b""
    """Without its header."""
    header: bytes = b""
    ended: bool = False
    gone: bool = False
    """Whether its connection was lost before its end."""
    telemetry: dict[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """What the next turn meets: the connection is closed, or, where there is a status, its phrase has that."""

    code: int = 1011
    reason: str = ""
    status: str = ""
    after_words: int = 0


@dataclass(slots=True)
class FakeAzure:
    """Serves from `start` to `stop`, on a free port."""

    key: str = KEY
    asked: list[Asked] = field(default_factory=list)
    refusals: list[HTTPStatus] = field(default_factory=list)
    """What the next connections are answered."""
    elsewhere: str = ""
    """Where the next connections are sent."""
    troubles: list[Trouble] = field(default_factory=list)
    slow: bool = False
    """Whether it takes audio and says nothing."""
    gathering: int = 0
    """Turns whose audio must have ended before any is answered."""
    figures: dict[str, str] = field(default_factory=dict)
    """What it writes in place of words."""
    language: str = ""
    """What it finds out, where it is to."""
    connections: int = 0
    open: int = 0
    violations: list[str] = field(default_factory=list)
    """What of the protocol a client did not keep."""
    _server: Server | None = None

    @property
    def endpoint(self) -> str:
        if self._server is None:
            raise RuntimeError("it does not run")
        return f"ws://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"

    async def start(self) -> None:
        self._server = await serve(
            self._serve, "127.0.0.1", 0, process_request=self._admit, subprotocols=[Subprotocol("USP")]
        )

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        if self.elsewhere:
            response = socket.respond(HTTPStatus.FOUND, "elsewhere\n")
            response.headers["Location"] = self.elsewhere
            return response
        if self.refusals:
            return socket.respond(self.refusals.pop(0), "refused\n")
        if request.headers.get("Ocp-Apim-Subscription-Key") != self.key:
            return socket.respond(HTTPStatus.UNAUTHORIZED, "Access denied due to invalid subscription key.\n")
        if urlsplit(request.path).path != PATH:
            return socket.respond(HTTPStatus.NOT_FOUND, "Resource not found\n")
        return None

    async def _serve(self, socket: ServerConnection) -> None:
        self.connections += 1
        self.open += 1
        number = self.connections
        try:
            await _Conversation(self, socket, number).run()
        except ConnectionClosed:
            pass
        finally:
            self.open -= 1
            for asked in self.asked:
                if asked.connection == number and not asked.ended:
                    asked.gone = True


class _Conversation:
    """One connection."""

    def __init__(self, server: FakeAzure, socket: ServerConnection, number: int) -> None:
        self._server, self._socket, self._number = server, socket, number
        self._query = parse_qs(urlsplit(socket.request.path if socket.request else "").query)
        self._turn = ""
        self._asked: Asked | None = None
        self._trouble: Trouble | None = None
        self._settled = 0
        self._shown = 0

    async def run(self) -> None:
        first = True
        async for message in self._socket:
            if isinstance(message, bytes):
                await self._hear(message)
                continue
            head, _, body = message.partition("\r\n\r\n")
            headers = _headers(head)
            self._expect(first == (headers.get("path") == "speech.config"), "speech.config comes first")
            self._expect("x-timestamp" in headers, "a message has a timestamp")
            first = False
            if headers.get("path") == "speech.context":
                self._begin(headers["x-requestid"], json.loads(body))
            elif headers.get("path") == "telemetry" and self._asked is not None:
                self._asked.telemetry = json.loads(body)

    def _begin(self, turn: str, context: dict[str, object]) -> None:
        self._turn, self._settled, self._shown = turn, 0, 0
        self._asked = Asked(self._number, self._query, context)
        self._trouble = self._server.troubles.pop(0) if self._server.troubles else None
        self._server.asked.append(self._asked)

    async def _hear(self, message: bytes) -> None:
        (size,) = struct.unpack(">H", message[:2])
        headers, pcm = _headers(message[2 : 2 + size].decode()), message[2 + size :]
        asked = self._asked
        self._expect(headers.get("path") == "audio", "a binary message is audio")
        self._expect(headers.get("x-requestid") == self._turn, "audio belongs to the turn that began last")
        if asked is None or asked.ended:
            self._expect(False, "audio comes after speech.context and before its end")
            return
        if not asked.header:
            self._expect(headers.get("content-type") == "audio/x-wav", "the first audio says what it is")
            asked.header, pcm = pcm[:44], pcm[44:]
            await self._send("turn.start", {"context": {"serviceTag": self._turn}})
        elif not pcm:
            asked.ended = True
        asked.audio += pcm
        await self._answer(asked)

    async def _answer(self, asked: Asked) -> None:
        words = understood(asked.audio)
        trouble = self._trouble
        if trouble is not None and (len(words) >= trouble.after_words or asked.ended):
            if not trouble.status:
                await self._socket.close(trouble.code, trouble.reason)
                return
            await self._send("speech.phrase", {"RecognitionStatus": trouble.status, "Offset": 0, "Duration": 0})
            await self._send("turn.end", {})
            return
        if self._server.slow:
            return
        if words and not self._shown:
            await self._send("speech.startDetected", {"Offset": 0})
        while len(words) - self._settled > WORDS_A_PHRASE:
            await self._say(words[self._settled : self._settled + WORDS_A_PHRASE])
        if len(words) > self._shown:
            self._shown = len(words)
            text = " ".join(words[self._settled :])
            await self._send("speech.hypothesis", {"Text": text, "Offset": 0, "Duration": 0, **self._found_out()})
        if asked.ended:
            while sum(each.ended for each in self._server.asked) < self._server.gathering:
                await asyncio.sleep(0.01)
            rest = words[self._settled :]
            if rest or not words:
                await self._say(rest)
            await self._send("speech.endDetected", {"Offset": len(words) * WORD_TICKS})
            await self._send("turn.end", {})

    async def _say(self, words: list[str]) -> None:
        """A phrase of words, with all that the detailed form has; none: nothing was said."""
        offset, duration = self._settled * WORD_TICKS, len(words) * WORD_TICKS
        body: dict[str, object] = {"Id": self._turn, "Offset": offset, "Duration": duration}
        if not words:
            await self._send("speech.phrase", body | {"RecognitionStatus": "InitialSilenceTimeout"})
            return
        lexical = " ".join(words)
        written = [self._server.figures.get(word, word) for word in words]
        display = " ".join(written)
        display = f"{display[:1].upper()}{display[1:]}."
        times = [
            {
                "Word": word,
                "Offset": offset + number * WORD_TICKS,
                "Duration": WORD_TICKS - 100_000,
                "Confidence": 0.875,
            }
            for number, word in enumerate(words)
        ]
        best = {"Confidence": 0.9, "Lexical": lexical, "ITN": " ".join(written), "MaskedITN": " ".join(written)}
        best |= {"Display": display, "Words": times}
        body |= {"RecognitionStatus": "Success", "DisplayText": display, "NBest": [best], **self._found_out()}
        self._settled += len(words)
        await self._send("speech.phrase", body)

    def _found_out(self) -> dict[str, object]:
        asked = self._asked
        if asked is None or "languageId" not in asked.context or not self._server.language:
            return {}
        return {"PrimaryLanguage": {"Language": self._server.language, "Confidence": "High"}}

    async def _send(self, path: str, body: dict[str, object]) -> None:
        headers = f"X-RequestId:{self._turn}\r\nContent-Type:application/json; charset=utf-8\r\nPath:{path}\r\n"
        await self._socket.send(f"{headers}\r\n{json.dumps(body)}")

    def _expect(self, kept: bool, rule: str) -> None:
        if not kept:
            self._server.violations.append(rule)


def _headers(text: str) -> dict[str, str]:
    lines = (line.partition(":") for line in text.split("\r\n") if line)
    return {name.lower(): value.strip() for name, _, value in lines}

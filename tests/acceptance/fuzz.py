"""Seeded noise for a SIP port: messages that were right once, broken in a few places, and plain rubbish."""

import contextlib
import random
import socket
import time

from tests.acceptance import siprec
from tests.acceptance.raw_sip import AUDIO_OFFER, Asked, farewell, parse_reply

RUBBISH = 0.2
"""Share of datagrams that never were a message."""
METHODS = ("OPTIONS", "BYE", "CANCEL", "ACK", "UPDATE", "INFO", "PRACK", "REGISTER", "SUBSCRIBE", "REFER", "NOTIFY")
ODD = (b"\0", b"\r\n", b"\r\n\r\n", b"%s%n", b"4294967296", b"-1", b"\xff\xfe", b"<", b'"', b";", b"a" * 3000)


class Fuzz:
    """Sends from one UDP socket. What a service takes for a call all the same is hung up, so that none stays behind."""

    def __init__(self, port: int, seed: int) -> None:
        self._random = random.Random(seed)
        self._target = port
        self.sent = 0
        self.answers = 0

    def run(self, seconds: float, pause_s: float = 0.002) -> None:
        """Send for so long."""
        end = time.monotonic() + seconds
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.connect(("127.0.0.1", self._target))
            own.setblocking(False)
            port = int(own.getsockname()[1])
            while time.monotonic() < end:
                own.send(self._datagram(port))
                self.sent += 1
                self._hear(own, port)
                time.sleep(pause_s)
            time.sleep(0.5)
            self._hear(own, port)

    def _datagram(self, port: int) -> bytes:
        chance = self._random
        if chance.random() < RUBBISH:
            return chance.randbytes(chance.randrange(1, 1400))
        data = bytearray(self._message().data(chance.choice(("UDP", "TCP")), port))
        for _ in range(chance.randrange(1, 6)):
            self._break(data)
        return bytes(data[:60_000])

    def _message(self) -> Asked:
        chance = self._random
        name = f"fuzz-{self._target}-{self.sent}"
        if chance.random() < 0.5:
            return Asked(chance.choice(METHODS), call=name, to=chance.choice(("<sip:a@b>", "<sip:a@b>;tag=1")))
        if chance.random() < 0.5:
            return Asked(body=AUDIO_OFFER.format(port=40000), call=name)
        body = siprec.multipart(siprec.offer((40000, 40002))).replace("\n", "\r\n")
        return Asked(body=body, content_type=siprec.CONTENT_TYPE, headers={"Require": "siprec"}, call=name)

    def _break(self, data: bytearray) -> None:
        chance = self._random
        at = chance.randrange(len(data) + 1)
        length = chance.randrange(1, 40)
        match chance.randrange(6):
            case 0:
                data[at : at + 1] = chance.randbytes(1)
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = data[at : at + length * 10]
            case 3:
                data[at:at] = chance.choice(ODD)
            case 4:
                del data[at:]
            case _:
                lines = data.split(b"\r\n")
                chance.shuffle(lines)
                data[:] = b"\r\n".join(lines)

    def _hear(self, own: socket.socket, port: int) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            while True:
                reply = parse_reply(own.recv(65536).decode(errors="replace"))
                self.answers += reply is not None
                if reply and reply.status == 200 and "INVITE" in reply.header("CSeq"):
                    for asked in farewell(reply):
                        own.send(asked.data("UDP", port))

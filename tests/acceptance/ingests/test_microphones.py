"""Calls whose audio comes by UDP or from a browser: what Chromium and Asterisk's externalMedia really send."""

import asyncio
import json
import random
import socket
import struct
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.acceptance.service import Json, RunningService, wait_for
from tests.acceptance.speech import RATE, Excerpt, excerpt, mu_law, write_wav
from tests.acceptance.transcripts import assert_nothing_twice, spoken
from tests.console.browser import Browser, chromium, require_chromium
from tests.live.ingest.peers import require_address
from tests.wer import word_error_rate

LIMIT = 0.15
"""Errors per word."""
AGENT = 0
PACKET = 160
"""Samples of 20 ms."""
LEAD_S = 3
"""Silence before the speech: so long may pass until the browser's sound is listened to."""


def speech() -> Excerpt:
    return excerpt(1)


def assert_understood(node: RunningService, call: Json, limit: float = LIMIT) -> None:
    heard = spoken(node, call["id"], 0)
    assert word_error_rate([speech().texts[AGENT]], [heard]) <= limit, heard
    assert_nothing_twice(node, call["id"])


@contextmanager
def page(node: RunningService, folder: Path) -> Iterator[Browser]:
    """The page with a microphone, before which the agent speaks once."""
    require_chromium()
    wav = write_wav(folder / "agent.wav", np.pad(speech().channels[AGENT], (LEAD_S * RATE, 0)))
    switches = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={wav}%noloop",
    )
    with chromium(folder / "profile", *switches) as browser:
        browser.open(f"http://127.0.0.1:{node.ingest_http_port}/")
        browser.one("[name=caller]").send_keys("1001")
        yield browser


def speak(browser: Browser, way: str) -> None:
    browser.one(f"[value={way}]").click()
    browser.one("[name=start]").click()


def stop(node: RunningService, browser: Browser) -> Json:
    """The call, once the agent has said all and the page has ended it."""
    name = browser.one("output[name=call]").text
    time.sleep(LEAD_S + speech().seconds + 2)
    browser.one("[name=stop]").click()
    browser.until_texts("[role=status]", ["ended"])
    call = node.wait_call(name)
    assert (call["dialect"], call["trunk"], call["end_reason"]) == ("browser", "calls", "bye")
    assert (call["caller"]["address"], call["channels"][0]["codec"]) == ("tel:1001", "opus")
    assert call["channels"][0]["role"] == "agent"
    assert browser.complaints() == []
    return call


@pytest.mark.acceptance
@pytest.mark.browser
def test_a_browser_s_microphone_is_understood_over_webrtc(node: RunningService, tmp_path: Path) -> None:
    require_address()
    with page(node, tmp_path) as browser:
        speak(browser, "webrtc")
        browser.until_texts("[role=status]", ["WebRTC: connected"])
        call = stop(node, browser)
    assert_understood(node, call)


@pytest.mark.acceptance
@pytest.mark.browser
def test_a_recorder_s_webm_is_understood_though_its_socket_was_lost(node: RunningService, tmp_path: Path) -> None:
    with page(node, tmp_path) as browser, Relay(node.ingest_port) as relay:
        browser.run("document.querySelector('main').dataset.websocketPort = arguments[0]", str(relay.port))
        speak(browser, "websocket")
        browser.until_texts("[role=status]", ["WebSocket: started"])
        time.sleep(LEAD_S + 2)
        relay.cut()
        call = stop(node, browser)
        assert relay.connections == 2
    assert_understood(node, call)
    assert call["duration_ms"] < (speech().seconds + 40) * 1000


class Relay:
    """Passes TCP connections on to a port of loopback, until they are cut."""

    def __init__(self, port: int) -> None:
        self.connections = 0
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def __enter__(self) -> "Relay":
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self.cut()
        for thread in self._threads:
            thread.join()
        for each in (self._listener, *self._open):
            each.close()

    def cut(self) -> None:
        """Tear every connection."""
        for each in self._open:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            far = socket.create_connection(("127.0.0.1", self._target))
            self._open += [near, far]
            for source, sink in ((near, far), (far, near)):
                self._threads.append(threading.Thread(target=_pump, args=(source, sink)))
                self._threads[-1].start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while piece := source.recv(1 << 16):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def announce(node: RunningService, **plan: str) -> tuple[tuple[str, int], str]:
    """Where RTP is to be sent, and what ends its call."""
    asked = urllib.request.Request(
        f"http://127.0.0.1:{node.ingest_http_port}/rtp", json.dumps(plan).encode(), method="POST"
    )
    with urllib.request.urlopen(asked, timeout=5) as answer:
        host, _, port = json.load(answer)["external_host"].rpartition(":")
        return (host, int(port)), f"http://127.0.0.1:{node.ingest_http_port}{answer.headers['Location']}"


async def send_external_media(target: tuple[str, int], audio: bytes) -> None:
    """As Asterisk sends mu-law, in the time it takes: some packets lost, late or double, another source from the middle
    on, and a stranger beside it."""
    loop, chance = asyncio.get_running_loop(), random.Random(5)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
    ):
        peer.bind(("127.0.0.1", 0))
        stranger.bind(("127.0.0.5", 0))
        began, count, late = loop.time(), len(audio) // PACKET, b""
        for number in range(count):
            source = (0x1234, 77_000) if number < count // 2 else (0x9999, 1_000_000)
            header = struct.pack(">BBHII", 0x80, 0, number, source[1] + number * PACKET, source[0])
            packet = header + audio[number * PACKET : (number + 1) * PACKET]
            stranger.sendto(packet[:12] + bytes(PACKET), target)
            if number % 50 == 20:
                late = packet
            elif number % 50 != 40:
                peer.sendto(packet, target)
            if number % 50 == 22:
                peer.sendto(late, target)
            if chance.random() < 0.05:
                peer.sendto(packet, target)
            await asyncio.sleep(max(0.0, began + (number + 1) * 0.02 - loop.time()))


@pytest.mark.acceptance
async def test_external_media_of_asterisk_is_understood_though_its_network_is_bad(node: RunningService) -> None:
    channel = f"{time.time():.6f}.7"
    plan = {"id": channel, "format": "ulaw", "caller": "1001", "callee": "2002"}
    target, location = await asyncio.to_thread(announce, node, **plan)
    await send_external_media(target, mu_law(speech().channels[AGENT]))
    ending = urllib.request.Request(location, method="DELETE")
    with await asyncio.to_thread(urllib.request.urlopen, ending, timeout=5) as ended:
        assert ended.status == 200
    call = await asyncio.to_thread(node.wait_call, channel)
    assert (call["dialect"], call["trunk"], call["end_reason"]) == ("asterisk", "calls", "bye")
    assert (call["caller"]["address"], call["callee"]["address"]) == ("tel:1001", "tel:2002")
    assert (call["channels"][0]["role"], call["channels"][0]["codec"]) == ("agent", "PCMU")
    assert_understood(node, call, limit=0.25)
    assert abs(call["duration_ms"] / 1000 - speech().seconds) < 1
    strange = "callscribe_ingest_http_packets_strange"
    await asyncio.to_thread(wait_for, lambda: node.counter(strange) > 100, "strangers' packets")


@pytest.mark.acceptance
@pytest.mark.parametrize("path", ["/whip", "/rtp"])
def test_a_page_of_another_host_may_announce_nothing(node: RunningService, path: str) -> None:
    asked = urllib.request.Request(
        f"http://127.0.0.1:{node.ingest_http_port}{path}", b"{}", {"Origin": "https://evil.example"}, method="POST"
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(asked, timeout=5)
    refused.value.close()
    assert refused.value.code == 403

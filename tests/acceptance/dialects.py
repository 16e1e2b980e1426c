"""Recording clients of all dialects, played against a running service: by hand where they speak, else by sipp."""

import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.acceptance.raw_sip import RawPeer, Reply, parse_reply
from tests.acceptance.rtp import RtpSender
from tests.acceptance.sipp import Sipp, launch
from tests.acceptance.speech import Excerpt, mu_law
from tests.peers import require
from tests.telephony.dialects.fixture import Dialog, Fixture, Place, Turn, request
from tests.telephony.dialects.scenarios import scenario

SETTLING_S = 0.3
"""Between the turns of a dialog."""
RTP_PORTS = 3
_PATIENCE = ("-default_behaviors", "all,-abortunexp", "-pause_msg_ign", "-recv_timeout", "20000")
"""sipp passes over copies of answers, which a busy machine makes."""


@dataclass(slots=True)
class Outcome:
    """A dialog that was played, and what came back."""

    fixture: Fixture
    dialog: Dialog
    call_id: str
    """SIP Call-ID."""
    replies: list[Reply] = field(default_factory=list)
    """To each turn, then to the BYE."""


class Client:
    """One recording client with one dialog."""

    def __init__(self, outcome: Outcome, port: int) -> None:
        self.outcome = outcome
        self._peer = RawPeer("UDP", port)
        self._sender = RtpSender(RTP_PORTS)
        self._place = Place("127.0.0.1", self._peer.port, tuple(self._sender.ports), outcome.call_id)
        self._to = "<sip:srs@example.com>"
        self._target = ""
        self._cseq = 0

    def play(self, speech: Excerpt | None) -> None:
        """Every turn, the speech from the first answer on, and BYE."""
        dialog = self.outcome.dialog
        for number, turn in enumerate(dialog.turns):
            reply = self._ask(turn)
            if number == 0 and speech and reply.status == 200:
                self._speak(speech, reply)
            time.sleep(SETTLING_S)
        if speech:
            self._sender.wait()
        self._ask(Turn(method="BYE"))

    def close(self) -> None:
        self._sender.close()
        self._peer.close()

    def _ask(self, turn: Turn) -> Reply:
        self._cseq += 1
        self._peer.send(request(turn, self._place, self._cseq, self._to, self._target))
        reply = self._peer.final(self.outcome.call_id, self._cseq, 15.0)
        self.outcome.replies.append(reply)
        self._to = reply.header("To")
        if contact := re.search(r"<([^>]+)>", reply.header("Contact")):
            self._target = contact[1]
        if turn.method == "INVITE":
            sender = self.outcome.dialog.turns[0].headers.get("From")
            acknowledgement = Turn(turn.ack, method="ACK", headers={"From": sender} if sender else {})
            self._peer.send(request(acknowledgement, self._place, self._cseq, self._to, self._target))
        return reply

    def _speak(self, speech: Excerpt, reply: Reply) -> None:
        """Each m-line its party; -1 is everybody at once."""
        ports = [port for port in reply.audio_ports if port]
        everybody = np.add(*(channel // 2 for channel in speech.channels))
        spoken = [everybody if who < 0 else speech.channels[who] for who in self.outcome.dialog.speech]
        self._sender.start(ports, [mu_law(channel) for channel in spoken[: len(ports)]])


def play_all(fixtures: Sequence[Fixture], port: int, speech: Excerpt | None, run: str) -> list[Outcome]:
    """Play every dialog of the fixtures at once; those of one fixture begin in order, a moment apart."""
    outcomes = [outcome for fixture in fixtures for outcome in _outcomes(fixture, run)]
    clients = [Client(outcome, port) for outcome in outcomes]
    threads = [threading.Thread(target=client.play, args=(speech,)) for client in clients]
    try:
        for thread in threads:
            thread.start()
            time.sleep(0.1)
        for thread in threads:
            thread.join()
    finally:
        for client in clients:
            client.close()
    return outcomes


def play_by_sipp(fixture: Fixture, port: int, folder: Path, run: str) -> list[Outcome]:
    """The same of one fixture without speech; sipp ends well only where every answer is 200."""
    outcomes = _outcomes(fixture, run)
    players = []
    for outcome in outcomes:
        # Without -p sipp takes the first port that it can bind: several start at once.
        place = ("-i", "127.0.0.1", "-mi", "127.0.0.1")
        command = (require("sipp"), f"127.0.0.1:{port}", *place, "-m", "1", "-cid_str", outcome.call_id, *_PATIENCE)
        players.append(launch(command, scenario(fixture.title, outcome.dialog), folder))
        time.sleep(0.1)
    for outcome, player in zip(outcomes, players, strict=True):
        assert player.wait(60) == 0, f"{outcome.call_id}: {player.errors}"
        outcome.replies = _replies(player)
    return outcomes


def _outcomes(fixture: Fixture, run: str) -> list[Outcome]:
    return [Outcome(fixture, dialog, f"{run}-{fixture.code}-{number}") for number, dialog in enumerate(fixture.dialogs)]


def _replies(player: Sipp) -> list[Reply]:
    """The final responses that sipp was sent, one of each request."""
    received = re.findall(r"message received \[\d+\] bytes :\n\n(.*?)(?=\n-{20,}|\Z)", player.messages, re.DOTALL)
    replies = [reply for text in received if (reply := parse_reply(text.replace("\n", "\r\n")))]
    final = {reply.header("CSeq"): reply for reply in replies if reply.status >= 200}
    return list(final.values())

"""What came of a round's calls: every utterance and every second of audio, by what was said and what was told."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from tests.acceptance.service import Json, wait_for
from tests.acceptance.speech import RATE
from tests.acceptance.transcripts import jobs_done, utterances
from tests.chaos.caller import Caller
from tests.chaos.installation import Installation
from tests.chaos.plan import NODE_ENDS, Kind
from tests.chaos.sound import compare
from tests.chaos.words import misheard
from tests.keys import PACKET_SAMPLES

LAG = RATE // 5
"""Samples by which what is on disk may be behind what came as RTP."""
OVER_S = 180.0
JOBS_S = 300.0
ENDS = {
    Kind.NODE: {"interrupted"},
    Kind.REBOOT: {"interrupted"},
    Kind.SERVE: {"interrupted", "drained"},
    Kind.LINE: {"line-lost"},
}
"""How calls end by what was killed."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A strike that a call may not have outlived."""

    kind: Kind
    sent: int
    """Samples that had been sent of it; -1 where it was not answered yet."""
    late: int
    """Samples by which the machine was late for everybody."""


@dataclass(slots=True)
class Account:
    """Sums of one round or many, and what is wrong."""

    calls: int = 0
    unanswered: int = 0
    """Calls that found nobody in."""
    ends: Counter[str] = field(default_factory=Counter)
    utterances: int = 0
    told_again: int = 0
    """Finals that a subscriber was told, and told anew with other bounds after a node had died before they were on
    disk."""
    sent_s: float = 0.0
    """Seconds of audio, of all channels, up to where calls ended or were cut off."""
    lost_s: float = 0.0
    """Of it, those that came to no recording before its end."""
    behind_ms: list[float] = field(default_factory=list)
    """Of each channel that was cut off: how much of what had been sent is missing at its end."""
    faults: list[str] = field(default_factory=list)

    def add(self, other: "Account") -> None:
        self.calls += other.calls
        self.unanswered += other.unanswered
        self.ends += other.ends
        self.utterances += other.utterances
        self.told_again += other.told_again
        self.sent_s += other.sent_s
        self.lost_s += other.lost_s
        self.behind_ms += other.behind_ms
        self.faults += other.faults


@dataclass(slots=True)
class CallAudit:
    """Looks at one call that was answered."""

    caller: Caller
    cuts: Sequence[Cut]
    installation: Installation
    account: Account
    call: Json = field(default_factory=dict)

    def run(self) -> None:
        service = self.installation.service
        found = wait_for(lambda: self._over() or self._forgotten(), "the end of a call", OVER_S, every_s=0.5)
        if "id" not in found:
            return
        self.call = found
        self.account.calls += 1
        self.account.ends[self.call["end_reason"]] += 1
        wait_for(lambda: jobs_done(service, self.call["id"]), f"the jobs of {self._name}", JOBS_S, every_s=0.5)
        cut = self._cut()
        self._check_end(cut)
        end = cut.sent if cut else len(self.caller.speech.channels[0])
        self._check_audio(end, cut)
        self._check_words(end, cut)
        self._check_told(cut)

    @property
    def _name(self) -> str:
        return f"call {self.call.get('id', self.caller.sip_call_id)}"

    def _fault(self, what: str) -> None:
        self.account.faults.append(f"{self._name} ({self.call.get('end_reason', '')}): {what}")

    def _over(self) -> Json | None:
        call = self.installation.find_call(self.caller.sip_call_id)
        return call if call and call["state"] != "active" else None

    def _forgotten(self) -> Json | None:
        """A call that was answered so shortly before its node's end that nothing of it need be known."""
        young = any(cut.kind in NODE_ENDS and 0 <= cut.sent <= LAG for cut in self.cuts)
        known = self.installation.find_call(self.caller.sip_call_id)
        return {"never": "known"} if young and not known and not self.installation.journal_left()["entries"] else None

    def _cut(self) -> Cut | None:
        """The strike that ended it."""
        fitting = [cut for cut in self.cuts if cut.sent >= 0 and self.call["end_reason"] in ENDS[cut.kind]]
        return fitting[0] if fitting else None

    def _check_end(self, cut: Cut | None) -> None:
        over = [one for one in self.cuts if one.kind in NODE_ENDS and one.sent >= 0]
        if cut is None and self.call["end_reason"] != "bye":
            self._fault("nothing had ended it")
        if cut is None and self.caller.status != 0 and not over:
            self._fault(f"its client ended with {self.caller.status}")

    def _check_audio(self, end: int, cut: Cut | None) -> None:
        recorded = self.installation.recorded(self.call["id"])
        for channel, sent in enumerate(self.caller.speech.channels):
            found = compare(sent[:end], recorded[channel] if recorded else None)
            self.account.sent_s += end / RATE
            self.account.lost_s += (found.missing - found.behind) / RATE
            if cut:
                self.account.behind_ms.append(1000 * found.behind / RATE)
            # A line's jitter buffer gives a packet out when the next one comes: the last stays there.
            bound = LAG + cut.late if cut else PACKET_SAMPLES
            if found.behind > bound or found.hole > LAG or found.twice:
                self._fault(f"channel {channel} of {end / RATE:.2f} s is not recorded as it was sent: {found}")

    def _check_words(self, end: int, cut: Cut | None) -> None:
        stored = utterances(self.installation.service, self.call["id"])
        self.account.utterances += len(stored)
        for channel in range(2):
            ours = [said for said in stored if said["channel"] == channel]
            if complaint := misheard(self.caller.turns, channel, end if cut else None, ours):
                self._fault(f"channel {channel}: {complaint}")

    def _check_told(self, cut: Cut | None) -> None:
        listener = self.caller.listener
        assert listener is not None
        if not listener.over.wait(60):
            self._fault("its subscriber was never told the end")
        stored = {said["utterance_id"]: said for said in utterances(self.installation.service, self.call["id"])}
        told = {event["utterance_id"]: event for event in listener.finals}
        if len(told) < len(listener.finals):
            self._fault("a subscriber was told a final twice")
        for missing in stored.keys() - told.keys():
            self._fault(f"a subscriber was not told {missing}")
        for gone in told.keys() - stored.keys():
            self._explain(told[gone], list(stored.values()), cut)
        ours = {UUID(name) for name in told} & self.installation.journaled
        for lost in ours - {UUID(name) for name in stored}:
            self._fault(f"what the journal had never came to the database: {lost}")

    def _explain(self, told: Json, stored: Sequence[Json], cut: Cut | None) -> None:
        """A final that was told and is not stored: its node died before it was on disk, and it was decoded anew."""
        same = [said for said in stored if said["channel"] == told["channel"] and _overlap(said, told) > 0]
        if cut is not None and cut.kind in NODE_ENDS and same:
            self.account.told_again += 1
        else:
            self._fault(f"a subscriber was told {told['utterance_id']}, which is not stored")


def _overlap(one: Json, other: Json) -> int:
    return int(min(one["end_ms"], other["end_ms"]) - max(one["start_ms"], other["start_ms"]))


def account_for(caller: Caller, cuts: Sequence[Cut], installation: Installation, account: Account) -> None:
    """Add what came of a call."""
    if caller.sip_call_id:
        CallAudit(caller, cuts, installation, account).run()
        return
    account.unanswered += 1
    if not any(cut.kind in NODE_ENDS for cut in cuts):
        account.faults.append("a call was not answered")

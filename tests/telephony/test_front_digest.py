"""Digest authentication of callers: what is let in, and what is not let in twice."""

import pytest

from telephony.front.digest import NONCE_LIFE_S, Answer, Digest, Verdict
from telephony.sip.digest import Challenge, Credentials, prove, read_challenge, response
from telephony.sip.headers import Headers
from telephony.sip.message import Request

WHO = Credentials("trunk-1", "s3cret")
ALGORITHMS = ("SHA-256", "MD5")
URI = "sip:scribe@198.51.100.1"
HOST = "192.0.2.10"


class Bench:
    """A server and its clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.digest = Digest(lambda: self.now)

    def challenge(self, algorithm: str = "SHA-256") -> Challenge:
        asked = [read_challenge(value) for value in self.digest.challenges(ALGORITHMS, HOST, stale=False)]
        return next(challenge for challenge in asked if challenge and challenge.algorithm == algorithm)

    def answer(self, *authorizations: str, algorithms: tuple[str, ...] = ALGORITHMS) -> Answer | None:
        fields = tuple(("authorization", value) for value in authorizations)
        return self.digest.answer(Request("INVITE", URI, Headers(fields)), WHO.username, algorithms)

    def check(self, *authorizations: str) -> Verdict:
        """Of an answer to a nonce of ours."""
        answer = self.answer(*authorizations)
        assert answer is not None
        assert self.digest.gave(answer, HOST)
        return self.digest.check("INVITE", answer, WHO)


def counted(challenge: Challenge, count: int, who: Credentials = WHO) -> str:
    """An Authorization value with this nonce count."""
    number = f"{count:08x}"
    made = response(challenge, who, ("INVITE", URI), "c", number)
    return (
        f'Digest username="{who.username}", realm="{challenge.realm}", nonce="{challenge.nonce}", uri="{URI}", '
        f'algorithm={challenge.algorithm}, qop=auth, nc={number}, cnonce="c", response="{made}"'
    )


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_the_right_password_is_let_in_by_either_algorithm(algorithm: str) -> None:
    bench = Bench()
    assert bench.check(prove(bench.challenge(algorithm), WHO, "INVITE", URI, "c")) is Verdict.RIGHT


def test_the_better_algorithm_is_asked_for_first() -> None:
    values = Bench().digest.challenges(ALGORITHMS, HOST, stale=True)
    assert ["algorithm=SHA-256" in values[0], "algorithm=MD5" in values[1]] == [True, True]
    assert all(value.endswith('qop="auth", stale=true') for value in values)


def test_an_algorithm_that_a_trunk_does_not_take_is_as_none() -> None:
    bench = Bench()
    assert bench.answer(counted(bench.challenge("MD5"), 1), algorithms=("SHA-256",)) is None


def test_a_wrong_password_or_method_is_wrong() -> None:
    bench = Bench()
    challenge = bench.challenge()
    assert bench.check(prove(challenge, Credentials("trunk-1", "guess"), "INVITE", URI, "c")) is Verdict.WRONG
    assert bench.check(prove(challenge, WHO, "BYE", URI, "c")) is Verdict.WRONG


def test_what_was_used_before_is_stale_and_a_higher_count_is_not() -> None:
    bench = Bench()
    challenge = bench.challenge()
    assert [bench.check(counted(challenge, count)) for count in (1, 1, 2, 5, 4)] == [
        Verdict.RIGHT, Verdict.STALE, Verdict.RIGHT, Verdict.RIGHT, Verdict.STALE,
    ]  # fmt: skip


def test_without_a_count_a_nonce_serves_once() -> None:
    bench = Bench()
    asked = bench.challenge()
    answer = prove(Challenge(asked.realm, asked.nonce, asked.algorithm), WHO, "INVITE", URI, "c")
    assert [bench.check(answer), bench.check(answer)] == [Verdict.RIGHT, Verdict.STALE]


def test_a_nonce_that_is_old_is_stale() -> None:
    bench = Bench()
    answer = counted(bench.challenge(), 1)
    bench.now += NONCE_LIFE_S + 1
    assert bench.check(answer) is Verdict.STALE


def test_a_nonce_of_another_process_or_host_or_that_is_made_up_is_not_ours() -> None:
    bench = Bench()
    ours = bench.answer(counted(bench.challenge(), 1))
    assert ours is not None
    assert bench.digest.gave(ours, HOST)
    assert not bench.digest.gave(ours, "192.0.2.11")
    made_up = [Challenge("callscribe", nonce, "MD5", True) for nonce in ("", "f" * 42, "x" * 42)]
    for challenge in (Bench().challenge(), *made_up):
        other = bench.answer(counted(challenge, 1))
        assert other is not None
        assert not bench.digest.gave(other, HOST)


def test_what_is_not_for_us_or_cannot_be_read_is_as_none() -> None:
    bench = Bench()
    challenge = bench.challenge()
    good = counted(challenge, 1)
    for other in ("Basic QWxhZGRpbg==", "Digest", "Digest ,,=", good.replace("callscribe", "asterisk"),
                  good.replace("SHA-256", "SHA-1"), good.replace("nc=00000001", "nc=1"),
                  good.replace("qop=auth", "qop=auth-int")):  # fmt: skip
        assert bench.answer(other) is None
    assert bench.answer() is None
    assert bench.answer(counted(challenge, 1, Credentials("trunk-2", "s3cret"))) is None
    assert bench.check("Basic x", good) is Verdict.RIGHT


def test_bytes_that_are_no_text_are_nobodys_name_and_no_nonce() -> None:
    bench = Bench()
    good = counted(bench.challenge(), 1)
    assert bench.answer(good.replace("trunk-1", "\udcff\udc80")) is None
    odd = bench.answer(good.replace('nonce="', 'nonce="\udcff'))
    assert odd is not None
    assert not bench.digest.gave(odd, HOST)

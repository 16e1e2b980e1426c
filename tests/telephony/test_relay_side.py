"""Whom a relayed call's side hears, and where it sends to."""

from telephony.relay.side import PAUSE_S, Side

PARTY, NEIGHBOR, NAT, STRANGER = (
    ("192.0.2.1", 4000),
    ("192.0.2.1", 4002),
    ("203.0.113.5", 61234),
    ("198.51.100.9", 4000),
)
SSRC, OTHER = b"\0\0\0\7", b"\0\0\0\x08"


def aimed() -> Side:
    side = Side()
    side.aim(PARTY, 4001, NAT[0])
    return side


def test_a_stranger_gets_nothing_however_long_the_party_is_silent() -> None:
    side = aimed()
    assert not side.admits(STRANGER, SSRC, 0)
    assert side.admits(PARTY, SSRC, 0)
    assert not any(side.admits(STRANGER, OTHER, second) for second in range(100))
    assert side.target == PARTY


def test_before_anything_was_heard_the_hosts_of_sdp_and_signaling_are_let_in() -> None:
    assert aimed().admits(NEIGHBOR, SSRC, 0)
    side = aimed()
    assert side.target == PARTY
    assert side.admits(NAT, SSRC, 0)
    assert (side.target, side.rtcp_target) == (NAT, (NAT[0], NAT[1] + 1))


def test_the_declared_address_is_heard_whoever_was_before() -> None:
    side = aimed()
    assert side.admits(NAT, SSRC, 0)
    assert side.admits(PARTY, OTHER, 0.01)
    assert not side.admits(NAT, SSRC, 0.02)
    assert (side.target, side.rtcp_target) == (PARTY, (PARTY[0], 4001))


def test_a_party_that_moved_is_known_by_its_ssrc_after_a_pause() -> None:
    side, moved = aimed(), (STRANGER[0], 7000)
    assert side.admits(NAT, SSRC, 0)
    assert not side.admits(moved, SSRC, PAUSE_S / 2)
    assert not side.admits(moved, OTHER, PAUSE_S)
    assert side.admits(moved, SSRC, PAUSE_S)
    assert side.target == moved


def test_what_is_sent_never_leaves_a_declared_address_that_was_heard() -> None:
    side = aimed()
    assert side.admits(PARTY, SSRC, 0)
    assert side.admits(NAT, SSRC, PAUSE_S)
    assert side.target == PARTY


def test_a_new_address_is_followed_anew_and_the_same_one_on() -> None:
    side = aimed()
    assert side.admits(NAT, SSRC, 0)
    side.aim(PARTY, 4001, NAT[0])
    assert side.target == NAT
    side.aim(STRANGER, 4001)
    assert side.target == STRANGER
    assert side.admits(STRANGER, OTHER, 0.01)


def test_a_party_that_wants_nothing_gets_nothing_and_is_not_heard() -> None:
    side = aimed()
    assert side.admits(PARTY, SSRC, 0)
    side.aim(None, 0)
    assert not side.admits(PARTY, SSRC, 0.02)
    assert side.target is None
    assert side.rtcp_target is None


def test_there_is_no_rtcp_port_after_the_last_one() -> None:
    side = aimed()
    assert side.admits((NAT[0], 65535), SSRC, 0)
    assert side.rtcp_target is None

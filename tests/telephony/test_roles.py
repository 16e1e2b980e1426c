"""The role rule."""

import pytest

from callscribe.domain.call import Channel, Party, Role
from telephony.roles import PlainEnds, with_roles
from telephony.settings import RoleRule

AGENT = Party("sip:1001@agents.example.com", "Ann")
CUSTOMER = Party("tel:+15551234")


def roles(rule: RoleRule, *channels: Channel, ends: PlainEnds | None = None) -> list[Role]:
    return [channel.role for channel in with_roles(channels, rule, ends)]


def test_a_label_names_the_agent_and_leaves_the_customer() -> None:
    rule = RoleRule(agent_labels=("2",))
    assert roles(rule, Channel(0, "1"), Channel(1, "2")) == [Role.CUSTOMER, Role.AGENT]


@pytest.mark.parametrize("pattern", ["1???", "*@agents.example.com", "sip:1001@*", "1001@agents.example.com"])
def test_an_address_pattern_names_the_agent(pattern: str) -> None:
    rule = RoleRule(agent_addresses=(pattern,))
    channels = (Channel(0, "1", party=CUSTOMER), Channel(1, "2", party=AGENT))
    assert roles(rule, *channels) == [Role.CUSTOMER, Role.AGENT]


@pytest.mark.parametrize("pattern", ["Ann Lee", "Ann%20Lee@192.0.2.*", "funasr:*@192.0.2.7"])
def test_whoever_does_not_come_by_sip_has_an_address_too(pattern: str) -> None:
    channel = Channel(0, party=Party("funasr:Ann%20Lee@192.0.2.7", "Ann Lee"))
    assert roles(RoleRule(agent_addresses=(pattern,)), channel) == [Role.AGENT]


def test_two_agents_may_talk_to_each_other() -> None:
    rule = RoleRule(agent_addresses=("1*",))
    channels = (Channel(0, party=AGENT), Channel(1, party=Party("sip:1002@x")))
    assert roles(rule, *channels) == [Role.AGENT, Role.AGENT]


def test_without_a_match_nobody_is_known() -> None:
    rule = RoleRule(agent_addresses=("9*",), agent_labels=("7",))
    assert roles(rule, Channel(0, "1", party=AGENT), Channel(1)) == [Role.UNKNOWN, Role.UNKNOWN]


def test_a_mixed_channel_stays_mixed() -> None:
    assert roles(RoleRule(agent_labels=("1",)), Channel(0, "1", Role.MIXED)) == [Role.MIXED]


@pytest.mark.parametrize(
    ("rule", "role"),
    [
        (RoleRule(agent_is="caller"), Role.AGENT),
        (RoleRule(agent_is="callee"), Role.CUSTOMER),
        (RoleRule(), Role.UNKNOWN),
        (RoleRule(agent_addresses=("1001",), agent_is="caller"), Role.CUSTOMER),
        (RoleRule(agent_addresses=("+1555*",)), Role.AGENT),
    ],
)
def test_a_plain_calls_channel_carries_the_caller(rule: RoleRule, role: Role) -> None:
    ends = PlainEnds(caller=CUSTOMER, callee=AGENT)
    assert roles(rule, Channel(0, party=CUSTOMER), ends=ends) == [role]


def test_agent_is_says_nothing_of_a_recording_session() -> None:
    assert roles(RoleRule(agent_is="caller"), Channel(0, "1")) == [Role.UNKNOWN]

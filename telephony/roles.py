"""The role rule: which channel carries the agent. Pure."""

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from urllib.parse import unquote

from callscribe.domain.call import Channel, Party, Role
from telephony.settings import RoleRule
from telephony.sip.address import user_part


@dataclass(frozen=True, slots=True)
class PlainEnds:
    """Both ends of a plain call: its first channel carries the caller, the second one of a bridged call the callee."""

    caller: Party
    callee: Party


def with_roles(channels: tuple[Channel, ...], rule: RoleRule, ends: PlainEnds | None = None) -> tuple[Channel, ...]:
    """`channels` with their roles by `rule`; `ends` is None for a recording session.

    A channel is the agent's by its label, then by its party's address, then (a plain call) by `agent_is`. Where
    one channel is the agent's, channels of which nothing is known are the customer's. MIXED stays MIXED.
    """
    known = tuple(replace(channel, role=_own_role(channel, rule)) for channel in channels)
    if ends and len(known) == 1 and known[0].role is Role.UNKNOWN:
        known = (replace(known[0], role=_caller_role(rule, ends)),)
    elif ends and not any(channel.role is Role.AGENT for channel in known):
        agent = {"caller": ends.caller, "callee": ends.callee}.get(rule.agent_is)
        known = tuple(replace(one, role=Role.AGENT) if agent and one.party == agent else one for one in known)
    if not any(channel.role is Role.AGENT for channel in known):
        return known
    return tuple(replace(channel, role=Role.CUSTOMER) if channel.role is Role.UNKNOWN else channel for channel in known)


def _own_role(channel: Channel, rule: RoleRule) -> Role:
    if channel.role is Role.MIXED:
        return Role.MIXED
    if channel.label and channel.label in rule.agent_labels:
        return Role.AGENT
    if channel.party and _is_agent(channel.party, rule):
        return Role.AGENT
    return Role.UNKNOWN


def _caller_role(rule: RoleRule, ends: PlainEnds) -> Role:
    if _is_agent(ends.callee, rule):
        return Role.CUSTOMER
    return {"caller": Role.AGENT, "callee": Role.CUSTOMER}.get(rule.agent_is, Role.UNKNOWN)


def _is_agent(party: Party, rule: RoleRule) -> bool:
    bare = party.address.partition(":")[2]
    # Not every caller comes by SIP, but whoever does not has a user part all the same.
    names = {party.address, user_part(party.address), bare, unquote(bare.rpartition("@")[0])} - {""}
    return any(fnmatchcase(name, pattern) for name in names for pattern in rule.agent_addresses)

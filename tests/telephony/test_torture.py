"""Tortured messages against the front, which must neither fail nor misread them."""

import pytest

from callscribe.domain.errors import MalformedMessage
from telephony.sip.framing import parse_datagram
from telephony.sip.message import Request, Response
from tests.telephony.proxy_bench import CALLER, SDP, Bench
from tests.telephony.torture import ALL, Torture


@pytest.mark.parametrize("torture", ALL, ids=lambda torture: torture.name)
def test_a_tortured_message_gets_its_answer(torture: Torture) -> None:
    bench = Bench()
    data = torture.data(CALLER.host, CALLER.port, "torture-1")
    try:
        parse_datagram(data)
    except MalformedMessage as error:
        bench.proxy.refuse_unreadable(data, str(error), CALLER)
    else:
        bench.receive(data)
    sent = [each.message for each in bench.taken()]
    for asked in sent:
        if isinstance(asked, Request):
            bench.line_says(asked, 200, SDP)
    answers = [*sent, *bench.to_caller()]
    statuses = [each.status for each in answers if isinstance(each, Response) and each.status != 100]
    assert statuses == ([torture.status] if torture.status else [])

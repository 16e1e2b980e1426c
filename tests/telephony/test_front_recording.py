"""Recording sessions through the proxy: recognition, bodies, metadata on the way."""

import pytest

from callscribe.domain.call import Dialect
from telephony.settings import TrunkSettings
from telephony.sip.message import Response
from tests.telephony.proxy_bench import METADATA, MULTIPART_TYPE, SDP, Ask, Bench, line_hop, line_request, multipart

SIPREC = Ask(body=multipart(), content_type=MULTIPART_TYPE, headers=(("Require", "siprec"),))


def test_the_line_sees_the_sdp_alone_and_the_node_the_metadata() -> None:
    bench = Bench()
    bench.ask(SIPREC)
    invite = bench.to_line()[0]
    assert invite.headers.first("content-type") == "application/sdp"
    assert invite.body == SDP.encode()
    assert "require" not in invite.headers
    assert invite.headers.first("x-callscribe-dialect") == "siprec"
    assert bench.offers[0].description.metadata == METADATA.encode()
    assert bench.offers[0].dialect is Dialect.SIPREC


def test_the_answer_tells_that_a_recording_server_answers() -> None:
    bench = Bench()
    bench.ask(SIPREC)
    bench.line_says(bench.to_line()[0], 200, SDP)
    (answer,) = bench.to_caller()
    assert answer.headers.first("contact") == "<sip:callscribe@198.51.100.1:5060>;+sip.srs"
    assert answer.headers.first("content-type") == "application/sdp"
    assert answer.body == SDP.encode()


@pytest.mark.parametrize(
    "contact",
    [
        "<sip:src@192.0.2.10>;+sip.src",
        "<sip:src@192.0.2.10>;src",
        '<sip:src@192.0.2.10>;audio;+sip.src="x"',
        "<sip:src@192.0.2.10;+sip.src",
    ],
)
def test_a_recording_client_is_known_by_its_contact(contact: str) -> None:
    bench = Bench()
    bench.ask(Ask(body=SDP, headers=(("Contact", contact),)))
    assert bench.offers[0].dialect is Dialect.SIPREC


@pytest.mark.parametrize("contact", ["<sip:src@192.0.2.10>", "<sip:src@192.0.2.10;src=1>", "<sip:a@192.0.2.10>;srcx"])
def test_an_ordinary_contact_makes_no_recording_session(contact: str) -> None:
    bench = Bench()
    bench.ask(Ask(body=SDP, headers=(("Contact", contact),)))
    assert bench.offers[0].dialect is Dialect.PLAIN


def test_a_recording_client_is_known_by_metadata_alone_or_by_its_trunk() -> None:
    bench = Bench(trunks=(TrunkSettings(name="src", allow=("192.0.2.0/24",), siprec=True),))
    bench.ask(Ask(body=SDP))
    assert bench.offers[0].dialect is Dialect.SIPREC
    bench = Bench()
    bench.ask(Ask(body=multipart(), content_type=MULTIPART_TYPE))
    assert bench.offers[0].dialect is Dialect.SIPREC


def test_other_required_options_reach_the_line() -> None:
    bench = Bench()
    bench.ask(Ask(body=SDP, headers=(("Require", "siprec, 100rel"),)))
    assert bench.to_line()[0].headers.all("require") == ("100rel",)


def test_forty_kilobytes_of_metadata_leave_the_forwarded_invite_small() -> None:
    large = METADATA.replace("/>", ">" + "<!--" + "x" * 40000 + "--></recording>")
    bench = Bench()
    bench.ask(Ask(body=multipart(metadata=large), content_type=MULTIPART_TYPE))
    assert len(bench.to_line()[0].to_bytes()) < 1200
    assert bench.offers[0].description.metadata == large.encode()


def test_metadata_above_64_kib_is_left_out_and_told() -> None:
    bench = Bench()
    bench.ask(Ask(body=multipart(metadata="x" * 70000), content_type=MULTIPART_TYPE))
    assert (bench.offers[0].description.metadata, bench.offers[0].description.quirks) == (None, ("metadata-too-large",))
    assert bench.offers[0].dialect is Dialect.SIPREC


def test_a_boundary_that_closes_behind_content_length_counts() -> None:
    bench = Bench()
    bench.ask(Ask(body=multipart(), content_type=MULTIPART_TYPE, headers=(("Content-Length", "149"),)))
    assert bench.offers[0].description.metadata == METADATA.encode()
    assert bench.offers[0].description.quirks == ("content-length-wrong",)


def test_metadata_without_sdp_makes_a_delayed_offer() -> None:
    bench = Bench()
    bench.ask(Ask(body=METADATA, content_type="application/rs-metadata"))
    invite = bench.to_line()[0]
    assert (invite.body, "content-type" in invite.headers) == (b"", False)
    assert bench.offers[0].description.metadata == METADATA.encode()


def test_the_answer_in_an_ack_reaches_the_line() -> None:
    bench = Bench()
    bench.ask(Ask())
    bench.line_says(bench.to_line()[0], 200, SDP)
    bench.taken()
    bench.ask(Ask("ACK", to_tag="line-tag", branch="z9hG4bK-ack", body=SDP))
    (ack,) = bench.to_line()
    assert (ack.method, ack.body) == ("ACK", SDP.encode())


def test_an_sdp_without_connection_line_is_mended_and_told() -> None:
    bench = Bench()
    bench.ask(Ask(body=SDP.replace("c=IN IP4 192.0.2.10\r\n", "").replace("\r\n", "\n")))
    assert bench.to_line()[0].body == SDP.encode()
    assert bench.offers[0].description.quirks == ("sdp-c-missing",)
    assert bench.exchange.tally.counts["repaired_sdp_c_missing"] == 1


@pytest.mark.parametrize("method", ["UPDATE", "INFO"])
def test_bare_metadata_within_a_call_is_taken_without_the_line(method: str) -> None:
    bench = Bench()
    bench.answered(SIPREC)
    bench.ask(Ask(method, cseq=2, to_tag="line-tag", body="<recording/>", content_type="application/rs-metadata+xml"))
    (sent,) = bench.taken()
    assert isinstance(sent.message, Response)
    assert sent.message.status == 200
    assert ("contact" in sent.message.headers) == (method == "UPDATE")
    assert bench.metadata == [(bench.offers[0].id, b"<recording/>")]
    bench.ask(Ask("BYE", cseq=3, to_tag="line-tag"))
    assert bench.to_line()[0].headers.first("cseq") == "3 BYE"


def test_bare_metadata_that_refreshes_the_session_timer_goes_on_without_its_body() -> None:
    bench = Bench()
    bench.answered(SIPREC)
    bench.ask(
        Ask(
            "UPDATE",
            cseq=2,
            to_tag="line-tag",
            body="<recording/>",
            content_type="application/rs-metadata+xml",
            headers=(("Session-Expires", "90"),),
        )
    )
    (update,) = bench.to_line()
    assert (update.body, update.headers.first("session-expires")) == (b"", "90")
    assert bench.metadata == [(bench.offers[0].id, b"<recording/>")]


def test_a_re_invite_brings_new_metadata_and_sdp() -> None:
    bench = Bench()
    invite = bench.answered(SIPREC)
    held = SDP.replace("sendonly", "inactive")
    body = multipart(held, "<recording>2</recording>")
    again = Ask(cseq=2, to_tag="line-tag", body=body, content_type=MULTIPART_TYPE, branch="z9hG4bK-re")
    bench.ask(again)
    (re_invite,) = [request for request in bench.to_line() if request.method == "INVITE"]
    assert re_invite.headers.first("call-id") == invite.headers.first("call-id")
    assert "x-callscribe-call" not in re_invite.headers
    assert re_invite.body == held.encode()
    assert bench.metadata == [(bench.offers[0].id, b"<recording>2</recording>")]
    bench.ask(again)
    assert len(bench.metadata) == 1
    bench.line_says(re_invite, 200, held)
    answers = [response for response in bench.to_caller() if response.status == 200]
    assert [answer.headers.first("cseq") for answer in answers] == ["2 INVITE"]


def test_a_re_invite_without_audio_is_the_lines_to_answer() -> None:
    bench = Bench()
    bench.answered(SIPREC)
    bench.ask(Ask(cseq=2, to_tag="line-tag", body=SDP.replace("m=audio 40000", "m=audio 0"), branch="z9hG4bK-re"))
    assert [request.method for request in bench.to_line()] == ["INVITE"]


def test_dtmf_in_an_info_passes() -> None:
    bench = Bench()
    bench.answered()
    bench.ask(Ask("INFO", cseq=2, to_tag="line-tag", body="Signal=5\r\n", content_type="application/dtmf-relay"))
    (info,) = bench.to_line()
    assert (info.headers.first("content-type"), info.body) == ("application/dtmf-relay", b"Signal=5\r\n")


def test_a_callers_new_contact_is_where_the_line_reaches_it() -> None:
    bench = Bench()
    invite = bench.answered(SIPREC)
    moved = (("Contact", "<sip:src@192.0.2.77:5090>"),)
    bench.ask(Ask(cseq=2, to_tag="line-tag", body=SDP, branch="z9hG4bK-re", headers=moved))
    bench.taken()
    bench.receive(line_request(invite, "BYE", 9), line_hop(invite))
    (sent,) = bench.taken()
    assert (sent.hop.host, sent.hop.port) == ("192.0.2.77", 5090)


def test_a_participants_m_lines_are_taken_once_each_and_no_more_than_a_call_may_have() -> None:
    bench = Bench()
    everywhere = " ".join(map(str, range(100)))
    named = ", ".join(f'<sip:{who}@example.com>;media-index="{everywhere} 0 1"' for who in ("ann", "bob"))
    bench.ask(Ask(body=SDP, headers=(("X-Cisco-Recording-Participant", named),)))
    claims = bench.offers[0].description.claims
    assert [claim.media for claim in claims] == list(range(32))
    assert {claim.party.address for claim in claims} == {"sip:ann@example.com"}


def test_metadata_between_boundaries_that_cannot_be_read_is_found() -> None:
    bench = Bench()
    bench.ask(Ask(body=f"junk\r\n{SDP}more {METADATA} junk", content_type="multipart/mixed;boundary=part"))
    assert bench.offers[0].description.metadata == METADATA.encode()


@pytest.mark.parametrize("body", ["<recording " * 20_000, "> <recording", "<" * 200_000])
def test_what_only_begins_like_metadata_is_none(body: str) -> None:
    bench = Bench()
    bench.ask(Ask(body=body, content_type="multipart/mixed;boundary=part", transport="TCP"))
    assert [response.status for response in bench.to_caller()] == [400]


@pytest.mark.parametrize("kinds", [("application/gtd",), ("application/gtd", "application/isup")])
def test_an_invite_with_nothing_but_parts_of_other_kinds_makes_a_delayed_offer(kinds: tuple[str, ...]) -> None:
    bench = Bench()
    body = "".join(f"--part\r\nContent-Type: {kind}\r\n\r\nabc\r\n" for kind in kinds) + "--part--\r\n"
    bench.ask(Ask(body=body, content_type=MULTIPART_TYPE, headers=(("Require", "siprec"),)))
    (invite,) = bench.to_line()
    assert (invite.body, "content-type" in invite.headers) == (b"", False)

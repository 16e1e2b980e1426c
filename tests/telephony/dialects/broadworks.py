"""F4 to F6 and F18: Webex Calling and BroadWorks, of the draft before RFC 7865."""

from tests.telephony.dialects.fixture import BOUNDARY, MIXED, MULTIPART, Dialog, Fixture, Turn, multipart, sdp

DORA, EMIL, FAYE = "sip:dora@wx.example.com", "sip:+15550104@wx.example.com", "sip:faye@wx.example.com"
_HEADERS = {"Contact": "<sip:rec@$IP:$SIP>;src", "Supported": "", "Recv-Info": ""}


def _participant(who: str, aor: str, stream: str) -> str:
    return (
        f'<participant id="urn:uuid:{who}" session="urn:uuid:f4-session"><aor>{aor}</aor><name>{who.title()}</name>'
        f"<send><id>urn:uuid:{stream}</id></send></participant>"
    )


def _xml(people: str, mode: str = "", *, data_mode: str = "complete") -> str:
    mixed = f"<mode>{mode}</mode>" if mode else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><recording_metadata xmlns="urn:ietf:params:xml:ns:siprec">'
        f"<dataMode>{data_mode}</dataMode>"
        f'<group id="urn:uuid:f4-group"><initiator>sip:dora@wx.example.com</initiator></group>'
        f'<session id="urn:uuid:f4-session"><group-ref>urn:uuid:f4-group</group-ref></session>{people}'
        f'<stream id="urn:uuid:f4-one" session="urn:uuid:f4-session"><label>1</label>{mixed}</stream>'
        f'<stream id="urn:uuid:f4-two" session="urn:uuid:f4-session"><label>2</label>{mixed}</stream>'
        f"<extdata><extTrackingID>tracking-204:1</extTrackingID></extdata></recording_metadata>"
    )


_TWO = _participant("dora", "dora@wx.example.com", "f4-one") + _participant("emil", EMIL, "f4-two")
_THREE = _TWO + _participant("faye", FAYE, "f4-two")
_OPUS = """m=audio $PORT{number} RTP/AVP 111 0 8 101 107
a=rtpmap:111 opus/48000/2
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=rtpmap:107 telephone-event/48000
a=label:{label}
a=sendonly
"""


def _webex(offer: str, xml: str) -> str:
    """The metadata in front of the SDP, no blank behind the colon, each part with its length."""
    return (
        f"--{BOUNDARY}\nContent-Type:application/rs-metadata+xml\nContent-Length:{len(xml)}\n"
        f"Content-Disposition:recording-session\n\n{xml}\n"
        f"--{BOUNDARY}\nContent-Type:application/sdp\nContent-Length:{len(offer)}\n\n{offer}\n"
        f"--{BOUNDARY}--\n"
    )


def _offer(lines: int, origin: str = "1010492 1") -> str:
    head = f"v=0\no=webex {origin} IN IP4 $IP\ns=-\nc=IN IP4 $IP\nt=0 0\n"
    return head + "".join(_OPUS.format(number=number, label=number + 1) for number in range(lines))


_QUIRKS = ("metadata-namespace", "metadata-old-format", "aor-without-scheme")
_IDS = (("siprec-session", "f4-session"), ("siprec-group", "f4-group"), ("tracking-id", "tracking-204:1"))

F4 = Fixture(
    "F4",
    "Webex Calling: the draft's XML in front of the SDP, Opus first",
    (
        Dialog(
            (Turn(_webex(_offer(2), _xml(_TWO)), MULTIPART, headers=_HEADERS, parties=(DORA, EMIL)),),
            ids=_IDS,
            quirks=_QUIRKS,
        ),
    ),
)
F4_ONE = Fixture(
    "F4b",
    "Webex Calling: two streams in the metadata, one m-line in the SDP",
    (
        Dialog(
            (
                Turn(
                    _webex(_offer(1), _xml(_TWO).replace("f4-", "f4b-")),
                    MULTIPART,
                    headers=_HEADERS,
                    media=("audio",),
                    labels=("1",),
                    parties=(DORA,),
                ),
            ),
            quirks=(*_QUIRKS, "metadata-label-unmatched"),
        ),
    ),
)
F4_MIXED = Fixture(
    "F4c",
    "BroadWorks: a stream that says it is mixed",
    (
        Dialog(
            (
                Turn(
                    _webex(_offer(1), _xml(_TWO, "mixed").replace("f4-", "f4c-")),
                    MULTIPART,
                    headers=_HEADERS,
                    media=("audio",),
                    labels=("1",),
                    parties=(MIXED,),
                ),
            ),
            quirks=(*_QUIRKS, "metadata-label-unmatched"),
        ),
    ),
)


def _five(xml: str) -> str:
    return xml.replace("f4-", "f5-")


F5 = Fixture(
    "F5",
    "BroadWorks and Webex: pauses by SDP alone, a transfer by a third participant, an UPDATE of metadata alone",
    (
        Dialog(
            (
                Turn(_webex(_offer(2), _five(_xml(_TWO))), MULTIPART, headers=_HEADERS, parties=(DORA, EMIL)),
                Turn(sdp("1", "2", direction="", address="0.0.0.0"), parties=(DORA, EMIL)),
                Turn(sdp("1", "2", direction="", version=2), parties=(DORA, EMIL)),
                Turn(sdp("1", "2", direction="inactive", address="0.0.0.0", version=3), parties=(DORA, EMIL)),
                Turn(
                    # The session's id and version leap back.
                    _webex(_offer(2, "791946 1"), _five(_xml(_THREE))),
                    MULTIPART,
                    headers=_HEADERS,
                    parties=(DORA, FAYE),
                ),
                Turn(
                    _five(_xml(_THREE.replace("Faye", "Faye Miller"))),
                    "application/rs-metadata+xml",
                    "UPDATE",
                    media=(),
                    labels=(),
                    parties=(DORA, FAYE),
                ),
            ),
            quirks=(*_QUIRKS, "stream-taken-over"),
        ),
    ),
)
F6 = Fixture(
    "F6",
    "BroadWorks redirect: the same dialog goes on with another communication session",
    (
        Dialog(
            (
                Turn(
                    _webex(_offer(2), _xml(_TWO).replace("f4-", "f6-")),
                    MULTIPART,
                    headers=_HEADERS,
                    parties=(DORA, EMIL),
                ),
                Turn(
                    _webex(
                        _offer(2, "1010492 2"), _xml(_TWO.replace("emil", "gwen").replace("+15550104", "gwen"))
                    ).replace("f4-", "f6next-"),
                    MULTIPART,
                    headers=_HEADERS,
                    parties=(DORA, "sip:gwen@wx.example.com"),
                ),
            ),
            ids=(
                ("siprec-session", "f6-session"),
                ("siprec-group", "f6-group"),
                ("siprec-session", "f6next-session"),
                ("siprec-group", "f6next-group"),
            ),
            quirks=(*_QUIRKS, "session-replaced"),
        ),
    ),
)
F18 = Fixture(
    "F18",
    "BroadWorks border controller: Content-Length is far too small",
    (
        Dialog(
            (
                Turn(
                    multipart(_offer(2), _xml(_TWO).replace("f4-", "f18-")),
                    MULTIPART,
                    headers=_HEADERS,
                    announced=449,
                    parties=(DORA, EMIL),
                ),
            ),
            ids=(("siprec-session", "f18-session"),),
            quirks=(*_QUIRKS, "content-length-wrong"),
        ),
    ),
)

FIXTURES = (F4, F4_ONE, F4_MIXED, F5, F6, F18)

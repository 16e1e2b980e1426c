"""F1 to F3: Cisco's border element (SIPREC, network-based recording) and phones that fork (built-in bridge)."""

from tests.telephony.dialects.fixture import SIPREC, UNKNOWN, Dialog, Fixture, Turn, sdp

ALICE, BRUNO = "sip:5550101@cube.example.com", "sip:5550102@pstn.example.com"

_CUBE_SDP = """v=0
o=BorderElement 2211 {version} IN IP4 $IP
s=SIP Call
c=IN IP4 $IP
t=0 0
m=audio $PORT0 RTP/AVP 0 101 19
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=rtpmap:19 CN/8000
a=ptime:20
a=label:1
a={direction}
m=audio $PORT1 RTP/AVP 0 101 19
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=rtpmap:19 CN/8000
a=ptime:20
a=label:2
a={direction}
"""
_CUBE_XML = """<?xml version="1.0" encoding="UTF-8"?>
<recording xmlns="urn:ietf:params:xml:ns:recording:1">
 <datamode>complete</datamode>
 <session session_id="Q1VCRS1zZXNzaW9uLTE="><sipSessionID>a1a1a1a1;remote=b2b2b2b2</sipSessionID></session>
 <participant participant_id="Q1VCRS1hbGljZQ=="><nameID aor="sip:5550101@cube.example.com"></nameID></participant>
 <participantsessionassoc participant_id="Q1VCRS1hbGljZQ==" session_id="Q1VCRS1zZXNzaW9uLTE="/>
 <stream stream_id="Q1VCRS1zdHJlYW0x" session_id="Q1VCRS1zZXNzaW9uLTE="><label>1</label></stream>
 <participantstreamassoc participant_id="Q1VCRS1hbGljZQ==">{alice}</participantstreamassoc>
 <participant participant_id="Q1VCRS1icnVubw=="><nameID aor="sip:5550102@pstn.example.com">
  <name xml:lang="en">Bruno</name></nameID></participant>
 <participantsessionassoc participant_id="Q1VCRS1icnVubw==" session_id="Q1VCRS1zZXNzaW9uLTE="/>
 <stream stream_id="Q1VCRS1zdHJlYW0y" session_id="Q1VCRS1zZXNzaW9uLTE="><label>2</label></stream>
 <participantstreamassoc participant_id="Q1VCRS1icnVubw==">{bruno}</participantstreamassoc>
</recording>"""
_SEND = {
    "alice": "<send>Q1VCRS1zdHJlYW0x</send><recv>Q1VCRS1zdHJlYW0y</recv>",
    "bruno": "<send>Q1VCRS1zdHJlYW0y</send><recv>Q1VCRS1zdHJlYW0x</recv>",
}
_HELD = {"alice": "", "bruno": ""}


def _cube(version: int, *, held: bool) -> str:
    """Three parts, their disposition in front of their type; the third one is ISUP as text."""
    offer = _CUBE_SDP.format(version=version, direction="inactive" if held else "sendonly")
    return (
        f"--uniqueBoundary\nContent-Disposition: session;handling=required\nContent-Type: application/sdp\n\n{offer}\n"
        "--uniqueBoundary\nContent-Disposition: recording-session;handling=required\n"
        f"Content-Type: application/rs-metadata+xml\n\n{_CUBE_XML.format(**(_HELD if held else _SEND))}\n"
        "--uniqueBoundary\nContent-Disposition: signal;handling=optional\nContent-Type: application/gtd\n\n"
        "IAM,\nPRN,isdn*,,NET5*,\nUSI,rate,c,s,c,1\n\n--uniqueBoundary--\n"
    )


_CUBE_TYPE = "multipart/mixed;boundary=uniqueBoundary"
_CUBE_HEADERS = {**SIPREC, "Cisco-Guid": "1010101010-2020202020-3030303030-0404040404", "Session-Expires": "1800"}
_CUBE_IDS = (
    ("siprec-session", "Q1VCRS1zZXNzaW9uLTE="),
    ("cisco-guid", "1010101010-2020202020-3030303030-0404040404"),
    ("session-id", "a1a1a1a1;remote=b2b2b2b2"),
)

F1 = Fixture(
    "F1",
    "Cisco CUBE: three parts, a party without name, put on hold and taken back",
    (
        Dialog(
            (
                Turn(_cube(1, held=False), _CUBE_TYPE, headers=_CUBE_HEADERS, parties=(ALICE, BRUNO)),
                Turn(_cube(2, held=True), _CUBE_TYPE, headers=_CUBE_HEADERS, parties=(ALICE, BRUNO)),
                Turn(_cube(3, held=False), _CUBE_TYPE, headers=_CUBE_HEADERS, parties=(ALICE, BRUNO)),
            ),
            ids=_CUBE_IDS,
            ends=(ALICE, BRUNO),
        ),
    ),
)
F1_HELD = Fixture(
    "F1b",
    "Cisco CUBE: the call is on hold when its recording begins",
    (
        Dialog(
            (
                Turn(_cube(1, held=True), _CUBE_TYPE, headers=_CUBE_HEADERS, parties=(UNKNOWN, UNKNOWN)),
                Turn(_cube(2, held=False), _CUBE_TYPE, headers=_CUBE_HEADERS, parties=(ALICE, BRUNO)),
            ),
        ),
    ),
)

_GUID = {"Cisco-Guid": "0505050505-0606060606-0707070707-0808080808"}
_ON_0 = '<sip:7001@nbr.example.com>;media-index="0"'
_ON_1 = 'sip:7002@nbr.example.com;media-index="1"'

F2 = Fixture(
    "F2",
    "Cisco network-based recording: SDP alone, the parties in headers",
    (
        Dialog(
            (
                Turn(
                    sdp("", ""),
                    headers={**_GUID, "X-Cisco-Recording-Participant": f"{_ON_0}\n{_ON_1}"},
                    labels=(),
                    parties=("sip:7001@nbr.example.com", "sip:7002@nbr.example.com"),
                ),
            ),
            ids=(("cisco-guid", "0505050505-0606060606-0707070707-0808080808"),),
            ends=("sip:7001@nbr.example.com", "sip:7002@nbr.example.com"),
        ),
    ),
)
F2_ONE = Fixture(
    "F2b",
    "Cisco network-based recording with a single m-line",
    (
        Dialog(
            (
                Turn(
                    sdp(""),
                    headers={"X-Cisco-Recording-Participant": _ON_0},
                    media=("audio",),
                    labels=(),
                    parties=("sip:7001@nbr.example.com",),
                ),
            ),
        ),
    ),
)


def _forked(end: str, reference: str, other: str) -> Turn:
    party = "sip:2000@ucm.example.com" if end == "nearend" else "sip:1000@ucm.example.com"
    other_end = "farend" if end == "nearend" else "nearend"
    return Turn(
        headers={
            "From": f"<sip:2000@ucm.example.com;x-{end};x-refci={reference};x-{other_end}refci={other};"
            "x-nearenddevice=SEP001122334455;x-farenddevice=SEP665544332211;x-farendaddr=1000>",
            "Contact": "<sip:2000@$IP:$SIP>;isFocus",
            "Cisco-Guid": "0909090909-1111111111-2222222222-3333333333",
        },
        ack=sdp(""),
        media=("audio",),
        labels=(),
        parties=(party,),
    )


F3 = Fixture(
    "F3",
    "Cisco built-in bridge: a dialog for each end, the service makes the offer",
    (
        Dialog(
            (_forked("nearend", "27481216", "27481215"),),
            ids=(("cisco-guid", "0909090909-1111111111-2222222222-3333333333"), ("cisco-refci", "27481216")),
            ends=("sip:2000@ucm.example.com", "sip:1000@ucm.example.com"),
            speech=(0,),
        ),
        Dialog((_forked("farend", "27481215", "27481216"),), ids=(("cisco-refci", "27481215"),), speech=(1,)),
    ),
    is_one_conversation=True,
)

FIXTURES = (F1, F1_HELD, F2, F2_ONE, F3)

"""F7 to F9, F11 and F12: session border controllers of Oracle, Ribbon, Avaya and AudioCodes."""

from tests.telephony.dialects.fixture import MULTIPART, SIPREC, UNKNOWN, Dialog, Fixture, Turn, multipart, rfc_xml, sdp

_OLD = "urn:ietf:params:xml:ns:recording"
_UCID = "00FA080001004D5F3A2B1C"
_UCID_DECIMAL = "00001000771597647644"

# Oracle: ids without their element's name, the streams inside the participants, the call's ids in an extension.


def _oracle_participant(who: str, stream: str, *, calling: bool) -> str:
    return f"""<participant id="orcl-{who}" session="orcl-session">
    <nameID aor="sip:{who}@sbc.example.com"><name>{who.title()}</name></nameID>
    {f"<send>{stream}</send>" if stream else ""}
    <extensiondata xmlns:apkt="http://oracle.example.com/siprec/extensiondata">
      <apkt:callingParty>{"true" if calling else "false"}</apkt:callingParty>
      <apkt:header label="Call-ID">orcl-original-call@192.0.2.71</apkt:header></extensiondata>
  </participant>"""


def _oracle_xml(participants: str, streams: str) -> str:
    return f"""<?xml version='1.0' encoding='UTF-8'?>
<recording xmlns='{_OLD}'>
  <dataMode>complete</dataMode>
  <session id="orcl-session"><associate-time>2026-02-03T04:05:06</associate-time>
    <extensiondata xmlns:apkt="http://oracle.example.com/siprec/extensiondata">
      <apkt:ucid>{_UCID};encoding=hex</apkt:ucid></extensiondata></session>
  {participants}
  {streams}
</recording>"""


def _oracle_stream(number: int) -> str:
    label = 16777226 + number
    return f'<stream id="orcl-stream-{number}" session="orcl-session"><label>{label}</label></stream>'


def _oracle_body(offer: str, xml: str) -> str:
    """The closing boundary has a blank behind it."""
    return (
        f"--unique-boundary-1\nContent-Type: application/sdp\n\n{offer}\n"
        "--unique-boundary-1\nContent-Type: application/rs-metadata+xml\nContent-Disposition: recording-session\n\n"
        f"{xml}\n--unique-boundary-1-- \n"
    )


_ORACLE_TYPE = "multipart/mixed;boundary=unique-boundary-1"
_KIM, _LEE = "sip:kim@sbc.example.com", "sip:lee@sbc.example.com"
_RINGING = _oracle_xml(
    _oracle_participant("lee", "", calling=False) + _oracle_participant("kim", "orcl-stream-1", calling=True),
    _oracle_stream(1),
)
_TALKING = _oracle_xml(
    _oracle_participant("lee", "orcl-stream-2", calling=False)
    + _oracle_participant("kim", "orcl-stream-1", calling=True),
    _oracle_stream(1) + _oracle_stream(2),
)
_ORACLE_QUIRKS = ("metadata-namespace", "metadata-old-format")
_ORACLE = Dialog(
    (
        Turn(
            _oracle_body(sdp("16777227"), _RINGING),
            _ORACLE_TYPE,
            headers=SIPREC,
            media=("audio",),
            labels=("16777227",),
            parties=(_KIM,),
        ),
        Turn(
            _oracle_body(sdp("16777227", "16777228", version=2), _TALKING),
            _ORACLE_TYPE,
            headers=SIPREC,
            labels=("16777227", "16777228"),
            parties=(_KIM, _LEE),
        ),
    ),
    ids=(("ucid", _UCID), ("ucid", _UCID_DECIMAL), ("sip-call-id", "orcl-original-call@192.0.2.71")),
    quirks=_ORACLE_QUIRKS,
    ends=(_KIM, _LEE),
)
F7 = Fixture(
    "F7",
    "Oracle: begins before the callee answers, and goes to all recorders of a group",
    (_ORACLE, _ORACLE),
    is_one_conversation=True,
    has_duplicate=True,
)
F7_NESTED = Fixture(
    "F7b",
    "Oracle through a proxy: the parts are a part themselves",
    (
        Dialog(
            (
                Turn(
                    f"--outer\nContent-Type: {MULTIPART}\n\n{multipart(sdp('1', '2'), rfc_xml('f7b'))}\n--outer--\n",
                    "multipart/mixed;boundary=outer",
                    headers=SIPREC,
                    parties=("sip:ann@example.com", "sip:bob@example.com"),
                ),
            ),
            ids=(("siprec-session", "ses-f7b"),),
        ),
    ),
)

F8 = Fixture(
    "F8",
    "A second m-line with PT 8 and no rtpmap",
    (
        Dialog(
            (
                Turn(
                    multipart(
                        sdp("1", "2").replace(
                            "m=audio $PORT1 RTP/AVP 0\na=rtpmap:0 PCMU/8000\n", "m=audio $PORT1 RTP/AVP 8\n"
                        ),
                        rfc_xml("f8"),
                    ),
                    MULTIPART,
                    headers=SIPREC,
                    parties=("sip:ann@example.com", "sip:bob@example.com"),
                ),
            ),
        ),
    ),
)

# Ribbon: a prefix, blank names, addresses without scheme, and the first participant on the second label.

_RIBBON_XML = f"""<?xml version="1.0" encoding="UTF-8"?>
<tns:recording xmlns:tns="{_OLD}">
 <tns:datamode>complete</tns:datamode>
 <tns:group group_id="ribbon-group"><tns:associate-time>1970-01-01T00:00:00Z</tns:associate-time>
  <callData><fromhdr>&lt;sip:2249@192.0.2.90&gt;</fromhdr><tohdr>&lt;sip:5010@192.0.2.91&gt;</tohdr>
   <callid>original-f9-77@192.0.2.90</callid></callData></tns:group>
 <tns:session session_id="ribbon-session"><tns:group-ref>ribbon-group</tns:group-ref></tns:session>
 <tns:participant participant_id="ribbon-p1"><tns:nameID aor="2249@192.0.2.90"><tns:name> </tns:name></tns:nameID>
 </tns:participant>
 <tns:participant participant_id="ribbon-p2"><tns:nameID aor="5010@192.0.2.91"><tns:name> </tns:name></tns:nameID>
 </tns:participant>
 <tns:stream stream_id="ribbon-s1" session_id="ribbon-session"><tns:label>1</tns:label></tns:stream>
 <tns:stream stream_id="ribbon-s2" session_id="ribbon-session"><tns:label>2</tns:label></tns:stream>
 <tns:participantstreamassoc participant_id="ribbon-p1"><tns:send>ribbon-s2</tns:send><tns:recv>ribbon-s1</tns:recv>
 </tns:participantstreamassoc>
 <tns:participantstreamassoc participant_id="ribbon-p2"><tns:send>ribbon-s1</tns:send><tns:recv>ribbon-s2</tns:recv>
 </tns:participantstreamassoc>
</tns:recording>"""


def _ribbon_sdp() -> str:
    """c= at the m-lines only."""
    lines = ["v=0", "o=Ribbon 5 1 IN IP4 $IP", "s=SipCall", "t=0 0"]
    for number in (0, 1):
        lines += [f"m=audio $PORT{number} RTP/AVP 0 101", "c=IN IP4 $IP", f"a=label:{number + 1}", "a=sendonly"]
    return "\n".join(lines) + "\n"


F9 = Fixture(
    "F9",
    "Ribbon: the parties are crossed",
    (
        Dialog(
            (
                Turn(
                    multipart(_ribbon_sdp(), _RIBBON_XML).replace(
                        "Content-Type: application/sdp",
                        "Content-Disposition: session; handling=required\nContent-Type: application/sdp",
                    ),
                    MULTIPART,
                    headers=SIPREC,
                    parties=("sip:5010@192.0.2.91", "sip:2249@192.0.2.90"),
                ),
            ),
            ids=(
                ("siprec-session", "ribbon-session"),
                ("siprec-group", "ribbon-group"),
                ("sip-call-id", "original-f9-77@192.0.2.90"),
            ),
            quirks=("metadata-namespace", "aor-without-scheme"),
            ends=("sip:2249@192.0.2.90", "sip:5010@192.0.2.91"),
        ),
    ),
)

# Avaya: a placeholder until an UPDATE tells who it is.

_AVAYA_DUMMY = f"""<?xml version="1.0"?><recording xmlns="{_OLD}:1"><dataMode>Complete</dataMode>
<session session_id="00001000881597647701"/>
<participant participant_id="avaya-1"><nameID aor="sip:border@sbce.example.com"/></participant>
<stream stream_id="" session_id="00001000881597647701"><label>20</label></stream>
<participantstreamassoc participant_id="avaya-1"><send></send></participantstreamassoc></recording>"""
_AVAYA_TRUE = f"""<?xml version="1.0"?><recording xmlns="{_OLD}:1"><datamode>complete</datamode>
<session session_id="00001000881597647701"/>
<participant participant_id="avaya-2"><nameID aor="sip:4007@agents.example.com"><name>Mona</name></nameID></participant>
<stream stream_id="avaya-s20" session_id="00001000881597647701"><label>20</label></stream>
<participantstreamassoc participant_id="avaya-2"><send>avaya-s20</send></participantstreamassoc></recording>"""

F11 = Fixture(
    "F11",
    "Avaya: a placeholder party, then an UPDATE with metadata alone",
    (
        Dialog(
            (
                Turn(
                    multipart(sdp("20"), _AVAYA_DUMMY),
                    MULTIPART,
                    headers={**SIPREC, "User-to-User": "04FA08000100585F3A2B55;encoding=hex"},
                    media=("audio",),
                    labels=("20",),
                    parties=(UNKNOWN,),
                ),
                Turn(
                    _AVAYA_TRUE,
                    "application/rs-metadata",
                    "UPDATE",
                    media=(),
                    labels=(),
                    parties=("sip:4007@agents.example.com",),
                ),
            ),
            ids=(
                ("siprec-session", "00001000881597647701"),
                ("user-to-user", "04FA08000100585F3A2B55"),
                ("ucid", "00001000881597647701"),
            ),
            quirks=("metadata-stream-without-id",),
        ),
    ),
)

# AudioCodes: line feeds alone, a pause without SDP of its own, the older type.

F12 = Fixture(
    "F12",
    "AudioCodes: a body of bare line feeds, then hold",
    (
        Dialog(
            (
                Turn(
                    multipart(sdp("1", "2"), rfc_xml("f12"), "application/rs-metadata"),
                    MULTIPART,
                    headers={"Contact": "<sip:audc@$IP:$SIP>;src", "X-AC-Action": "start-siprec"},
                    line_end="\n",
                    parties=("sip:ann@example.com", "sip:bob@example.com"),
                ),
                Turn(
                    sdp("1", "2", version=2, direction="inactive"),
                    headers={"Contact": "<sip:audc@$IP:$SIP>;src"},
                    line_end="\n",
                    parties=("sip:ann@example.com", "sip:bob@example.com"),
                ),
            ),
            ids=(("siprec-session", "ses-f12"),),
        ),
    ),
)

FIXTURES = (F7, F7_NESTED, F8, F9, F11, F12)

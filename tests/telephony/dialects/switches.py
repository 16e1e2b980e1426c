"""F10 and F13 to F17: Metaswitch, OpenSIPS, jambonz, NetSapiens, SEMS and VIPER."""

from tests.telephony.dialects.fixture import (
    MIXED,
    MULTIPART,
    SIPREC,
    UNKNOWN,
    Dialog,
    Fixture,
    Turn,
    multipart,
    rfc_xml,
    sdp,
)

ANN, BOB = "sip:ann@example.com", "sip:bob@example.com"

# Metaswitch: one m-line that both parties send and receive; a recording for each party that is recorded.


def _metaswitch(recorded: str) -> str:
    return f"""<?xml version="1.0"?><recording xmlns="urn:ietf:params:xml:ns:recording" id="meta-{recorded}">
<datamode>complete</datamode><group id="meta-group"/><session id="meta-session-{recorded}">
<group-ref>meta-group</group-ref></session>
<participant id="meta-olga"><nameID aor="sip:2025550110@cfs.example.com"><name>Olga</name></nameID></participant>
<participant id="meta-paul"><nameID aor="sip:2025550111@cfs.example.com"><name>Paul</name></nameID></participant>
<stream id="meta-stream" session_id="meta-session-{recorded}"/>
<participantstreamassoc participant_id="meta-olga"><send>meta-stream</send>
<recv>meta-stream</recv></participantstreamassoc>
<participantstreamassoc participant_id="meta-paul"><send>meta-stream</send>
<recv>meta-stream</recv></participantstreamassoc>
<metaswitchRecordingMetadata><recordedParty>{recorded}</recordedParty><callId>meta-call-31</callId>
</metaswitchRecordingMetadata></recording>"""


def _metaswitch_dialog(recorded: str, *, moves: bool = False) -> Dialog:
    """PT 18 first, PT 0 and 8 without rtpmap, no direction; the RTP port moves when a third party joins."""
    offer = sdp("", direction="").replace("RTP/AVP 0\na=rtpmap:0 PCMU/8000", "RTP/AVP 18 9 0 8 101")
    offer = offer.replace("t=0 0", "t=0 0\na=X-nat:0")
    headers = {"Contact": "<sip:meta@$IP:$SIP;+sip.src"}
    turn = Turn(
        multipart(offer, _metaswitch(recorded), "application/rs-metadata"),
        MULTIPART,
        headers=headers,
        media=("audio",),
        labels=(),
        parties=(MIXED,),
    )
    moved = Turn(
        offer.replace("o=src 7 1", "o=src 7 2").replace("$PORT0", "$PORT1"),
        headers=headers,
        media=("audio",),
        labels=(),
        parties=(MIXED,),
    )
    return Dialog(
        (turn, moved) if moves else (turn,),
        ids=(
            ("siprec-session", f"meta-session-{recorded}"),
            ("siprec-group", "meta-group"),
            ("sip-call-id", "meta-call-31"),
        ),
        quirks=("contact-malformed", "metadata-namespace", "metadata-old-format", "labels-missing"),
        speech=(-1,),
    )


F10 = Fixture(
    "F10",
    "Metaswitch: both parties mixed on one m-line, a recording for each of them",
    (_metaswitch_dialog("olga"), _metaswitch_dialog("paul", moves=True)),
    is_one_conversation=True,
)

# OpenSIPS: no streams and no associations in older releases; SDP without c= and t= and with a strange line.

_OPENSIPS_PEOPLE = """<participant participant_id="b3NzLW9uZQ==">
<nameID aor="sip:+15550120@ims.example.com;noa=national"/>
</participant><participant participant_id="b3NzLXR3bw=="><nameID aor="sip:+15550121@ims.example.com"/></participant>
<participantsessionassoc participant_id="b3NzLW9uZQ==" session_id="b3NzLXNlc3Npb24="/>
<participantsessionassoc participant_id="b3NzLXR3bw==" session_id="b3NzLXNlc3Npb24="/>"""
_OPENSIPS_XML = f"""<?xml version="1.0" encoding="UTF-8"?>
<recording xmlns='urn:ietf:params:xml:ns:recording:1'><datamode>complete</datamode>
<session session_id="b3NzLXNlc3Npb24="><sipSessionID>oss-77@192.0.2.130</sipSessionID></session>
{_OPENSIPS_PEOPLE}<sessionrecordingassoc session_id="b3NzLXNlc3Npb24="/></recording>"""
_OPENSIPS_SDP = """v=0
o=OSS 3994 3994 IN IP4 0.0.0.0
s=SipCall
m=audio $PORT0 RTP/AVP 0 108
a=label:1
a=rtpmap:0 PCMU/8000
a=rtpmap:108 telephone-event/8000
a=3gOoBTC
a=sendonly
m=audio $PORT1 RTP/AVP 0 108
a=label:0
a=rtpmap:0 PCMU/8000
a=rtpmap:108 telephone-event/8000
a=3gOoBTC
a=sendonly
"""
_OPENSIPS_HEADERS = {**SIPREC, "Contact": "<sip:$IP:$SIP>;+sip.src"}


def _opensips(offer: str, xml: str) -> str:
    return multipart(offer, xml).replace("recorded-part", "OSS-unique-boundary-42")


_OPENSIPS_TYPE = "multipart/mixed;boundary=OSS-unique-boundary-42"
F13 = Fixture(
    "F13",
    "OpenSIPS before 3.5: nobody says who is on which m-line; a re-INVITE refreshes",
    (
        Dialog(
            (
                Turn(
                    _opensips(_OPENSIPS_SDP, _OPENSIPS_XML),
                    _OPENSIPS_TYPE,
                    headers=_OPENSIPS_HEADERS,
                    labels=("1", "0"),
                    parties=(UNKNOWN, UNKNOWN),
                ),
                Turn(
                    _OPENSIPS_SDP.replace("3994 3994", "3994 3995"),
                    headers=_OPENSIPS_HEADERS,
                    labels=("1", "0"),
                    parties=(UNKNOWN, UNKNOWN),
                ),
            ),
            ids=(("siprec-session", "b3NzLXNlc3Npb24="), ("session-id", "oss-77@192.0.2.130")),
            quirks=("sdp-c-missing", "sdp-t-missing", "metadata-sender-missing", "party-unknown"),
            ends=("sip:+15550120@ims.example.com", "sip:+15550121@ims.example.com"),
        ),
    ),
)
F13_NAMED = Fixture(
    "F13b",
    "OpenSIPS before 3.5 behind a relay that names its media",
    (
        Dialog(
            (
                Turn(
                    _opensips(
                        _OPENSIPS_SDP.replace("a=label:1", "a=ssrc:311 cname:+15550121@relay.example.com\na=label:1"),
                        _OPENSIPS_XML.replace("b3NzL", "b3NzM"),
                    ),
                    _OPENSIPS_TYPE,
                    headers=_OPENSIPS_HEADERS,
                    labels=("1", "0"),
                    parties=("sip:+15550121@ims.example.com", "sip:+15550120@ims.example.com"),
                ),
            ),
            quirks=("sdp-c-missing", "sdp-t-missing", "metadata-sender-missing"),
        ),
    ),
)

F14 = Fixture(
    "F14",
    "jambonz: no sessionrecordingassoc; takes an answer of plain SDP only",
    (
        Dialog(
            (
                Turn(
                    multipart(
                        sdp("1", "2"), rfc_xml("f14").replace('<sessionrecordingassoc session_id="ses-f14"/>', "")
                    ),
                    MULTIPART,
                    headers={**SIPREC, "X-Application-Sid": "jambonz-f14"},
                    parties=(ANN, BOB),
                ),
            ),
        ),
    ),
)

# NetSapiens: participants' ids are the Call-IDs of their legs; a transfer opens a dialog of the same group.


def _netsapiens(session: str, second: str, more: str = "") -> str:
    caller = "ns-leg-one@192.0.2.150"
    callee = f"ns-leg-{second}@192.0.2.150"
    return f"""<?xml version="1.0" encoding="UTF-8"?><recording xmlns="urn:ietf:params:xml:ns:recording:1">
<datamode>complete</datamode><group group_id="ns-group"/><session session_id="{session}">
<group-ref>ns-group</group-ref></session>
<participant participant_id="{callee}"><nameID aor="sip:{second}@ns.example.com"/>
<ns:callee xmlns:ns="urn:ns">{second}</ns:callee>
</participant>
<participant participant_id="{caller}"><nameID aor="sip:rita@ns.example.com"/>
<ns:caller xmlns:ns="urn:ns">rita</ns:caller>
</participant>
<stream stream_id="{session}-1" session_id="{session}"><label>1</label></stream>
<stream stream_id="{session}-2" session_id="{session}"><label>2</label></stream>
<participantstreamassoc participant_id="{caller}"><send>{session}-1</send></participantstreamassoc>
<participantstreamassoc participant_id="{callee}"><send>{session}-2</send></participantstreamassoc>{more}</recording>"""


_RITA, _SAM, _TINA = "sip:rita@ns.example.com", "sip:sam@ns.example.com", "sip:tina@ns.example.com"
F15 = Fixture(
    "F15",
    "NetSapiens: a transfer goes on in a second dialog of the group",
    (
        Dialog(
            (
                Turn(
                    multipart(sdp("1", "2"), _netsapiens("ns-s1", "sam")),
                    MULTIPART,
                    headers=SIPREC,
                    parties=(_RITA, _SAM),
                ),
                Turn(sdp("1", "2", version=2), headers=SIPREC, parties=(_RITA, _SAM)),
            ),
            ids=(("leg-call-id", "ns-leg-one@192.0.2.150"), ("siprec-group", "ns-group")),
            ends=(_RITA, _SAM),
        ),
        Dialog(
            (
                Turn(
                    multipart(
                        sdp("1", "2"),
                        _netsapiens(
                            "ns-s2", "tina", "<ns:xfer-from xmlns:ns='urn:ns'>ns-leg-sam@192.0.2.150</ns:xfer-from>"
                        ),
                    ),
                    MULTIPART,
                    headers=SIPREC,
                    parties=(_RITA, _TINA),
                ),
            ),
            ids=(("leg-call-id", "ns-leg-sam@192.0.2.150"), ("leg-call-id", "ns-leg-tina@192.0.2.150")),
            ends=(_RITA, _TINA),
        ),
    ),
    is_one_conversation=True,
)

_SEMS = rfc_xml("f16", (("a_leg", "ann"), ("b_leg", "bob")))
F16 = Fixture(
    "F16",
    "SEMS: labels that are words, an odd direction",
    (
        Dialog(
            (
                Turn(
                    multipart(
                        sdp("a_leg", "b_leg", direction="direction:both"),
                        _SEMS.replace("sip:ann@", "Extension-201@"),
                        "application/rs-metadata",
                    ),
                    MULTIPART,
                    headers=SIPREC,
                    labels=("a_leg", "b_leg"),
                    parties=("sip:Extension-201@example.com", BOB),
                ),
            ),
            quirks=("aor-without-scheme",),
        ),
    ),
)

_VIPER = """<?xml version="1.0"?><recording xmlns="urn:ietf:params:xml:ns:recording:1"><datamode>complete</datamode>
<session session_id="viper-session"/><participant participant_id="viper-p">
<nameID aor="sip:position4@viper.example.com">
<name>Position 4</name></nameID><role>calltaker</role></participant>
<stream stream_id="viper-s" session_id="viper-session"><label>1</label><channel>4</channel></stream>
<participantstreamassoc participant_id="viper-p"><send>viper-s</send><recv>viper-s</recv></participantstreamassoc>
</recording>"""
F17 = Fixture(
    "F17",
    "VIPER: two blank lines in front of the first part; who sends the one stream hears it too",
    (
        Dialog(
            (
                Turn(
                    "\n\n" + multipart(sdp("1"), _VIPER, "application/rs-metadata"),
                    MULTIPART,
                    headers={**SIPREC, "Call-Info": "(null)"},
                    media=("audio",),
                    labels=("1",),
                    parties=(MIXED,),
                ),
            ),
        ),
    ),
)

FIXTURES = (F10, F13, F13_NAMED, F14, F15, F16, F17)

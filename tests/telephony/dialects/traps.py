"""F19 to F24: large messages, re-sent and refreshed dialogs, partial metadata, contradictions, odd m-lines, SRTP."""

from tests.telephony.dialects.fixture import MULTIPART, SIPREC, Dialog, Fixture, Turn, multipart, rfc_xml, sdp

ANN, BOB = "sip:ann@example.com", "sip:bob@example.com"


def _plain(name: str) -> Turn:
    return Turn(multipart(sdp("1", "2"), rfc_xml(name)), MULTIPART, headers=SIPREC, parties=(ANN, BOB))


F19 = Fixture(
    "F19",
    "An INVITE of several IP fragments",
    (
        Dialog(
            (
                Turn(
                    multipart(
                        sdp("1", "2"), rfc_xml("f19").replace("</recording>", f"<ext>{'x' * 3700}</ext></recording>")
                    ),
                    MULTIPART,
                    headers=SIPREC,
                    parties=(ANN, BOB),
                ),
            ),
        ),
    ),
)
F20 = Fixture(
    "F20",
    "A session timer that is refreshed without a change, and reliable provisional responses",
    (
        Dialog(
            (
                Turn(
                    multipart(sdp("1", "2"), rfc_xml("f20")),
                    MULTIPART,
                    headers={
                        **SIPREC,
                        "Supported": "100rel, timer",
                        "Session-Expires": "1800;refresher=uac",
                        "Min-SE": "90",
                    },
                    parties=(ANN, BOB),
                ),
                Turn(
                    sdp("1", "2"),
                    headers={**SIPREC, "Supported": "timer", "Session-Expires": "1800;refresher=uac", "Min-SE": "90"},
                    parties=(ANN, BOB),
                ),
            ),
            ids=(("session-id", "f20-local;remote=f20-remote"),),
        ),
    ),
)

_BOM = "\ufeff"
_LEFT = """<recording><dataMode>Partial</dataMode><participantsessionassoc participant_id="bob-f21"
 session_id="ses-f21">
<disassociate-time>2026-11-21T10:00:00Z</disassociate-time></participantsessionassoc></recording>"""
_JOINED = """<recording xmlns="urn:ietf:params:xml:ns:recording:1"><datamode>partial</datamode>
<participant participant_id="cleo-f21"><nameID aor="sip:cleo@example.com"><name>Cleo</name></nameID></participant>
<participantstreamassoc participant_id="cleo-f21"><send>s1-f21</send></participantstreamassoc></recording>"""
F21 = Fixture(
    "F21",
    "Partial metadata: a party leaves, another one joins (RFC 8068's transfer)",
    (
        Dialog(
            (
                _plain("f21"),
                # Whoever left is who was heard there last, until somebody joins.
                Turn(_BOM + _LEFT, "application/rs-metadata+xml", "UPDATE", media=(), labels=(), parties=(ANN, BOB)),
                Turn(
                    multipart(sdp("1", "2", version=2), _JOINED),
                    MULTIPART,
                    headers=SIPREC,
                    parties=(ANN, "sip:cleo@example.com"),
                ),
            ),
            quirks=("metadata-namespace",),
        ),
    ),
)
F21_CONFERENCE = Fixture(
    "F21b",
    "A third party joins on an m-line of its own",
    (
        Dialog(
            (
                _plain("f21b"),
                Turn(
                    multipart(
                        sdp("1", "2", "3", version=2),
                        _JOINED.replace("f21", "f21b")
                        .replace("s1-f21b", "s2-f21b")
                        .replace("<participants", '<stream stream_id="s2-f21b"><label>3</label></stream><participants'),
                    ),
                    MULTIPART,
                    headers=SIPREC,
                    media=("audio", "audio", "audio"),
                    labels=("1", "2", "3"),
                    parties=(ANN, BOB, "sip:cleo@example.com"),
                ),
            ),
        ),
    ),
)

_NOBODY_SENDS = """<recording xmlns="urn:ietf:params:xml:ns:recording:1"><datamode>partial</datamode>
<participantstreamassoc participant_id="ann-f21c"><recv>s1-f21c</recv></participantstreamassoc>
<participantstreamassoc participant_id="bob-f21c"></participantstreamassoc></recording>"""
F21_HELD = Fixture(
    "F21c",
    "RFC 8068's hold and resume, by partial metadata",
    (
        Dialog(
            (
                _plain("f21c"),
                Turn(
                    multipart(sdp("1", "2", version=2, direction="inactive"), _NOBODY_SENDS),
                    MULTIPART,
                    headers=SIPREC,
                    parties=(ANN, BOB),
                ),
                Turn(
                    multipart(sdp("1", "2", version=3), rfc_xml("f21c").replace("complete", "partial")),
                    MULTIPART,
                    headers=SIPREC,
                    parties=(ANN, BOB),
                ),
            ),
        ),
    ),
)

F22 = Fixture(
    "F22",
    "A label in the metadata that no m-line has",
    (
        Dialog(
            (
                Turn(
                    multipart(sdp("1", "2"), rfc_xml("f22", (("1", "ann"), ("3", "bob")))),
                    MULTIPART,
                    headers=SIPREC,
                    parties=(ANN, BOB),
                ),
            ),
            quirks=("metadata-label-unmatched",),
        ),
    ),
)
F22_EQUAL = Fixture(
    "F22b",
    "Two streams of one label",
    (
        Dialog(
            (
                Turn(
                    multipart(sdp("1", "1"), rfc_xml("f22b", (("1", "bob"), ("1", "ann")))),
                    MULTIPART,
                    headers=SIPREC,
                    labels=("1", "1"),
                    parties=(BOB, ANN),
                ),
            ),
            quirks=("metadata-labels-not-unique",),
        ),
    ),
)


def _with_names(first: str, second: str) -> str:
    """An offer whose media say whose they are."""
    offer = sdp("1", "2")
    return offer.replace("a=label:1", f"a=ssrc:401 cname:{first}\na=label:1").replace(
        "a=label:2", f"a=ssrc:402 cname:{second}\na=label:2"
    )


F22_CROSSED = Fixture(
    "F22c",
    "The media's own names have the parties the other way round",
    (
        Dialog(
            (
                Turn(
                    multipart(_with_names("bob@example.com", "ann@example.com"), rfc_xml("f22c")),
                    MULTIPART,
                    headers=SIPREC,
                    parties=(BOB, ANN),
                ),
            ),
            quirks=("parties-contradict",),
            is_corrected=True,
        ),
    ),
)
F22_LATE = Fixture(
    "F22d",
    "The media are named in a re-INVITE, the other way round",
    (
        Dialog(
            (
                _plain("f22d"),
                Turn(
                    _with_names("bob", "ann").replace("o=src 7 1", "o=src 7 2"),
                    headers=SIPREC,
                    parties=(BOB, ANN),
                ),
            ),
            quirks=("parties-contradict",),
            is_corrected=True,
        ),
    ),
)
F22_BACKED = Fixture(
    "F22e",
    "The media contradict the labels, and a vendor's header backs these",
    (
        Dialog(
            (
                Turn(
                    multipart(_with_names("bob", "ann"), rfc_xml("f22e")),
                    MULTIPART,
                    headers={
                        **SIPREC,
                        "X-Cisco-Recording-Participant": f'{ANN};media-index="0"\n{BOB};media-index="1"',
                    },
                    parties=(ANN, BOB),
                ),
            ),
            quirks=("parties-contradict",),
        ),
    ),
)
F22_MUDDLED = Fixture(
    "F22f",
    "Both media bear one party's name: nothing to go by",
    (
        Dialog(
            (
                Turn(
                    multipart(_with_names("ann", "ann"), rfc_xml("f22f")),
                    MULTIPART,
                    headers=SIPREC,
                    parties=(ANN, BOB),
                ),
            ),
            quirks=("parties-contradict",),
        ),
    ),
)

_LINES = sdp("1", "2").split("m=audio")
_ODD_LINES = (
    f"{_LINES[0]}m=video 40410 RTP/AVP 96\na=rtpmap:96 H264/90000\na=label:9\nm=audio{_LINES[1]}"
    f"m=audio 0 RTP/AVP 0\na=label:7\nm=text 40412 RTP/AVP 98\na=rtpmap:98 t140/1000\nm=audio{_LINES[2]}"
)
F23 = Fixture(
    "F23",
    "Video, text and a refused m-line between those of the parties",
    (
        Dialog(
            (
                Turn(
                    multipart(_ODD_LINES, rfc_xml("f23")),
                    MULTIPART,
                    headers=SIPREC,
                    media=("-video", "audio", "-audio", "-text", "audio"),
                    labels=("9", "1", "7", "2"),
                    parties=(ANN, BOB),
                ),
            ),
        ),
    ),
)
F23_NONE = Fixture(
    "F23b",
    "Every m-line is taken back, and comes again",
    (
        Dialog(
            (
                _plain("f23b"),
                Turn(
                    sdp("1", "2", version=2).replace("$PORT0", "0").replace("$PORT1", "0"),
                    headers=SIPREC,
                    media=("-audio", "-audio"),
                    parties=(ANN, BOB),
                ),
                Turn(sdp("1", "2", version=3), headers=SIPREC, parties=(ANN, BOB)),
            ),
        ),
    ),
)

_KEYS = (
    "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw",
    "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNk",
    "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNk",
)
_LONG_KEY = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Ng=="


def _secured(profile: str, keys: tuple[str, str], version: int = 1) -> str:
    """Two suites for each m-line, keys of their own."""
    offer = sdp("1", "2", version=version).replace("RTP/AVP", profile)
    for label, key in zip(("1", "2"), keys, strict=True):
        suites = (
            f"a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:{_LONG_KEY}\na=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:{key}\n"
        )
        offer = offer.replace(f"a=label:{label}\n", f"{suites}a=label:{label}\n")
    return offer


F24 = Fixture(
    "F24",
    "SRTP with two suites, its keys changed in a re-INVITE",
    (
        Dialog(
            (
                Turn(
                    multipart(_secured("RTP/SAVP", (_KEYS[0], _KEYS[1])), rfc_xml("f24")),
                    MULTIPART,
                    headers=SIPREC,
                    parties=(ANN, BOB),
                ),
                Turn(_secured("RTP/SAVP", (_KEYS[2], _KEYS[0]), 2), headers=SIPREC, parties=(ANN, BOB)),
            ),
            speech=(),
        ),
    ),
)
F24_FALLBACK = Fixture(
    "F24b",
    "RTP/AVP that offers keys nevertheless",
    (
        Dialog(
            (
                Turn(
                    multipart(_secured("RTP/AVP", (_KEYS[0], _KEYS[1])), rfc_xml("f24b")),
                    MULTIPART,
                    headers={**SIPREC, "Supported": "X-cisco-srtp-fallback"},
                    parties=(ANN, BOB),
                ),
            ),
            speech=(),
        ),
    ),
)

FIXTURES = (
    F19, F20, F21, F21_CONFERENCE, F21_HELD, F22, F22_EQUAL, F22_CROSSED, F22_LATE, F22_BACKED, F22_MUDDLED, F23,
    F23_NONE, F24, F24_FALLBACK,
)  # fmt: skip

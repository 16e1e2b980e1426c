"""What becomes of a recorded call at a PBX: a conference, transfers, park, pickup, waiting calls, queues, pauses."""

from collections.abc import Mapping

from tests.telephony.dialects.fixture import MULTIPART, SIPREC, Dialog, Fixture, Turn, multipart, sdp

_ADDRESS = "sip:{}@pbx.example.com"
ANN, BOB, CLEO, DAVE = (_ADDRESS.format(who) for who in ("ann", "bob", "cleo", "dave"))
_XML = "application/rs-metadata+xml"


def _document(session: str, streams: Mapping[str, str], *, group: str = "", device: str = "") -> str:
    """Complete metadata (RFC 7865): who sends each label's stream. With `device`, other participants."""
    grouped = f'<group group_id="{group}"/>' if group else ""
    reference = f"<group-ref>{group}</group-ref>" if group else ""
    people = "".join(
        f'<participant participant_id="{who}{device}-{session}"><nameID aor="{_ADDRESS.format(who)}"/></participant>'
        f'<participantsessionassoc participant_id="{who}{device}-{session}" session_id="{session}"/>'
        f'<participantstreamassoc participant_id="{who}{device}-{session}"><send>{label}-{session}</send>'
        "</participantstreamassoc>\n"
        for label, who in streams.items()
    )
    media = "".join(
        f'<stream stream_id="{label}-{session}" session_id="{session}"><label>{label}</label></stream>\n'
        for label in streams
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<recording xmlns="urn:ietf:params:xml:ns:recording:1">\n'
        f'<datamode>complete</datamode>\n{grouped}<session session_id="{session}">{reference}</session>\n'
        f'{people}{media}<sessionrecordingassoc session_id="{session}"/>\n</recording>'
    )


def _invite(offer: str, document: str, parties: tuple[str, ...]) -> Turn:
    labels = tuple(str(number) for number in range(1, len(parties) + 1))
    media = ("audio",) * len(parties)
    return Turn(multipart(offer, document), MULTIPART, headers=SIPREC, parties=parties, media=media, labels=labels)


def _told(document: str, parties: tuple[str, ...]) -> Turn:
    """Metadata alone."""
    return Turn(document, _XML, "UPDATE", media=(), labels=(), parties=parties)


def _offered(version: int, direction: str, parties: tuple[str, ...]) -> Turn:
    """SDP alone."""
    return Turn(sdp("1", "2", version=version, direction=direction), headers=SIPREC, parties=parties)


def _call(session: str, *, group: str = "") -> Turn:
    return _invite(sdp("1", "2"), _document(session, {"1": "ann", "2": "bob"}, group=group), (ANN, BOB))


THREE_WAY = Fixture(
    "three-way",
    "A third party joins on an m-line of its own, and leaves again",
    (
        Dialog(
            (
                _call("three"),
                _invite(
                    sdp("1", "2", "3", version=2),
                    _document("three", {"1": "ann", "2": "bob", "3": "cleo"}),
                    (ANN, BOB, CLEO),
                ),
                Turn(
                    sdp("1", "2", "3", version=3).replace("$PORT2", "0"),
                    headers=SIPREC,
                    media=("audio", "audio", "-audio"),
                    labels=("1", "2", "3"),
                    parties=(ANN, BOB, CLEO),
                ),
            ),
        ),
    ),
)
BLIND_TRANSFER = Fixture(
    "blind-transfer",
    "Bob sends the caller on to Cleo",
    (Dialog((_call("blind"), _told(_document("blind", {"1": "ann", "2": "cleo"}), (ANN, CLEO)))),),
)
ATTENDED_TRANSFER = Fixture(
    "attended-transfer",
    "Bob holds the caller, asks Cleo in another call of the same group, and connects both",
    (
        Dialog(
            (
                _call("attended", group="attended-group"),
                _offered(2, "inactive", (ANN, BOB)),
                _invite(
                    sdp("1", "2", version=3),
                    _document("attended", {"1": "ann", "2": "cleo"}, group="attended-group"),
                    (ANN, CLEO),
                ),
            ),
        ),
        Dialog(
            (
                _invite(
                    sdp("1", "2"),
                    _document("consulted", {"1": "bob", "2": "cleo"}, group="attended-group"),
                    (BOB, CLEO),
                ),
            ),
            ids=(("siprec-group", "attended-group"),),
        ),
    ),
    is_one_conversation=True,
)
PARK = Fixture(
    "park",
    "The caller is parked, and taken up again by Dave",
    (
        Dialog(
            (
                _call("park"),
                _invite(sdp("1", "2", version=2, direction="inactive"), _document("park", {"1": "ann"}), (ANN, BOB)),
                _invite(sdp("1", "2", version=3), _document("park", {"1": "ann", "2": "dave"}), (ANN, DAVE)),
            ),
        ),
    ),
)
PICKUP = Fixture(
    "pickup",
    "Bob's phone rings, Cleo picks the call up: the recording begins before anybody answers",
    (
        Dialog(
            (
                _invite(sdp("1", "2", direction="inactive"), _document("pickup", {"1": "ann", "2": "bob"}), (ANN, BOB)),
                _told(_document("pickup", {"1": "ann", "2": "cleo"}), (ANN, CLEO)),
                _offered(2, "sendonly", (ANN, CLEO)),
            ),
        ),
    ),
)
CALL_WAITING = Fixture(
    "call-waiting",
    "Bob holds the caller for another one, who has nothing to do with the first",
    (
        Dialog((_call("first"), _offered(2, "inactive", (ANN, BOB)), _offered(3, "sendonly", (ANN, BOB)))),
        Dialog((_invite(sdp("1", "2"), _document("other", {"1": "cleo", "2": "bob"}), (CLEO, BOB)),)),
    ),
)
SHARED_LINE = Fixture(
    "shared-line",
    "Bob goes on at another phone of the same number",
    (
        Dialog(
            (
                _call("shared"),
                _offered(2, "inactive", (ANN, BOB)),
                _invite(
                    sdp("1", "2", version=3), _document("shared", {"1": "ann", "2": "bob"}, device="-desk"), (ANN, BOB)
                ),
            ),
        ),
    ),
)
VOICEMAIL = Fixture(
    "voicemail",
    "Nobody answers: the caller speaks to the voicemail system",
    (
        Dialog(
            (
                _invite(sdp("1", "2", direction="inactive"), _document("mail", {"1": "ann", "2": "bob"}), (ANN, BOB)),
                _invite(
                    sdp("1", "2", version=2),
                    _document("mail", {"1": "ann", "2": "voicemail"}),
                    (ANN, _ADDRESS.format("voicemail")),
                ),
            ),
        ),
    ),
)
QUEUE = Fixture(
    "queue",
    "The caller waits in a queue, and an agent of it answers",
    (
        Dialog(
            (
                _invite(sdp("1", "2"), _document("queue", {"1": "ann", "2": "sales"}), (ANN, _ADDRESS.format("sales"))),
                _told(_document("queue", {"1": "ann", "2": "dave"}), (ANN, DAVE)),
            ),
        ),
    ),
)
PAUSE = Fixture(
    "pause",
    "The recording is paused and resumed by SDP alone, once by direction and once by address",
    (
        Dialog(
            (
                _call("pause"),
                _offered(2, "inactive", (ANN, BOB)),
                _offered(3, "sendonly", (ANN, BOB)),
                Turn(sdp("1", "2", version=4, address="0.0.0.0"), headers=SIPREC, parties=(ANN, BOB)),
                _offered(5, "sendonly", (ANN, BOB)),
            ),
        ),
    ),
)
LATE_MEDIA = Fixture(
    "late-media",
    "Metadata alone in the INVITE, the offer is the service's; the second party's m-line comes later",
    (
        Dialog(
            (
                Turn(
                    _document("late", {"1": "ann"}),
                    _XML,
                    headers=SIPREC,
                    ack=sdp("1"),
                    media=("audio",),
                    labels=(),
                    parties=(ANN,),
                ),
                _invite(sdp("1", "2", version=2), _document("late", {"1": "ann", "2": "bob"}), (ANN, BOB)),
            ),
        ),
    ),
)
KEYS = Fixture(
    "keys",
    "Keys by INFO, as relays of old send them, do no harm",
    (
        Dialog(
            (
                _call("keys"),
                Turn(
                    "Signal=5\nDuration=160\n",
                    "application/dtmf-relay",
                    "INFO",
                    media=(),
                    labels=(),
                    parties=(ANN, BOB),
                ),
            ),
        ),
    ),
)

FIXTURES = (
    THREE_WAY,
    BLIND_TRANSFER,
    ATTENDED_TRANSFER,
    PARK,
    PICKUP,
    CALL_WAITING,
    SHARED_LINE,
    VOICEMAIL,
    QUEUE,
    PAUSE,
    LATE_MEDIA,
    KEYS,
)

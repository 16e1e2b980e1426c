"""Bodies that nobody ought to send: hostile, cut short, of other names; their calls are recorded all the same."""

from tests.telephony.dialects.fixture import MULTIPART, SIPREC, UNKNOWN, Dialog, Fixture, Turn, multipart, rfc_xml, sdp

ANN, BOB = "sip:ann@example.com", "sip:bob@example.com"

_HOSTILE = '<!DOCTYPE recording [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
HOSTILE = Fixture(
    "hostile",
    "Metadata that declares entities is dropped, its call recorded",
    (
        Dialog(
            (
                Turn(
                    multipart(sdp("1", "2"), rfc_xml("hostile").replace("<recording ", f"{_HOSTILE}<recording ")),
                    MULTIPART,
                    headers=SIPREC,
                    parties=(UNKNOWN, UNKNOWN),
                ),
            ),
            quirks=("metadata-hostile", "party-unknown"),
        ),
    ),
)
OTHER_ROOT = Fixture(
    "unknown",
    "XML of another root is read as far as it is known",
    (
        Dialog(
            (
                Turn(
                    multipart(
                        sdp("1", "2"),
                        rfc_xml("unknown")
                        .replace("<recording ", "<wrap><callRecord ")
                        .replace("</recording>", "</callRecord></wrap>"),
                    ),
                    MULTIPART,
                    headers=SIPREC,
                    parties=(ANN, BOB),
                ),
            ),
            quirks=("metadata-root-unknown", "metadata-namespace"),
        ),
    ),
)
CUT = Fixture(
    "cut",
    "Metadata that breaks off",
    (
        Dialog(
            (
                Turn(
                    multipart(sdp("1", "2"), rfc_xml("cut").partition("<sessionrecordingassoc")[0]),
                    MULTIPART,
                    headers=SIPREC,
                    parties=(UNKNOWN, UNKNOWN),
                ),
            ),
            quirks=("metadata-cut-short", "metadata-sender-missing", "party-unknown"),
        ),
    ),
)

OTHER_BOUNDARY = Fixture(
    "boundary",
    "A multipart whose Content-Type names another boundary",
    (
        Dialog(
            (
                Turn(
                    multipart(sdp("1", "2"), rfc_xml("boundary")),
                    "multipart/mixed;boundary=another",
                    headers=SIPREC,
                    parties=(ANN, BOB),
                ),
            ),
            quirks=("multipart-unreadable",),
        ),
    ),
)
DEEP = Fixture(
    "deep",
    "Metadata that is far too deep is dropped, its call recorded",
    (
        Dialog(
            (
                Turn(
                    multipart(sdp("1", "2"), rfc_xml("deep").replace("</recording>", f"{'<a>' * 99}</recording>")),
                    MULTIPART,
                    headers=SIPREC,
                    parties=(UNKNOWN, UNKNOWN),
                ),
            ),
            quirks=("metadata-hostile", "party-unknown"),
        ),
    ),
)

FIXTURES = (HOSTILE, OTHER_ROOT, CUT, OTHER_BOUNDARY, DEEP)

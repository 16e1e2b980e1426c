"""Codes of deviations, as a call's record keeps them. The list is closed; docs/attach.md tells what each one means."""

from enum import StrEnum


class Quirk(StrEnum):
    """What deviated, and was repaired or gone round; the call is taken all the same."""

    # SDP and bodies
    SDP_JUNK = "sdp-junk-lines"
    SDP_VERSION = "sdp-v-missing"
    SDP_ORIGIN = "sdp-o-missing"
    SDP_NAME = "sdp-s-missing"
    SDP_CONNECTION = "sdp-c-missing"
    SDP_TIME = "sdp-t-missing"
    BODY_LENGTH = "content-length-wrong"
    BODY_TYPE = "content-type-missing"
    PART_TYPE = "part-type-missing"
    MULTIPART = "multipart-unreadable"
    CONTACT = "contact-malformed"

    # Recording metadata as a document
    METADATA_MISSING = "metadata-missing"
    METADATA_LARGE = "metadata-too-large"
    METADATA_HOSTILE = "metadata-hostile"
    METADATA_INVALID = "metadata-invalid"
    METADATA_CUT = "metadata-cut-short"
    METADATA_OLD = "metadata-old-format"
    METADATA_NAMESPACE = "metadata-namespace"
    METADATA_ROOT = "metadata-root-unknown"

    # What the metadata says
    ADDRESS_SCHEME = "aor-without-scheme"
    STREAM_ID = "metadata-stream-without-id"
    LABELS_EQUAL = "metadata-labels-not-unique"
    LABEL_UNMATCHED = "metadata-label-unmatched"
    LABELS_MISSING = "labels-missing"
    SENDER_MISSING = "metadata-sender-missing"
    SESSION_REPLACED = "session-replaced"
    STREAM_TAKEN_OVER = "stream-taken-over"
    PARTY_UNKNOWN = "party-unknown"
    PARTIES_CONTRADICT = "parties-contradict"


SDP_MISSING = {
    "v": Quirk.SDP_VERSION,
    "o": Quirk.SDP_ORIGIN,
    "s": Quirk.SDP_NAME,
    "c": Quirk.SDP_CONNECTION,
    "t": Quirk.SDP_TIME,
}
"""By the letter of the SDP line that was not there."""

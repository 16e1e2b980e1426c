"""A recording session's offer and metadata (RFC 7865, RFC 7866) as a session border controller sends them."""

from collections.abc import Sequence

BOUNDARY = "callscribe-test-boundary"

METADATA = """<?xml version="1.0" encoding="UTF-8"?>
<recording xmlns="urn:ietf:params:xml:ns:recording:1">
  <datamode>complete</datamode>
  <group group_id="Z3JvdXAtb25l"><associate-time>2026-11-21T09:00:00Z</associate-time></group>
  <session session_id="c2Vzc2lvbi1vbmU="><group-ref>Z3JvdXAtb25l</group-ref></session>
  <participant participant_id="cGFydC1hZ2VudA==">
    <nameID aor="sip:1001@pbx.example.com"><name xml:lang="en">Daniel</name></nameID>
  </participant>
  <participant participant_id="cGFydC1jdXN0">
    <nameID aor="sip:+15550100@example.com"><name xml:lang="en">Laura Bennett</name></nameID>
  </participant>
  <stream stream_id="c3RyZWFtLTE=" session_id="c2Vzc2lvbi1vbmU="><label>{labels[0]}</label></stream>
  <stream stream_id="c3RyZWFtLTI=" session_id="c2Vzc2lvbi1vbmU="><label>{labels[1]}</label></stream>
  <sessionrecordingassoc session_id="c2Vzc2lvbi1vbmU="/>
  <participantsessionassoc participant_id="cGFydC1hZ2VudA==" session_id="c2Vzc2lvbi1vbmU="/>
  <participantsessionassoc participant_id="cGFydC1jdXN0" session_id="c2Vzc2lvbi1vbmU="/>
  <participantstreamassoc participant_id="cGFydC1hZ2VudA==">
    <send>c3RyZWFtLTE=</send><recv>c3RyZWFtLTI=</recv>
  </participantstreamassoc>
  <participantstreamassoc participant_id="cGFydC1jdXN0">
    <send>c3RyZWFtLTI=</send><recv>c3RyZWFtLTE=</recv>
  </participantstreamassoc>
  <extensiondata>{padding}</extensiondata>
</recording>
"""


def offer(ports: Sequence[int], labels: Sequence[str] = ("1", "2")) -> str:
    """SDP with one sendonly m-line for each port."""
    lines = ["v=0", "o=src 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
    for port, label in zip(ports, labels, strict=True):
        lines += [f"m=audio {port} RTP/AVP 0", "a=rtpmap:0 PCMU/8000", f"a=label:{label}", "a=sendonly"]
    return "\n".join(lines) + "\n"


def multipart(sdp: str, labels: Sequence[str] = ("1", "2"), padding: int = 0, metadata: str | None = None) -> str:
    """The INVITE's body: the offer and its metadata, `padding` bytes longer than they need be, or other metadata."""
    if metadata is None:
        metadata = METADATA.format(labels=labels, padding="x" * padding)
    return (
        f"--{BOUNDARY}\nContent-Type: application/sdp\n\n{sdp}\n"
        f"--{BOUNDARY}\nContent-Type: application/rs-metadata+xml\n"
        f"Content-Disposition: recording-session\n\n{metadata}\n"
        f"--{BOUNDARY}--\n"
    )


CONTENT_TYPE = f"multipart/mixed;boundary={BOUNDARY}"
HEADERS = ("Require: siprec", "Accept: application/sdp, application/rs-metadata")

"""Recording metadata: RFC 7865 and what older drafts and odd senders make of it."""

import random

import pytest

from callscribe.domain.call import Party
from callscribe.domain.errors import MalformedMetadata
from telephony.siprec.attribution import ChannelSpeakers, RecordedLine, attribute
from telephony.siprec.metadata import MAX_ENTRIES, RecordingMetadata, merge
from telephony.siprec.reading import parse
from telephony.siprec.tree import MAX_BYTES

COMPLETE = """<?xml version="1.0" encoding="UTF-8"?>
<recording xmlns="urn:ietf:params:xml:ns:recording:1">
  <datamode>complete</datamode>
  <group group_id="grp-1"><associate-time>2026-01-01T00:00:00Z</associate-time></group>
  <session session_id="ses-1"><sipSessionID>ab12;remote=cd34</sipSessionID><group-ref>grp-1</group-ref></session>
  <participant participant_id="p-bob"><nameID aor="sip:bob@example.com"><name xml:lang="en">Bob B.</name></nameID>
  </participant>
  <participant participant_id="p-ann"><nameID aor="sip:ann@example.com;user=phone"/></participant>
  <stream stream_id="str-1" session_id="ses-1"><label>96</label></stream>
  <stream stream_id="str-2" session_id="ses-1"><label>97</label></stream>
  <sessionrecordingassoc session_id="ses-1"/>
  <participantsessionassoc participant_id="p-bob" session_id="ses-1"/>
  <participantstreamassoc participant_id="p-bob"><send>str-1</send><recv>str-2</recv></participantstreamassoc>
  <participantstreamassoc participant_id="p-ann"><send>str-2</send><recv>str-1</recv></participantstreamassoc>
</recording>
"""
BOB = Party("sip:bob@example.com", "Bob B.", "p-bob")
ANN = Party("sip:ann@example.com", "", "p-ann")


def read(text: str) -> RecordingMetadata:
    return parse(text.encode())


def speakers(metadata: RecordingMetadata, *labels: str) -> tuple[ChannelSpeakers, ...]:
    return attribute(metadata, (), [RecordedLine(place, label) for place, label in enumerate(labels)]).speakers


def heard(metadata: RecordingMetadata, *labels: str) -> list[Party | None]:
    return [channel.party for channel in speakers(metadata, *labels)]


def test_sessions_groups_and_parties_are_read() -> None:
    metadata = read(COMPLETE)
    assert [(s.id, s.group, s.sip_session) for s in metadata.sessions] == [("ses-1", "grp-1", "ab12;remote=cd34")]
    assert metadata.groups == ("grp-1",)
    assert [participant.party for participant in metadata.participants] == [BOB, ANN]
    assert [(stream.id, stream.label, stream.session) for stream in metadata.streams] == [
        ("str-1", "96", "ses-1"),
        ("str-2", "97", "ses-1"),
    ]
    assert [(use.participant, use.send, use.recv) for use in metadata.uses] == [
        ("p-bob", ("str-1",), ("str-2",)),
        ("p-ann", ("str-2",), ("str-1",)),
    ]
    assert (metadata.partial, metadata.quirks) == (False, ())


def test_a_party_is_heard_on_the_channel_its_stream_is_labelled_for() -> None:
    metadata = read(COMPLETE)
    assert heard(metadata, "96", "97") == [BOB, ANN]
    assert heard(metadata, "97", "96") == [ANN, BOB]


def test_crossed_streams_are_followed() -> None:
    crossed = COMPLETE.replace("<send>str-1</send>", "<send>x</send>").replace(
        "<send>str-2</send>", "<send>str-1</send>"
    )
    assert heard(read(crossed.replace("<send>x</send>", "<send>str-2</send>")), "96", "97") == [ANN, BOB]


def test_a_label_that_no_stream_has_is_nobodys() -> None:
    assert heard(read(COMPLETE), "96", "5", "") == [BOB, None, None]


def test_without_labels_streams_and_channels_go_in_order() -> None:
    assert heard(read(COMPLETE), "", "") == [BOB, ANN]
    assert heard(read(COMPLETE), "", "", "") == [BOB, ANN, None]


def test_two_senders_of_one_stream_make_it_mixed() -> None:
    mixed = COMPLETE.replace("<send>str-2</send>", "<send>str-1</send>")
    assert speakers(read(mixed), "96") == (ChannelSpeakers((BOB, ANN), mixed=True),)
    assert heard(read(mixed), "96") == [None]


def test_a_stream_of_mode_mixed_is_mixed() -> None:
    metadata = read(COMPLETE.replace("<label>96</label>", "<label>96</label><mode>mixed</mode>"))
    assert speakers(metadata, "96")[0].mixed


OLD_DRAFT = """\ufeff
<recording_metadata xmlns="urn:ietf:params:xml:ns:siprec"><dataMode>complete</dataMode>
 <participant id="urn:uuid:p1" session="s"><aor>bob@192.0.2.9</aor><name> </name><send><id>urn:uuid:a</id></send>
 </participant>
 <participant id="p2"><nameID aor="tel:+1555"><name>Eve</name></nameID><send>b</send></participant>
 <stream id="a" session="s"><label>1</label></stream><stream id="urn:uuid:b"><label>2</label></stream>
 <stream id=""><label>3</label></stream>
 <x:vendor><x:ucid>00FA08</x:ucid></x:vendor>
</recording_metadata>"""


def test_an_older_draft_is_understood() -> None:
    metadata = read(OLD_DRAFT)
    assert heard(metadata, "1", "2") == [Party("sip:bob@192.0.2.9", "", "p1"), Party("tel:+1555", "Eve", "p2")]
    assert metadata.vendor_ids == (("ucid", "00FA08"),)
    assert metadata.quirks == (
        "metadata-namespace",
        "metadata-old-format",
        "metadata-stream-without-id",
        "aor-without-scheme",
    )


def test_streams_with_one_label_are_told() -> None:
    assert read(COMPLETE.replace("97", "96")).quirks == ("metadata-labels-not-unique",)


def test_a_partial_update_changes_what_it_names() -> None:
    update = read(
        """<recording><datamode>partial</datamode>
        <participant participant_id="p-ann"><nameID aor="sip:ann@example.com"><name>Ann</name></nameID></participant>
        <participant participant_id="p-cy"><nameID aor="sip:cy@example.com"/></participant>
        <participantstreamassoc participant_id="p-cy"><send>str-1</send></participantstreamassoc>
        <participantsessionassoc participant_id="p-bob"><disassociate-time>2026-01-01T00:01:00Z</disassociate-time>
        </participantsessionassoc></recording>"""
    )
    merged = merge(read(COMPLETE), update)
    ann = Party("sip:ann@example.com", "Ann", "p-ann")
    assert heard(merged, "96", "97") == [Party("sip:cy@example.com", "", "p-cy"), ann]
    assert [participant.id for participant in merged.participants] == ["p-ann", "p-cy"]
    assert merged.groups == ("grp-1",)


NEW_STREAM = """<recording><datamode>partial</datamode>{}
<participant participant_id="p-cy"><nameID aor="sip:cy@example.com"/></participant>
<stream stream_id="str-3" session_id="ses-2"><label>97</label></stream>
<participantstreamassoc participant_id="p-cy"><send>str-3</send>{}</participantstreamassoc></recording>"""


def test_a_new_stream_under_an_earlier_ones_label_takes_its_place() -> None:
    merged = merge(read(COMPLETE), read(NEW_STREAM.format("", "<recv>str-1</recv>")))
    assert heard(merged, "96", "97") == [BOB, CY]
    assert [stream.id for stream in merged.streams] == ["str-1", "str-3"]
    assert not merged.senders("str-2")
    again = merge(merged, read(NEW_STREAM.format("", "").replace("str-3", "str-4").replace("p-cy", "p-dee")))
    assert [party.participant_id for party in heard(again, "96", "97") if party] == ["p-bob", "p-dee"]


@pytest.mark.parametrize(
    "end",
    [
        '<session session_id="ses-1"><stop-time>2026-01-01T00:01Z</stop-time></session><session session_id="ses-2"/>',
        '<session session_id="ses-2"/><sessionrecordingassoc session_id="ses-1"><disassociate-time>2026-01-01T00:01:00Z'
        "</disassociate-time></sessionrecordingassoc>",
    ],
)
def test_who_was_on_a_session_that_ended_is_gone_once_another_one_follows(end: str) -> None:
    known = read(COMPLETE)
    merged = merge(known, read(NEW_STREAM.format(end, "")))
    assert heard(merged, "96", "97") == [None, CY]
    assert [entry.id for entry in merged.participants] == ["p-cy"]
    over = '<recording><datamode>partial</datamode><session session_id="ses-1"><stop-time>now</stop-time></session>'
    assert heard(merge(known, read(f"{over}</recording>")), "96", "97") == heard(known, "96", "97")


TRANSFER = """<recording><datamode>partial</datamode>
<participant participant_id="p-cy"><nameID aor="sip:cy@example.com"/></participant>
<participantstreamassoc participant_id="p-cy"><send>str-2</send></participantstreamassoc></recording>"""
CY = Party("sip:cy@example.com", "", "p-cy")


def test_whoever_joins_on_a_stream_takes_it_over_for_good() -> None:
    merged = merge(read(COMPLETE), read(TRANSFER))
    assert heard(merged, "96", "97") == [BOB, CY]
    assert "stream-taken-over" in merged.quirks
    both = COMPLETE.replace("<participantstreamassoc ", f"{TRANSFER[39:-12]}<participantstreamassoc ", 1)
    again = merge(merged, read(both))
    assert heard(again, "96", "97") == [BOB, CY]
    assert again.quirks == ()
    alone = merge(again, read(COMPLETE))
    assert heard(alone, "96", "97") == [BOB, ANN]


def test_parties_that_were_there_and_share_a_stream_from_now_on_are_mixed() -> None:
    shared = read(COMPLETE.replace("<send>str-2</send>", "<send>str-1</send>"))
    assert speakers(merge(read(COMPLETE), shared), "96") == (ChannelSpeakers((BOB, ANN), mixed=True),)


def test_who_joins_on_a_mixed_stream_takes_nothing_over() -> None:
    mixed = COMPLETE.replace("<label>97</label>", "<label>97</label><mode>mixed</mode>")
    assert speakers(merge(read(mixed), read(TRANSFER)), "96", "97")[1] == ChannelSpeakers((ANN, CY), mixed=True)


def test_what_partial_updates_add_is_bounded_and_the_newest_stays() -> None:
    known = read(COMPLETE)
    for number in range(100):
        update = (
            f'<recording><datamode>partial</datamode><session session_id="ses-{number}"/><group group_id="g-{number}"/>'
            f'<participant participant_id="p-{number}"/><stream stream_id="s-{number}"><label>{number}</label></stream>'
            f'<participantstreamassoc participant_id="p-{number}"><send>s-{number}</send></participantstreamassoc>'
            "</recording>"
        )
        known = merge(known, read(update))
    counts = (known.participants, known.streams, known.uses, known.sessions, known.groups)
    assert [len(entries) for entries in counts] == [MAX_ENTRIES] * 5
    assert heard(known, "99") == [Party("", "", "p-99")]
    assert [entry.id for entry in known.participants] == [f"p-{number}" for number in range(36, 100)]


def test_who_lost_a_stream_to_another_is_forgotten_when_leaving() -> None:
    known = merge(read(COMPLETE), read(TRANSFER))
    assert known.ousted == {("p-ann", "str-2")}
    left = "<participantsessionassoc participant_id='p-ann'><disassociate-time>2026-01-01T00:01:00Z</disassociate-time>"
    gone = read(f"<recording><datamode>partial</datamode>{left}</participantsessionassoc></recording>")
    assert merge(known, gone).ousted == frozenset()


def test_a_complete_update_replaces_everything() -> None:
    fresh = read(COMPLETE.replace("ses-1", "ses-2").replace("bob@", "bert@"))
    merged = merge(read(COMPLETE), fresh)
    assert [session.id for session in merged.sessions] == ["ses-2"]
    assert merged.participants[0].address == "sip:bert@example.com"


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"not xml",
        b"<recording>",
        b"<recording></other></recording>",
        b"<html/>",
        b'<!DOCTYPE r [<!ENTITY a "b">]><recording>&a;</recording>',
        b'<!DOCTYPE r SYSTEM "file:///etc/passwd"><recording/>',
        b"<recording>&undefined;</recording>",
        b"<?xml version='1.0' encoding='nonsense'?><recording/>",
        b"<recording>\xff\xfe</recording>",
        b"<recording>" + b"<a>" * 40 + b"</a>" * 40 + b"</recording>",
        b"<recording>" + b"<a/>" * 5000 + b"</recording>",
        b"<recording><!--" + b"x" * MAX_BYTES + b"--></recording>",
    ],
)
def test_what_is_no_metadata_is_malformed(document: bytes) -> None:
    with pytest.raises(MalformedMetadata):
        parse(document)


def test_metadata_of_64_kib_is_read() -> None:
    padded = COMPLETE.replace("</recording>", "<!--") + "x" * (MAX_BYTES - len(COMPLETE) - 20) + "--></recording>"
    assert heard(read(padded), "96") == [BOB]


def test_names_are_fit_to_be_stored() -> None:
    long = COMPLETE.replace("Bob B.", "B\n" * 500 + "&#9;b")
    assert len(read(long).participants[0].name) <= 255
    assert read(COMPLETE.replace("Bob B.", "Bob\n B.")).participants[0].name == "Bob  B."


@pytest.mark.parametrize("seed", range(3))
def test_mutated_metadata_raises_nothing_else(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(300):
        raw = bytearray(COMPLETE.encode())
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(len(raw))
            if chance.random() < 0.5:
                raw[place] = chance.randrange(256)
            else:
                del raw[place : place + chance.randint(1, 40)]
        try:
            metadata = merge(read(COMPLETE), parse(bytes(raw)))
        except MalformedMetadata:
            continue
        speakers(metadata, "96", "97")

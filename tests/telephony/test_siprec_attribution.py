"""Metadata beside the SDP, and beside what else names somebody."""

from dataclasses import replace

import pytest

from callscribe.domain.call import Party
from telephony.quirks import Quirk
from telephony.siprec.attribution import Attribution, Claim, RecordedLine, Source, attribute, match_streams
from telephony.siprec.metadata import MediaStream, Participant, RecordingMetadata, StreamUse

ANN = Participant("p-ann", "sip:ann@example.com", "Ann")
BOB = Participant("p-bob", "sip:bob@example.com", "Bob")
METADATA = RecordingMetadata(
    participants=(ANN, BOB),
    streams=(MediaStream("s1", "1"), MediaStream("s2", "2")),
    uses=(StreamUse("p-ann", ("s1",)), StreamUse("p-bob", ("s2",))),
)
LINES = (RecordedLine(0, "1"), RecordedLine(1, "2"))


def cname(media: int, name: str) -> Claim:
    return Claim(media, Party("", name), Source.CNAME)


def header(media: int, address: str) -> Claim:
    return Claim(media, Party(address), Source.VENDOR)


def parties(attribution: Attribution, *, overruled: bool = False) -> list[Party | None] | None:
    speakers = attribution.overruled if overruled else attribution.speakers
    return None if speakers is None else [who.party for who in speakers]


def test_labels_say_who_is_where() -> None:
    found = attribute(METADATA, (), LINES[::-1])
    assert (parties(found), found.overruled, found.quirks) == ([BOB.party, ANN.party], None, ())


@pytest.mark.parametrize(
    "names",
    [
        ("ann@example.com", "bob@example.com"),
        ("ANN", "Bob"),
        ("sip:ann@example.com", "p-bob"),
        ("ann@192.0.2.1", "x7Kq"),
        ("relay@192.0.2.1", "relay@192.0.2.1"),
    ],
)
def test_names_of_the_media_that_agree_or_name_nobody_change_nothing(names: tuple[str, str]) -> None:
    found = attribute(METADATA, [cname(place, name) for place, name in enumerate(names)], LINES)
    assert (parties(found), found.overruled, found.quirks) == ([ANN.party, BOB.party], None, ())


def test_a_name_that_two_participants_have_means_neither() -> None:
    both = replace(METADATA, participants=(ANN, replace(BOB, name="Ann")))
    found = attribute(both, (cname(0, "sip:bob@example.com"), cname(1, "ann")), LINES)
    assert (found.overruled, found.quirks) == (None, (Quirk.PARTIES_CONTRADICT,))


@pytest.mark.parametrize(
    "claims",
    [
        (cname(0, "bob@example.com"), cname(1, "ann@example.com")),
        (header(0, "sip:bob@10.0.0.1"), header(1, "sip:ann@10.0.0.1")),
        (cname(0, "bob"), cname(1, "ann"), header(0, "sip:bob@x"), header(1, "sip:ann@x")),
    ],
)
def test_claims_that_exchange_the_parties_are_told_and_believed(claims: tuple[Claim, ...]) -> None:
    found = attribute(METADATA, claims, LINES)
    assert parties(found) == [ANN.party, BOB.party]
    assert parties(found, overruled=True) == [BOB.party, ANN.party]
    assert found.quirks == (Quirk.PARTIES_CONTRADICT,)


@pytest.mark.parametrize(
    "claims",
    [
        (cname(0, "bob"),),
        (cname(0, "ann"), cname(1, "ann")),
        (cname(0, "bob"), cname(1, "ann"), header(0, "sip:ann@x"), header(1, "sip:bob@x")),
        (cname(0, "bob"), cname(1, "ann"), header(0, "sip:ann@x")),
    ],
)
def test_claims_that_only_muddle_or_contradict_each_other_are_told_and_labels_stand(claims: tuple[Claim, ...]) -> None:
    found = attribute(METADATA, claims, LINES)
    assert (parties(found), found.overruled) == ([ANN.party, BOB.party], None)
    assert found.quirks == (Quirk.PARTIES_CONTRADICT,)


def test_claims_stand_in_where_nobody_is_said_to_send() -> None:
    silent = replace(METADATA, uses=())
    found = attribute(silent, (cname(1, "ann"),), LINES)
    assert (parties(found), found.quirks) == ([BOB.party, ANN.party], (Quirk.SENDER_MISSING,))
    three = replace(silent, participants=(ANN, BOB, replace(BOB, id="p-cy", address="sip:cy@example.com", name="Cy")))
    assert parties(attribute(three, (cname(1, "ann"),), LINES)) == [None, ANN.party]
    assert parties(attribute(silent, (), LINES)) == [None, None]


def test_without_metadata_headers_name_parties_and_media_do_not() -> None:
    found = attribute(None, (header(1, "sip:ann@x"), cname(0, "bob")), LINES)
    assert parties(found) == [None, Party("sip:ann@x")]
    mixed = attribute(None, (header(0, "sip:ann@x"), header(0, "sip:bob@x")), LINES[:1])
    assert mixed.speakers[0].mixed


def test_one_unlabelled_m_line_for_several_streams_is_mixed() -> None:
    found = attribute(METADATA, (), (RecordedLine(0),))
    assert found.speakers[0].mixed
    assert found.speakers[0].parties == (ANN.party, BOB.party)


def test_two_streams_that_come_back_to_their_senders_are_not_mixed() -> None:
    uses = (StreamUse("p-ann", ("s1",), ("s1", "s2")), StreamUse("p-bob", ("s2",), ("s1", "s2")))
    assert parties(attribute(replace(METADATA, uses=uses), (), LINES)) == [ANN.party, BOB.party]


@pytest.mark.parametrize(
    ("streams", "labels", "found", "quirks"),
    [
        ("12", "21", "21", ()),
        ("12", "13", "12", (Quirk.LABEL_UNMATCHED,)),
        ("123", "1", "1", (Quirk.LABEL_UNMATCHED,)),
        ("12", "34", "--", (Quirk.LABEL_UNMATCHED,)),
        ("12", "134", "1--", (Quirk.LABEL_UNMATCHED,)),
        ("11", "11", "11", ()),
        ("12", "  ", "12", (Quirk.LABELS_MISSING,)),
        ("  ", "12", "  ", (Quirk.LABELS_MISSING,)),
        ("12", "   ", "12-", (Quirk.LABELS_MISSING,)),
        ("", "12", "--", ()),
    ],
)
def test_streams_are_matched_with_channels(streams: str, labels: str, found: str, quirks: tuple[Quirk, ...]) -> None:
    """One letter a stream or channel: its label, " " for none; "-" is a channel without stream."""
    made = [MediaStream(f"s{place}", label.strip()) for place, label in enumerate(streams)]
    matched, told = match_streams(made, [label.strip() for label in labels])
    assert "".join("-" if stream is None else stream.label or " " for stream in matched) == found
    assert told == quirks
    assert len({stream.id for stream in matched if stream}) == len([stream for stream in matched if stream])

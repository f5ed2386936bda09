"""Documents of hash sharing: what is written is read back, and nothing but a page is taken for one."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings, strategies as st
from lxml import etree

from fanal.formats.hashsharing import (
    MAX_ENTRIES,
    NAMESPACE,
    EntriesPage,
    FingerprintVote,
    HandedVote,
    Media,
    Member,
    SharedEntry,
    VoteReason,
    entries_document,
    error_document,
    members_document,
    read_feedback,
    read_page,
    reasons_document,
    status_document,
)
from fanal.formats.refusal import FormatRefused

AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
DESK = Member(id=1, name="Desk & Sons <test>")
NS = f"{{{NAMESPACE}}}"
HEX = "0123456789abcdef"


def entry(**more):
    said = {"id": "e-1", "member": DESK, "at": AT, "fingerprints": {"md5": "0" * 32}} | more
    return SharedEntry(**said)


def page(xml):
    return f'<queryResult xmlns="{NAMESPACE}"><images>{xml}</images></queryResult>'.encode()


GOOD = f"<image><member id='1'>a</member><id>x</id><fingerprints><md5>{'0' * 32}</md5></fingerprints></image>"
REFUSED = {
    "no xml": b"\x00\x01",
    "empty": b"",
    "html": b"<html><body>login</body></html>",
    "doctype": b'<!DOCTYPE q [<!ENTITY a "b">]><queryResult/>',
    "other element": page("<picture/>"),
    "no id": page("<image><member id='1'/></image>"),
    "no member": page("<image><id>x</id></image>"),
    "member without number": page("<image><member id='x'/><id>x</id></image>"),
    "negative member": page("<image><member id='-1'/><id>x</id></image>"),
    "short hash": page(GOOD.replace("0" * 32, "0" * 31)),
    "no hexadecimal": page(GOOD.replace("0" * 32, "g" * 32)),
    "long id": page(GOOD.replace("<id>x", f"<id>{'x' * 201}")),
    "two ids": page(GOOD.replace("<id>x</id>", "<id>x</id><id>y</id>")),
    "bad date": page(GOOD.replace("<id>", "<timestamp>yesterday</timestamp><id>")),
    "one bad among good": page(GOOD * 3 + "<image/>"),
    "too many": page(GOOD * (MAX_ENTRIES + 1)),
}


class TestPages:
    def test_what_is_written_is_read_back(self) -> None:
        written = EntriesPage(
            entries=(
                entry(classification="A1", fingerprints={"pdq": "ab" * 32, "md5": "0" * 32}),
                entry(id="e-2", deleted=True, fingerprints={}),
                entry(id="e-3", media=Media.VIDEO),
            ),
            next="/v2/entries?from=a&to=b",
        )
        assert read_page(entries_document(written)) == written

    def test_votes_stand_by_kind_and_reason(self) -> None:
        other = Member(id=2, name="Other")
        votes = (
            FingerprintVote(member=DESK, kind="md5", at=AT),
            FingerprintVote(member=other, kind="md5", at=AT, reason="r-1", reason_name="No abuse"),
            FingerprintVote(member=DESK, kind="md5", at=AT, reason="r-2", reason_name="Other"),
            FingerprintVote(member=other, kind="tmk_pdqf", at=AT),
        )
        root = etree.fromstring(entries_document(EntriesPage(entries=(entry(votes=votes),))))
        feedback = root.find(f".//{NS}feedback")
        assert [(e.tag.removeprefix(NS), e.get("type")) for e in feedback] == [
            ("affirmativeFeedback", "Md5"),
            ("negativeFeedback", "Md5"),
            ("affirmativeFeedback", "TMK_PDQF"),
        ]
        reasons = feedback.find(f"{NS}negativeFeedback/{NS}reasons")
        assert [e.tag.removeprefix(NS) for e in reasons] == ["reason", "members"] * 2

    @pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
    def test_garbage_is_refused_whole(self, body: bytes) -> None:
        with pytest.raises(FormatRefused):
            read_page(body)

    @settings(max_examples=60, deadline=None)
    @given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
    def test_any_bytes_are_a_page_or_refused(self, body: bytes) -> None:
        for document in (body, page("<image>") + body):
            with pytest.raises(FormatRefused):
                read_page(document)

    @settings(max_examples=60, deadline=None)
    @given(st.text(max_size=50), st.text(max_size=50), st.sampled_from(list(Media)))
    def test_any_words_are_written(self, name: str, said: str, media: Media) -> None:
        written = entries_document(
            EntriesPage(
                entries=(entry(member=Member(id=1, name=name), classification=said, media=media),)
            )
        )
        [found] = read_page(written).entries
        assert found.media is media


class TestOthers:
    def test_status_members_and_reasons(self) -> None:
        status = etree.fromstring(status_document(member=DESK, user="u", address="192.0.2.1"))
        assert (status.tag, status.findtext(f"{NS}username")) == (f"{NS}status", "u")
        members = etree.fromstring(members_document([DESK, Member(id=2, name="b")]))
        assert [m.get("id") for m in members] == ["1", "2"]
        reasons = etree.fromstring(reasons_document("pdq", [VoteReason(id="r", name="n")]))
        [box] = reasons
        assert (box.tag, box.get("type"), box[0].get("guid")) == (
            f"{NS}availableFeedbackReasons",
            "PDQ",
            "r",
        )
        assert etree.fromstring(error_document("no"))[0].text == "no"


class TestFeedback:
    def test_for_and_against(self) -> None:
        head = f'<feedbackSubmission xmlns="{NAMESPACE}">'
        tail = "</feedbackSubmission>"
        assert read_feedback(f"{head}<affirmative/>{tail}".encode()) == HandedVote(affirmative=True)
        against = "<negative><reasonIds><guid>r-1</guid></reasonIds></negative>"
        found = read_feedback(f"{head}{against}{tail}".encode())
        assert found == HandedVote(affirmative=False, reasons=("r-1",))

    @pytest.mark.parametrize(
        "inner",
        [
            "",
            "<affirmative/><negative/>",
            "<negative/>",
            "<negative><reasonIds/></negative>",
            "<negative><reasonIds><guid/></reasonIds></negative>",
            "<negative><reasonIds>" + "<guid>a</guid>" * 51 + "</reasonIds></negative>",
        ],
    )
    def test_anything_else_is_refused(self, inner: str) -> None:
        with pytest.raises(FormatRefused):
            read_feedback(f"<feedbackSubmission>{inner}</feedbackSubmission>".encode())

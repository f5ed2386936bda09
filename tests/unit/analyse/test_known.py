"""Known hashes and addresses, false alarms among them. The index: `test_hash_index`."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from fanal.analyse.analysis import analyse, shipped_knowledge
from fanal.analyse.domain.records import Finding
from fanal.analyse.material.domain.known import KnownEntry, KnownLists, values_of
from fanal.analyse.material.domain.lists import (
    Aside,
    CastVote,
    EntryStanding,
    ListAttributes,
    ListFacts,
    Vote,
    Voter,
)
from fanal.analyse.priority.domain.facts import facts_of
from fanal.formats.report.records import Classification, File, ReportKind
from fanal.harmonise.domain.records import ComputedFile, HarmonisedReport, HarmonisedUrl
from fanal.reference.records import MaterialRuleValue

ALPHA = ListFacts(id=UUID(int=900), name="alpha")


def entry(number: int, kind: str, value: str, **fields: object) -> KnownEntry:
    return KnownEntry(entry_id=UUID(int=number), listed=ALPHA, kind=kind, value=value, **fields)


def findings(
    lists: KnownLists, *files: File, computed: tuple[ComputedFile, ...] = ()
) -> list[Finding]:
    subject = HarmonisedReport(
        report_id=UUID(int=0),
        reference="r",
        kind=ReportKind.OTHER,
        files=files,
        computed=computed,
    )
    return list(analyse([subject], shipped_knowledge(), lists)[0].findings)


def test_a_known_false_alarm_is_told_and_silences_what_matches() -> None:
    cleared = entry(2, "PDQ", "0" * 64, scope="CLEAR")
    listed = entry(3, "PDQ", "0" * 60 + "000f")
    lists = KnownLists(
        [entry(4, "MD5", "a" * 32), entry(5, "MD5", "a" * 32, scope="CLEAR")],
        near={
            "0" * 64: [(cleared, 0), (listed, 4)],
            "0" * 63 + "7": [(listed, 1), (cleared, 3)],
        },
    )
    told = findings(lists, File(pdq="0" * 64), File(md5="a" * 32))
    assert {(f.code, f.score, f.because.code) for f in told} == {
        ("KNOWN_CLEAR", 0.0, "CLEARED"),
        ("KNOWN_CLEAR", 0.0, "CLEARED_NEAR"),
    }
    assert {f.source.partition(".")[0] for f in told} == {"files[0]", "files[1]"}
    (near,) = findings(lists, File(pdq="0" * 63 + "7"))
    assert near.because.parameters["distance"] == 1


def test_a_known_false_alarm_raises_nothing() -> None:
    kind = Classification(scheme="NCMEC", code="B1")
    file = File(md5="a" * 32, seen_by_provider=True, classification=kind)
    subject = HarmonisedReport(
        report_id=UUID(int=0), reference="r", kind=ReportKind.OTHER, files=(file,)
    )

    def facts(*entries: KnownEntry) -> dict[str, float]:
        found = analyse([subject], shipped_knowledge(), KnownLists(entries))[0]
        return facts_of(subject, found, None, now=NOW)

    cleared = facts(entry(5, "MD5", "a" * 32, scope="CLEAR"))
    assert "unlisted_classified_files" in facts()
    assert not {"known_files", "unlisted_classified_files", "unlisted_seen_files"} & set(cleared)
    assert set(cleared) < set(facts())


OWN = ComputedFile(file=0, sha256="c" * 64, sha1="d" * 40, md5="a" * 32, pdq="0" * 64, quality=100)
STATED = File(sha256="c" * 64, sha1="d" * 40, md5="a" * 32, pdq="0" * 64)


@pytest.mark.parametrize(
    ("cleared", "left"),
    [
        (("SHA256", "c" * 64), set()),
        (("SHA1", "d" * 40), {"SHA256"}),
        (("MD5", "a" * 32), {"SHA256", "SHA1"}),
    ],
)
@pytest.mark.parametrize(
    ("file", "computed"),
    [
        (STATED, ()),
        (
            STATED,
            (ComputedFile(file=0, pdq="0" * 64, quality=100),),
        ),  # what the desk found is what is stated
        (File(), (OWN,)),
    ],
)
def test_a_cleared_hash_silences_the_weaker_ones_of_its_file(
    cleared: tuple[str, str], left: set[str], file: File, computed: tuple[ComputedFile, ...]
) -> None:
    held = [("SHA256", "c" * 64), ("SHA1", "d" * 40), ("MD5", "a" * 32)]
    exact = [entry(n, *pair) for n, pair in enumerate(held) if pair != cleared]
    lists = KnownLists(
        [*exact, entry(8, *cleared, scope="CLEAR")],
        near={"0" * 64: [(entry(9, "PDQ", "0" * 64), 0)]},
    )
    told = findings(lists, file, computed=computed)
    assert {f.because.parameters["kind"] for f in told if f.code == "KNOWN_HASH"} == left
    assert [f.because.parameters["kind"] for f in told if f.code == "KNOWN_CLEAR"] == [cleared[0]]


def test_a_stated_hash_that_is_wrong_clears_nothing_else() -> None:
    """Whoever hands in a file could state the hash of a known false alarm beside it."""
    other = File(sha256="e" * 64, md5="a" * 32, pdq="0" * 64)
    lists = KnownLists(
        [entry(4, "MD5", "a" * 32), entry(5, "SHA256", "e" * 64, scope="CLEAR")],
        near={"0" * 64: [(entry(9, "PDQ", "0" * 64), 0)]},
    )
    told = findings(lists, other, computed=(OWN,))
    assert {f.because.parameters["kind"] for f in told if f.code == "KNOWN_HASH"} == {"MD5", "PDQ"}


@pytest.mark.parametrize(
    ("cleared", "left"),
    [
        ([], ["HOST"]),
        ([("URL", "https://a.b.test/x")], []),
        ([("HOST", "a.b.test")], []),
        ([("DOMAIN", "b.test")], ["HOST"]),
    ],
)
def test_a_cleared_address_is_no_hit_through_a_wider_one(
    cleared: list[tuple[str, str]], left: list[str]
) -> None:
    held = [("HOST", "a.b.test"), ("DOMAIN", "b.test")]
    lists = KnownLists(
        [
            *(entry(n, *pair) for n, pair in enumerate(held)),
            *(entry(8, *pair, scope="CLEAR") for pair in cleared),
        ]
    )
    url = HarmonisedUrl(
        reported="https://a.b.test/x",
        canonical="https://a.b.test/x",
        key="https://a.b.test/x",
        host="a.b.test",
        registrable_domain="b.test",
    )
    subject = HarmonisedReport(
        report_id=UUID(int=0), reference="r", kind=ReportKind.OTHER, urls=(url,)
    )
    told = analyse([subject], shipped_knowledge(), lists)[0].findings
    assert [f.because.parameters["kind"] for f in told if f.code == "KNOWN_ADDRESS"] == left


RULES = MaterialRuleValue(
    matches=1000,
    share_percent=5,
    window_hours=24,
    rest_hours=168,
    weakening_votes=1,
    silencing_votes=3,
    weakened_percent=40,
)
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LAST = CastVote(
    item_id=UUID(int=4),
    kind="",
    voter=Voter.MEMBER,
    voter_id=UUID(int=9),
    vote=Vote.DOWN,
    reason="NOT_ABUSE",
    voted_at=NOW,
)


@pytest.mark.parametrize(("downs", "clears"), [(0, True), (2, True), (3, False)])
def test_a_false_alarm_that_votes_silence_clears_nothing(downs: int, clears: bool) -> None:
    standing = EntryStanding(downs=downs, last=LAST if downs else None)
    exact = entry(5, "MD5", "a" * 32, scope="CLEAR", standing=standing)
    near = entry(6, "PDQ", "0" * 64, scope="CLEAR", standing=standing)
    lists = KnownLists(
        [entry(4, "MD5", "a" * 32), exact],
        near={"0" * 64: [(near, 0), (entry(3, "PDQ", "0" * 62 + "0f"), 4)]},
        rules=RULES,
    )
    told = findings(lists, File(md5="a" * 32), File(pdq="0" * 64))
    assert {f.code for f in told} == {"KNOWN_CLEAR" if clears else "KNOWN_HASH"}
    assert len(told) == 2


@pytest.mark.parametrize(
    ("ups", "downs", "confidence", "code", "score", "known"),
    [
        (0, 0, 100, "KNOWN_HASH", 1.0, 1),
        (2, 2, 100, "KNOWN_HASH", 1.0, 1),
        (0, 0, 60, "KNOWN_HASH", 0.6, 1),
        (0, 0, 30, "KNOWN_HASH", 0.3, None),
        (0, 1, 100, "KNOWN_HASH", 0.4, None),
        (3, 5, 50, "KNOWN_HASH", 0.2, None),
        (0, 3, 100, "KNOWN_SET_ASIDE", 0.0, None),
        (0, 0, 0, "KNOWN_SET_ASIDE", 0.0, None),
    ],
)
def test_votes_and_confidence_weigh(
    ups: int, downs: int, confidence: int, code: str, score: float, known: int | None
) -> None:
    said = ListAttributes(
        confidence=confidence, category="A1", scheme="NCMEC", legal_basis="LCEN_6_1"
    )
    held = KnownEntry(
        entry_id=UUID(int=4),
        listed=ListFacts(id=UUID(int=900), name="alpha", owner="Bureau exemple", attributes=said),
        kind="MD5",
        value="a" * 32,
        standing=EntryStanding(ups=ups, downs=downs, last=LAST if ups or downs else None),
    )
    subject = HarmonisedReport(
        report_id=UUID(int=0), reference="r", kind=ReportKind.OTHER, files=(File(md5="a" * 32),)
    )
    analysis = analyse([subject], shipped_knowledge(), KnownLists([held], rules=RULES))[0]
    (finding,) = analysis.findings
    assert (finding.code, finding.score) == (code, score)
    told = finding.because.parameters
    assert (told["owner"], told["classification"], told["scheme"], told["basis"]) == (
        "Bureau exemple", "A1", "NCMEC", "LCEN_6_1",
    )  # fmt: skip
    assert told.get("downs") == (downs if ups or downs else None)
    assert told.get("last_reason") == ("NOT_ABUSE" if ups or downs else None)
    facts = facts_of(subject, analysis, None, now=NOW)
    assert facts.get("known_files") == known


def test_an_entry_set_aside_hides_no_other() -> None:
    aside = EntryStanding(aside=Aside(since=NOW, matched=1200, hours=24, rule="r@1"))
    poisoned = KnownEntry(
        entry_id=UUID(int=6), listed=ALPHA, kind="PDQ", value="0" * 64, standing=aside
    )
    right, far = entry(7, "PDQ", "0" * 62 + "0f"), entry(8, "PDQ", "0" * 62 + "ff")
    lists = KnownLists(near={"0" * 64: [(poisoned, 0), (poisoned, 1), (right, 4), (far, 8)]})
    counts, told = findings(lists, File(pdq="0" * 64))
    assert (counts.code, counts.because.parameters["distance"]) == ("KNOWN_HASH", 4)
    assert (told.code, told.score, told.because.code) == (
        "KNOWN_SET_ASIDE", 0.0, "LISTED_SET_ASIDE",
    )  # fmt: skip
    assert told.because.parameters["matched"] == 1200


def test_what_the_lists_are_asked_for() -> None:
    subject = HarmonisedReport(
        report_id=UUID(int=0),
        reference="r",
        kind=ReportKind.OTHER,
        files=(File(pdq="ff", md5="a" * 32), File(pdq="0" * 64), File(pdq="g" * 64)),
    )
    assert values_of([subject]) == ({("MD5", "a" * 32)}, {"0" * 64})

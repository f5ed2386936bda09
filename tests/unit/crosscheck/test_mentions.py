"""Identifiers that a sentence names, and lines of access: which pairs of reports they suggest."""

import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from fanal.crosscheck.similar.domain.mentions import Mention, mentions_of
from fanal.crosscheck.similar.domain.pairs import (
    LINE,
    First,
    NearWorld,
    Values,
    families,
    keys_of,
    near_of,
    near_spelled,
    near_values,
    sharing_values,
    spelled_of,
)
from fanal.crosscheck.similar.domain.rules import load_near_rules
from fanal.crosscheck.similar.domain.sketch import Sketcher
from fanal.formats.report.records import ReportKind
from fanal.harmonise.domain.records import (
    HarmonisedReport,
    Selector,
    SelectorKind as Kind,
    SelectorRole as Role,
)

RULES = load_near_rules()
SKETCHER = Sketcher(b"secret of a test", RULES)
NOW = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)


def suspect(kind: Kind, value: str) -> Selector:
    return Selector(kind=kind, value=value, role=Role.SUSPECT)


def written(kind: Kind, value: str) -> Selector:
    return Selector(kind=kind, value=value, role=Role.CONTENT, weak=True)


def report(
    number: int, *selectors: Selector, text: str = "", day: str | None = None
) -> HarmonisedReport:
    return HarmonisedReport(
        report_id=UUID(int=number),
        reference=str(number),
        kind=ReportKind.OTHER,
        description=text or None,
        occurred_at=day,
        selectors=selectors,
    )


def pairs(*reports: HarmonisedReport) -> set[tuple[int, int, str]]:
    """Return the pairs by spelling and mention: later report, earlier report, kind."""
    spelled = {one.report_id: spelled_of(one, SKETCHER) for one in reports}
    firsts: dict[int, First] = {}
    for i, held in sorted(spelled.items()):
        for value, one in held.items():
            firsts.setdefault(value, First(i, keys_of(one, SKETCHER)))
    beside = sharing_values(firsts, families(firsts, RULES))
    found = near_spelled(spelled, Values(firsts, beside, spelled), RULES)
    return {(i.int, one.other_id.int, one.kind) for i, each in found.items() for one in each}


NAME, NUMBER, ACCOUNT = "NEAR_HANDLE_MENTION", "NEAR_PHONE_MENTION", "NEAR_ACCOUNT_MENTION"


@pytest.mark.parametrize(
    ("handle", "text", "found"),
    [
        ("fox_77@bluelamp", "Mon fils parle avec fox_77 sur Blue Lamp depuis mai.", True),
        ("fox_77@bluelamp", "Er heißt auf Bluelamp „Fox_77“.", True),
        ("fox_77@bluelamp", "على تطبيق Blue-Lamp اسمه fox_77", True),
        ("fox_77@instagram", "his insta is fox_77.", True),
        ("fox_77@bluelamp", "Mon fils parle avec fox_77.", False),  # no service
        ("fox_77@bluelamp", "Mon fils parle avec fox_77 sur Snapchat.", False),  # another one
        ("fox_77@bluelamp", f"fox_77 {'et encore ' * 8} sur Blue Lamp", False),  # far from it
        ("fox_77@bluelamp", "Le compte fox_770 sur Blue Lamp", False),
        ("quietforest@bluelamp", "quietforest, seen on Blue Lamp", True),
        ("forest@bluelamp", "a forest, seen on Blue Lamp", False),  # a short word of letters
        ("kevin92@bluelamp", "kevin92 sur Blue Lamp", False),  # many have it
    ],
)
def test_a_user_name_counts_where_the_sentence_names_its_service(
    handle: str, text: str, found: bool
) -> None:
    one, two = report(1, suspect(Kind.HANDLE, handle)), report(2, text=text)
    assert pairs(one, two) == ({(2, 1, NAME)} if found else set())
    earlier = msgspec.structs.replace(two, report_id=UUID(int=0))
    assert pairs(one, earlier) == ({(1, 0, NAME)} if found else set())


def test_every_report_that_names_an_account_is_paired_with_its_first_report() -> None:
    handle = suspect(Kind.HANDLE, "fox_77@bluelamp")
    said = "fox_77 on Blue Lamp"
    assert pairs(
        *(report(1, handle), report(2, handle)), *(report(n, text=said) for n in (3, 4, 5))
    ) == {(n, 1, NAME) for n in (3, 4, 5)}


def test_a_name_in_too_many_texts_counts_no_more() -> None:
    said = [report(n, text="fox_77 on Blue Lamp") for n in range(2, 3 + RULES.holders.spelling)]
    assert not pairs(report(1, suspect(Kind.HANDLE, "fox_77@bluelamp")), *said)


def test_a_report_that_gives_its_suspect_in_fields_does_not_name_another_in_a_sentence() -> None:
    one = report(1, suspect(Kind.HANDLE, "fox_77@bluelamp"))
    said = "fox_77 on Blue Lamp"
    assert not pairs(one, report(2, suspect(Kind.EMAIL, "someone@mail.example"), text=said))
    assert pairs(one, report(2, suspect(Kind.EMAIL, "noreply@mail.example"), text=said))


def test_a_number_in_a_sentence() -> None:
    number = "+33139980123"
    field, sentence = suspect(Kind.PHONE, number), written(Kind.PHONE, number)
    assert pairs(report(1, field), report(2, sentence)) == {(2, 1, NUMBER)}
    assert pairs(report(1, sentence), report(2, sentence)) == {(2, 1, NUMBER)}
    assert not pairs(report(1, field), report(2, field))  # an equal value, which the rule weights
    late = report(2, sentence, day="2026-11-02")
    assert not pairs(report(1, field, day="2026-01-05"), late)  # numbers change hands
    assert pairs(report(1, field, day="2026-08-03"), late)


def test_an_account_in_two_sentences() -> None:
    account = written(Kind.ACCOUNT, "FR7630006000011234567890189")
    mail = suspect(Kind.EMAIL, "someone@mail.example")
    assert pairs(report(1, account, mail), report(2, account)) == {(2, 1, ACCOUNT)}
    field = suspect(Kind.ACCOUNT, "FR7630006000011234567890189")
    assert not pairs(report(1, field), report(2, account))  # an equal value, which the rule weights


def test_both_values_are_shown_as_written() -> None:
    one = mentions_of(report(1, suspect(Kind.HANDLE, "fox_77@bluelamp")), RULES.mention)
    two = mentions_of(report(2, text="Fox_77 on Blue Lamp"), RULES.mention)
    assert near_values(two, one, way=NAME, rules=RULES) == ("fox_77", "fox_77@bluelamp")


def test_a_long_text_gives_few_values_those_with_a_sign_first() -> None:
    text = " ".join([*(f"unusualword{'abcdefghij'[n % 10] * n}" for n in range(25)), "fox_77"])
    found = mentions_of(report(1, text=text), RULES.mention)
    assert len(found) == RULES.mention.values
    assert found[0].value == "fox_77"


@pytest.mark.parametrize("mark", ["a", "1", "_", "a_", "@", " a1", "-", "é", "a1b2c3d4e5 "])
def test_long_texts_take_no_longer_than_their_length(mark: str) -> None:
    started = time.process_time()
    found = mentions_of(report(1, text=mark * 100_000), RULES.mention)
    assert all(isinstance(one, Mention) for one in found)
    assert time.process_time() - started < 2


def lines(*sightings: tuple[str, int | None, timedelta]) -> set[tuple[int, int]]:
    reports = [
        report(
            number,
            msgspec.structs.replace(
                suspect(Kind.IP, address), port=port, at=(NOW + later).isoformat()
            ),
        )
        for number, (address, port, later) in enumerate(sightings, 1)
    ]
    sketches = {one.report_id: SKETCHER.sketch(one) for one in reports}
    found = near_of(sketches, NearWorld(sketches=sketches, worn=frozenset(), near={}), RULES)
    return {
        (i.int, one.other_id.int) for i, each in found.items() for one in each if one.kind == LINE
    }


def test_a_line_is_an_ipv6_prefix_of_the_day_or_an_address_with_its_port() -> None:
    six, other = "2001:db8:1:2:a::1", "2001:db8:1:2:ffff::9"
    four, hour = "198.51.100.7", timedelta(hours=1)
    assert lines((six, None, 0 * hour), (other, None, 10 * hour)) == {(2, 1)}
    assert not lines((six, None, 0 * hour), (other, None, 49 * hour))
    assert not lines((six, None, 0 * hour), ("2001:db8:1:3::1", None, 0 * hour))
    assert lines((four, 40123, 0 * hour), (four, 40123, hour / 4)) == {(2, 1)}
    assert not lines((four, 40123, 0 * hour), (four, 40124, 0 * hour))
    assert not lines((four, 40123, 0 * hour), (four, 40123, 3 * hour))
    assert not lines((four, None, 0 * hour), (four, None, 0 * hour))

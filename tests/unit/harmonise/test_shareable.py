"""What of a report may leave as indicators: never a name, never a value of somebody to be protected."""

from uuid import UUID

import pytest

from fanal.formats.report.records import Classification, File, ReportKind
from fanal.harmonise.domain.records import (
    HarmonisedReport,
    Selector,
    SelectorKind as Kind,
    SelectorRole as Role,
)
from fanal.harmonise.domain.redaction.outside import SHARED_ROLES, shareable

ID = UUID("01993000-0000-7000-8000-000000000001")
AT, LATER = "2026-11-20T10:00:00.000Z", "2026-11-21T10:00:00.000Z"


def report(*selectors: Selector, files: tuple[File, ...] = ()) -> HarmonisedReport:
    return HarmonisedReport(
        report_id=ID, reference="r", kind=ReportKind.OTHER, selectors=selectors, files=files
    )


def seen(kind: Kind, value: str, role: Role = Role.SUSPECT, *, weak: bool = False) -> Selector:
    return Selector(kind=kind, value=value, role=role, weak=weak)


def values(*reports: HarmonisedReport) -> list[dict[str, str]]:
    return [item.values for item in shareable([(one, AT) for one in reports])]


@pytest.mark.parametrize("role", Role)
def test_only_values_of_suspects_and_of_the_content_leave(role: Role) -> None:
    found = values(report(seen(Kind.EMAIL, "a@mail.example", role)))
    assert bool(found) is (role in SHARED_ROLES)
    assert {Role.SUSPECT, Role.ASSOCIATED, Role.CONTENT} == SHARED_ROLES


def test_a_value_of_two_people_stays_where_one_is_protected() -> None:
    both = report(
        seen(Kind.EMAIL, "Shared@mail.example"),
        seen(Kind.EMAIL, "shared@mail.example", Role.VICTIM),
        seen(Kind.EMAIL, "own@mail.example"),
    )
    assert values(both) == [{"EMAIL": "own@mail.example"}]
    # The same in another report of the dossier.
    apart = (report(seen(Kind.IP, "192.0.2.1", Role.WITNESS)), report(seen(Kind.IP, "192.0.2.1")))
    assert values(*apart) == []


def test_an_address_that_holds_a_protected_name_stays() -> None:
    found = report(
        seen(Kind.HANDLE, "kid_name@blocks", Role.VICTIM),
        seen(Kind.HANDLE, "kid_name@other"),
        seen(Kind.URL, "https://social.example.test/Kid_Name/1", Role.CONTENT),
        seen(Kind.URL, "https://host.example.test/", Role.CONTENT),
    )
    assert values(found) == [{"URL": "https://host.example.test/"}]


def test_what_was_only_found_in_words_stays() -> None:
    assert values(report(seen(Kind.PHONE, "+33199001234", Role.CONTENT, weak=True))) == []


def test_a_file_is_one_item_with_its_class_and_a_value_goes_once() -> None:
    file = File(
        name="somebody.jpg",
        md5="1" * 32,
        pdq="f0" * 32,
        classification=Classification(scheme="NCMEC", code="A1"),
    )
    one = report(seen(Kind.MD5, "1" * 32, Role.CONTENT), files=(file,))
    [item] = shareable([(one, AT), (one, LATER)])
    assert item.values == {"MD5": "1" * 32, "PDQ": "f0" * 32}
    assert (item.classification, item.added_at) == ("NCMEC:A1", AT)

"""The name that a dossier has as long as nobody gives it one."""

from uuid import uuid4

import pytest
from django.utils import translation

from fanal.formats.report.records import Handle, Person, PersonRole, ReportKind
from fanal.harmonise.domain.records import HarmonisedReport, HarmonisedUrl
from fanal.web.desk.dossiers.titles import made_name


def person(role: PersonRole, *handles: str, age: int | None = None) -> Person:
    return Person(role=role, handles=tuple(Handle(value=value) for value in handles), age=age)


def report(
    *persons: Person, platform: str | None = None, host: str | None = None
) -> HarmonisedReport:
    page = HarmonisedUrl(reported="", canonical=None, key=None, host=host, registrable_domain=None)
    return HarmonisedReport(
        report_id=uuid4(),
        reference="",
        kind=ReportKind.OTHER,
        platform=platform,
        persons=persons,
        urls=(page,) if host else (),
    )


SUSPECT, VICTIM = PersonRole.SUSPECT, PersonRole.VICTIM


@pytest.mark.parametrize(
    ("reports", "french", "english"),
    [
        ([], "", ""),
        ([report()], "", ""),
        ([report(person(VICTIM, "lina"))], "", ""),
        ([report(person(VICTIM, age=9))], "Victime de 9 ans", "Victim aged 9"),
        ([report(person(SUSPECT, "renard_77"))], "renard_77", "renard_77"),
        ([report(host="pictures.example")], "pictures.example", "pictures.example"),
        (
            [
                report(person(SUSPECT, "other"), platform="Arcadia"),
                report(person(SUSPECT, "Renard_77"), person(VICTIM, age=14), platform="Arcadia"),
                report(person(SUSPECT, "renard_77"), person(VICTIM, age=16), platform="Monde Bloc"),
            ],
            "Renard_77 / Arcadia, 14 ans",
            "Renard_77 / Arcadia, 14 years old",
        ),
        (
            [report(person(SUSPECT, f"{'a' * 30}\n{'b' * 30}"))],
            f"{'a' * 30} {'b' * 8}…",
            f"{'a' * 30} {'b' * 8}…",
        ),
    ],
)
def test_it_tells_who_where_and_how_old(
    reports: list[HarmonisedReport], french: str, english: str
) -> None:
    for lang, expected in (("fr", french), ("en", english)):
        with translation.override(lang):
            assert made_name(reports).replace("\N{NO-BREAK SPACE}", " ") == expected

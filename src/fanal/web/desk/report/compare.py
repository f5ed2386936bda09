"""Comparison of reports: their facts in columns, and the identifiers that they share."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from msgspec import Struct

from fanal.accounts.queries.people import partner_names
from fanal.accounts.routes import needs
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.harmonise.domain.values.hashes import HASH_LENGTH
from fanal.kernel.calendar import read_aware
from fanal.orient import queries as oriented
from fanal.orient.domain.records import Case
from fanal.web.account.actors import actor_of
from fanal.web.components.navigation import selector_link
from fanal.web.desk.dossiers.graph import references_of
from fanal.web.reading import consult

FEWEST, MOST = 2, 6


@never_cache
@require_GET
@needs("report.read")
def compare(request: HttpRequest) -> HttpResponse:
    """Show two to six reports of the person's desks in columns; record the reading of each in the ledger.

    The query's `report` holds their ids; those after the sixth are left out, and so are unknown ones and
    those of other desks. If fewer than two remain, the page says so.

    Raises:
        Http404: none of the ids given can be shown, or one is malformed.
    """
    actor = actor_of(request)
    wanted = list(dict.fromkeys(_ids(request.GET.getlist("report"))))[:MOST]
    records = harmonised.get_records(actor=actor, report_ids=wanted)
    cases = oriented.get_cases(actor=actor, report_ids=wanted)
    shown = [i for i in wanted if i in records and i in cases]
    if wanted and not shown:
        raise Http404
    consult(request, "report", shown, action="report.read")
    references = references_of(shown, actor=actor)
    senders = partner_names(partner_ids={cases[i].sender_id for i in shown})
    common, single = _selectors([records[i] for i in shown])
    context = {
        "columns": [_column(records[i], cases[i], (references.get(i, ""), senders)) for i in shown],
        "common": common,
        "single": single,
        "enough": len(shown) >= FEWEST,
        "cut": len(request.GET.getlist("report")) > MOST,
    }
    return render(request, "desk/compare.html", context)


def _ids(texts: Sequence[str]) -> list[UUID]:
    found = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError as error:
            raise Http404 from error
    return found


def _column(
    record: HarmonisedReport, case: Case, known: tuple[str, Mapping[UUID, str]]
) -> dict[str, object]:
    reference, senders = known
    persons: dict[str, list[str]] = {}
    for person in record.persons:
        age = "" if person.age is None else str(person.age)
        told = " · ".join(filter(None, (person.name, age, person.country)))
        persons.setdefault(person.role, []).append(told or "–")
    return {
        "case": case,
        "record": record,
        "reference": reference,
        "sender": senders.get(case.sender_id, ""),
        "occurred": read_aware(record.occurred.earliest) if record.occurred else None,
        "precision": record.occurred.precision if record.occurred else "",
        "persons": sorted(persons.items()),
    }


class ComparedSelector(Struct, frozen=True):
    """An identifier (`kind`, `value`) that compared reports hold, as a row of the table.

    `roles`: its roles in each report, in the order of the columns, empty where it does not occur.
    """

    kind: str
    value: str
    roles: list[list[str]]

    @property
    def href(self) -> str:
        """The URL of the search page for the identifier."""
        return selector_link(self.kind, self.value)

    @property
    def holders(self) -> int:
        """The number of the compared reports that hold the identifier."""
        return sum(map(bool, self.roles))


def _selectors(
    records: Sequence[HarmonisedReport],
) -> tuple[list[ComparedSelector], list[ComparedSelector]]:
    """Return the identifiers shared by two or more of `records`, and the others, as two lists of table rows.

    Shared ones are sorted by number of reports, file hashes last.
    """
    held: dict[tuple[str, str], list[set[str]]] = {}
    for place, record in enumerate(records):
        for selector in record.selectors:
            columns = held.setdefault((selector.kind, selector.value), [set() for _ in records])
            columns[place].add(selector.role)
    rows = [
        ComparedSelector(kind, value, [sorted(roles) for roles in columns])
        for (kind, value), columns in held.items()
    ]
    rows.sort(key=lambda row: (-row.holders, row.kind in HASH_LENGTH, row.kind, row.value))
    common = [row for row in rows if row.holders > 1]
    return common, rows[len(common) :]

"""Search of the ledger for administrators and overseers: who did what when.

The page shows persons, acts, times and the numbers of objects, never content. Purposes and codes of an entry
are shown only to those who may read everything that it names, whatever the desk. Each search is itself
recorded: its criteria as a keyed digest, the person and the objects that it names, the entries displayed.
"""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language, gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from msgspec import Struct

from fanal import reference
from fanal.accounts.domain.policy import reach
from fanal.accounts.domain.records import AccountRecord
from fanal.accounts.queries.likeness import find_people
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.accounts.row_scope import across_desks
from fanal.db import numbering
from fanal.kernel.actors import PUBLIC_PERSON, SYSTEM_PERSON, Actor
from fanal.kernel.calendar import read_day, start_of_day
from fanal.kernel.texts import alphabetical
from fanal.kernel.typed import identifier
from fanal.ledger import queries as ledger
from fanal.ledger.domain.records import VERBS, LedgerLine, ObjectRef
from fanal.ledger.queries import SoughtEntries
from fanal.web.account.actors import actor_of
from fanal.web.reading import journal_ledger_search

_PAGE: Final = 50
_LONGEST: Final = 200
_MOST_OBJECTS: Final = 100
"""Of an entry that names more objects than this, only their number is shown."""
_FIELDS: Final = ("who", "person", "act", "object", "from", "to")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_READ_BY: Final[Mapping[str, str]] = {
    "report": "report.read",
    "dossier": "dossier.read",
    "measure": "measure.read",
    "notice": "notice.read",
    "blocking": "blocking.read",
    "mirror": "blocking.read",
    "dereferencing": "dereferencing.read",
    "appeal": "appeal.read",
    "referral": "referral.read",
    "emergency_call": "emergency_call.read",
    "person": "account.list",
}
"""The action of the policy that reads an object, by kind; purposes about other kinds are shown to nobody."""


class AuditLine(Struct, frozen=True, kw_only=True):
    """A ledger entry as the search page shows it.

    `author` is the name of the person or system that made it. `things` has one item (label, text, number) for
    each kind of object that it names: for a single object its number, or for a person the name without a
    label; for several the label and their count as text, with an empty number. `readable`: the reader may see
    its codes. `purposed`: the reader may see its purpose, which people state for a whole session; it is never
    shown of entries that name a person, such as a sign-out.
    """

    entry: LedgerLine
    author: str
    things: list[tuple[str, str, str]]
    readable: bool
    purposed: bool

    @property
    def purpose(self) -> str:
        """The stated purpose; "" if none is shown, or if only the page's name was recorded."""
        stated = self.purposed and not self.entry.motive.startswith("page:")
        return self.entry.motive if stated else ""

    @property
    def codes(self) -> list[tuple[str, str | int]]:
        """The codes recorded in the entry as (name, value), sorted; empty if the reader may not see them."""
        return sorted(self.entry.detail.items()) if self.readable else []


class Question(NamedTuple):
    """A parsed search form: what to look up in the ledger.

    `criteria` is None if nothing can be looked up: an unknown name, number or date, or a name of several
    people. `people` are the accounts that the typed name may mean, `wrong` the error to show, "" without one.
    """

    criteria: SoughtEntries | None
    people: Sequence[AccountRecord]
    wrong: str = ""


@never_cache
@require_GET
@needs("ledger.search")
def search(request: HttpRequest) -> HttpResponse:
    """Show the search form of the ledger; with any criterion in the query, also a page of the entries found.

    Newest first. Query: `who` (name or login) or `person` (id), `act` (code), `object` (number or id), `from`
    and `to` (days, both included), `before` (last entry of the previous page). A form sent empty finds every
    entry.
    """
    actor = actor_of(request)
    typed = {n: request.GET.get(n, "").replace("\0", "").strip()[:_LONGEST] for n in _FIELDS}
    asked = not request.GET.keys().isdisjoint(_FIELDS)
    before = identifier(request.GET.get("before", ""))
    question = _question(typed, actor=actor) if asked else Question(None, [])
    found: list[LedgerLine] = []
    if question.criteria is not None:
        sought = replace(question.criteria, before=before)
        found = ledger.list_entries(actor=actor, sought=sought, limit=_PAGE + 1)
    shown = found[:_PAGE]
    if asked:
        journal_ledger_search(
            request,
            text=json.dumps({**typed, "before": str(before or "")}, sort_keys=True),
            about=_about(question.criteria),
            shown=[line.id for line in shown],
        )
    only = question.people[0] if len(question.people) == 1 else None
    context = {
        "asked": asked,
        "typed": {**typed, "who": only.name if only else typed["who"]},
        "person": only.person_id if only else "",
        "choices": question.people if len(question.people) > 1 else [],
        "wrong": question.wrong,
        "lines": _lines(shown, actor=actor),
        "acts": _acts(),
        "newest": before is None,
        "older": shown[-1].id if len(found) > _PAGE else None,
    }
    return render(request, "account_pages/ledger.html", context)


def _question(typed: Mapping[str, str], *, actor: Actor) -> Question:
    people = _people(typed, actor=actor)
    if typed["who"] and not people:
        return Question(None, people, _("Nobody has this name or login."))
    if typed["act"] and typed["act"] not in VERBS:
        return Question(None, people, _("There is no such act."))
    days = {name: read_day(typed[name]) for name in ("from", "to")}
    if any(typed[name] and days[name] is None for name in days):
        return Question(None, people, _("Give each day as year, month and day: 2026-11-24."))
    ids = _object_ids(typed["object"]) if typed["object"] else None
    if ids == []:
        return Question(None, people, _("No report, dossier or act has this number."))
    if len(people) > 1:
        listed = reach(actor, "account.list").everywhere
        words = _("Several people have this name: type the whole of it, or the login.")
        return Question(None, people if listed else [], "" if listed else words)
    return Question(
        SoughtEntries(
            person_id=people[0].person_id if people else None,
            action=typed["act"],
            object_ids=ids,
            since=_start(days["from"]),
            until=_start(days["to"], after=1),
        ),
        people,
    )


def _people(typed: Mapping[str, str], *, actor: Actor) -> Sequence[AccountRecord]:
    """Return the person chosen by id, unless another name was typed since; else the people of that name."""
    chosen = identifier(typed["person"])
    if chosen is not None:
        name = _author(chosen, person_names(person_ids=[chosen]))
        if typed["who"] in {"", name}:
            return [AccountRecord(person_id=chosen, login="", name=name)]
    return find_people(actor=actor, text=typed["who"]) if typed["who"] else []


def _object_ids(text: str) -> list[UUID]:
    given = identifier(text)
    if given is not None:
        return [given]
    with across_desks():  # no row is shown: ids, which only select entries
        return numbering.find_numbered(text)


def _start(day: date | None, *, after: int = 0) -> datetime | None:
    """Return the beginning of a day in Europe/Paris, or of the day `after` days later; None for None.

    It is not before 1970, the earliest instant of an id.
    """
    return None if day is None else max(_EPOCH, start_of_day(day + timedelta(days=after)))


def _about(criteria: SoughtEntries | None) -> list[ObjectRef]:
    if criteria is None:
        return []
    people = [criteria.person_id] if criteria.person_id else []
    return [
        *(ObjectRef(kind="person", id=one) for one in people),
        *(ObjectRef(kind="sought", id=one) for one in criteria.object_ids or ()),
    ]


def _lines(entries: Sequence[LedgerLine], *, actor: Actor) -> list[AuditLine]:
    few = [entry.id for entry in entries if entry.object_count <= _MOST_OBJECTS]
    named = ledger.named_objects(actor=actor, entry_ids=few)
    refs = [ref for found in named.values() for ref in found]
    people = {ref.id for ref in refs if ref.kind == "person"} | {e.actor_id for e in entries}
    names = person_names(person_ids=people)
    numbers = _numbers({ref.id for ref in refs})
    read = {kind for kind, action in _READ_BY.items() if reach(actor, action).everywhere}
    everything = reach(actor, "ledger.read").everywhere
    lines = []
    for entry in entries:
        found = named.get(entry.id, [])
        kinds = {ref.kind for ref in found}
        lines.append(
            AuditLine(
                entry=entry,
                author=_author(entry.actor_id, names),
                things=_things(entry, found, names=names, numbers=numbers),
                readable=kinds <= read if found else everything and not entry.object_count,
                purposed=bool(found) and kinds <= read - {"person"},
            )
        )
    return lines


def _things(
    entry: LedgerLine,
    found: Sequence[ObjectRef],
    *,
    names: Mapping[UUID, str],
    numbers: Mapping[UUID, str],
) -> list[tuple[str, str, str]]:
    if entry.object_count and not found:
        return [(_("Objects"), str(entry.object_count), "")]
    language, counts = get_language() or "", Counter(ref.kind for ref in found)
    things = []
    for ref in {ref.kind: ref for ref in found}.values():
        label, text = reference.label("ledger_kind", ref.kind, language), str(counts[ref.kind])
        alone = counts[ref.kind] == 1
        number = numbers.get(ref.id, "") if alone else ""
        if alone and ref.kind == "person":
            label, text = "", _author(ref.id, names)
        things.append((label, text, number))
    return things


def _numbers(ids: Collection[UUID]) -> dict[UUID, str]:
    with across_desks():  # no row is shown: numbers alone
        found = [numbering.numbers_of(one, ids) for one in numbering.NUMBERINGS]
    return {id_: number for numbers in found for id_, number in numbers.items()}


def _author(person_id: UUID, names: Mapping[UUID, str]) -> str:
    machines = {
        SYSTEM_PERSON: _("System"),
        PUBLIC_PERSON: _("Public form"),
    }
    return machines.get(person_id) or names.get(person_id) or str(person_id)


def _acts() -> list[tuple[str, str]]:
    language = get_language() or ""
    labels = [(code, reference.label("ledger_action", code, language)) for code in VERBS]
    return sorted(labels, key=lambda one: (alphabetical(one[1]), one[0]))

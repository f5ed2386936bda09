"""Page that searches identifiers and text; of other desks it shows only that they hold the value."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from msgspec import Struct

from fanal.accounts.domain.policy import may
from fanal.accounts.queries.desks import desk_names
from fanal.accounts.routes import needs
from fanal.casework import queries as casework
from fanal.crosscheck.dossiers.names import names_of
from fanal.crosscheck.dossiers.numbers import find_dossier_number
from fanal.crosscheck.dossiers.queries import (
    dossiers_of,
    numbers_of as dossier_numbers,
)
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport, SelectorKind
from fanal.harmonise.domain.sightings import selector_key
from fanal.harmonise.domain.written_otherwise import readings
from fanal.intake.queries.envelopes import find_named, find_references
from fanal.kernel.actors import Actor
from fanal.kernel.ids import instant_of
from fanal.kernel.texts import alphabetical
from fanal.orient import queries as oriented
from fanal.web.account.actors import actor_of, now_of
from fanal.web.components.navigation import selector_link
from fanal.web.desk import notes
from fanal.web.desk.acts import (
    appeals,
    blockings,
    dereferencings,
    emergency_calls,
    measures,
    mirrors,
    notices,
    referrals,
)
from fanal.web.desk.payments import sheets
from fanal.web.desk.queue.views import rows_of
from fanal.web.reading import journal_search

# History of one identifier: months, roles, co-occurring identifiers, dossiers.

_BESIDE = 12
_WIDEST = 120  # units of the bar of the fullest month
_TOLD_BY_OTHERS = frozenset({SelectorKind.HOST, SelectorKind.DOMAIN})
"""Kinds left out of co-occurring identifiers: a URL already contains its host and domain."""


_ACTS = (
    measures.PAGES,
    blockings.PAGES,
    mirrors.PAGES,
    dereferencings.PAGES,
    appeals.PAGES,
    notices.PAGES,
    referrals.PAGES,
    emergency_calls.PAGES,
    sheets.PAGES,
)


class Found(Struct, frozen=True, kw_only=True):
    """The result of a search: report ids, identifiers as (kind, value), names of other desks with the value.

    `shown` is further template context for its page.
    """

    report_ids: list[UUID] = []
    identifiers: list[tuple[str, str]] = []
    desks: list[str] = []
    shown: Mapping[str, object] = {}


class Cooccurring(NamedTuple):
    """An identifier that occurs together with the searched one in two or more reports (`number` of them)."""

    kind: str
    value: str
    number: int

    @property
    def href(self) -> str:
        """The URL of the search page for this identifier."""
        return selector_link(self.kind, self.value)


def _months(ids: Sequence[UUID]) -> list[dict[str, object]]:
    """Return the chart of reports by month of receipt (UTC), oldest first, without months that have none.

    Keys: `month` (`2026-11`), `count`, `width` (of its bar). `ids` are the reports' ids, which hold the time.
    """
    counts = Counter(f"{instant_of(i):%Y-%m}" for i in ids)
    most = max(counts.values(), default=1)
    return [
        {"month": month, "count": count, "width": max(2, _WIDEST * count // most)}
        for month, count in sorted(counts.items())
    ]


def _beside(
    kind: SelectorKind, value: str, records: Mapping[UUID, HarmonisedReport]
) -> list[Cooccurring]:
    """Return the identifiers that occur with this one in two or more of its reports, twelve at most.

    The most frequent come first. `records`: the reports of this identifier (`kind`, `value`). Hosts and
    domains are left out: a URL already contains them.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for record in records.values():
        counts.update(
            {(s.kind, s.value) for s in record.selectors if s.kind not in _TOLD_BY_OTHERS}
        )
    del counts[kind, value]
    often = [Cooccurring(k, v, n) for (k, v), n in counts.items() if n > 1]
    return sorted(often, key=lambda one: (-one.number, one.kind, one.value))[:_BESIDE]


_MOST = 50
_LONGEST = 200
_DEFANGED = (
    (re.compile(r"\bhxx(ps?)", re.IGNORECASE), r"htt\1"),
    (re.compile(r"\[([.:@])\]"), r"\1"),
)


@never_cache
@require_GET
@needs("search.run")
def search(request: HttpRequest) -> HttpResponse:
    """Show the results of a search, or the history of one identifier.

    Query: `q` (text of two characters or more) or `value`, and `kind` (of identifier). Query and results are
    recorded in the ledger, even if nothing is found.

    Raises:
        Http404: the history of a value that cannot be an identifier, or of an unknown kind.
    """
    actor = actor_of(request)
    kind, value = request.GET.get("kind", ""), request.GET.get("value", "")
    if not value and kind not in set(SelectorKind):
        kind = ""  # only a known kind is journaled, no free text from the query string
    text = refang(request.GET.get("q", "").strip()[:_LONGEST])
    found, noted, asked = Found(), None, bool(value) or len(text) > 1
    if value:
        found = _history(kind, value, actor=actor)
    elif asked:
        found = _results(text, kind, actor=actor)
        if not kind:
            said = oriented.search_notes(actor=actor, text=text, limit=_MOST)
            noted = notes.lines_of(request, said)
    if asked:
        journal_search(
            request,
            kind=kind,
            text=value or text,
            reports=found.report_ids,
            selectors=found.identifiers,
            elsewhere=len(found.desks),
        )
    cases = oriented.get_cases(actor=actor, report_ids=found.report_ids)
    rows = [cases[report_id] for report_id in found.report_ids if report_id in cases]
    context = {
        "text": text,
        "kind": kind,
        "value": value,
        "most": _MOST,
        "report_ids": found.report_ids,
        "desks": found.desks,
        **found.shown,
        "notes": noted,
        "rows": rows_of(rows, actor=actor, now=now_of(request)),
        "kinds": list(SelectorKind),
        "asked": asked,
        "too_short": not value and len(text) == 1,
    }
    return render(request, "desk/search.html", context)


def refang(text: str) -> str:
    """Return a search text with defanged addresses (`hxxp`, `[.]`) restored, and without NUL characters."""
    for pattern, plain in _DEFANGED:
        text = pattern.sub(plain, text)
    return text.replace("\0", "")


def _results(text: str, kind: str, *, actor: Actor) -> Found:
    kinds = [SelectorKind(kind)] if kind in set(SelectorKind) else []
    found = harmonised.search_selectors(actor=actor, text=text, kinds=kinds, limit=_MOST)
    asked = [(k, value) for k in kinds or SelectorKind for value in readings(k, text)]
    keys = [selector_key(k, spelling) for k, spelling in asked]
    elsewhere = harmonised.seen_elsewhere(actor=actor, keys=[*keys, *(f.key for f in found)])
    desks = _names(elsewhere)
    named = find_named(actor=actor, text=text)
    by_reference = find_references(actor=actor, reference=text)
    numbered = _numbered(text, actor=actor)
    by_text = harmonised.search_text(actor=actor, text=text, limit=_MOST)
    shown = {
        "numbered": numbered,
        "both": named.both,
        "selectors": [
            {
                "selector": item,
                "href": selector_link(item.kind, item.value),
                "elsewhere": ", ".join(desks[d] for d in sorted(elsewhere.get(item.key, ()))),
            }
            for item in found
        ],
        "only_elsewhere": sorted(
            {desks[d] for key in keys for d in elsewhere.get(key, ())} if not found else set(),
            key=alphabetical,
        ),
    }
    return Found(
        report_ids=list(dict.fromkeys([*named.report_ids, *by_reference, *by_text])),
        identifiers=[
            *((item.kind, item.value) for item in found),
            *((k, value) for (k, value), key in zip(asked, keys, strict=True) if key in elsewhere),
        ],
        desks=sorted(desks.values(), key=alphabetical),
        shown=shown,
    )


def _numbered(text: str, *, actor: Actor) -> list[tuple[str, str, str]]:
    """Return the dossier and the official act that a typed number denotes: (kind, number, address) of each.

    `kind` is `dossier` or the kind of the act.
    """
    found = []
    dossier_id = find_dossier_number(actor=actor, number=text)
    if dossier_id is not None:
        number = dossier_numbers(dossier_ids=[dossier_id]).get(dossier_id, "")
        found.append(("dossier", number, reverse("desk:dossier", args=[dossier_id])))
    if ids := casework.find_act_number(text=text):
        numbers = casework.numbers_of(act_ids=ids)
        found += [
            (pages.lifecycle.kind, numbers.get(act_id, ""), reverse(pages.route, args=[act_id]))
            for pages in _ACTS
            if may(actor, pages.lifecycle.reads)
            for act_id in casework.get_acts(actor=actor, lifecycle=pages.lifecycle, act_ids=ids)
        ]
    return found


def _history(kind: str, value: str, *, actor: Actor) -> Found:
    if kind not in set(SelectorKind) or "\0" in value:
        raise Http404
    selector = SelectorKind(kind)
    key = selector_key(selector, value)
    seen = harmonised.get_selector_history(actor=actor, kind=selector, value=value, limit=_MOST)
    roles: dict[UUID, list[str]] = {}
    for sighting in seen.newest:
        roles.setdefault(sighting.report_id, []).append(sighting.role)
    elsewhere = harmonised.seen_elsewhere(actor=actor, keys=[key])
    ids = list(roles)
    beside = _beside(selector, value, harmonised.get_records(actor=actor, report_ids=ids))
    shown = {
        "sightings": seen,
        "roles": sorted({role for found in roles.values() for role in found}),
        "months": _months(ids),
        "first": min(map(instant_of, ids), default=None),
        "last": max(map(instant_of, ids), default=None),
        "beside": beside,
        "dossiers": _dossiers(ids, actor=actor),
    }
    return Found(
        report_ids=ids,
        identifiers=[(kind, value), *((one.kind, one.value) for one in beside)],
        desks=sorted(_names(elsewhere).values(), key=alphabetical),
        shown=shown,
    )


def _dossiers(ids: list[UUID], *, actor: Actor) -> list[tuple[UUID, str, str, int]]:
    """Return the dossiers with one of these reports: id, number, given name, number of these reports."""
    found = dossiers_of(actor=actor, report_ids=ids)
    numbers, names = dossier_numbers(dossier_ids=found), names_of(actor=actor, dossier_ids=found)
    return [(one, numbers.get(one, ""), names.get(one, ""), n) for one, n in found.items()]


def _names(elsewhere: dict[UUID, frozenset[int]]) -> dict[int, str]:
    wanted = {desk for found in elsewhere.values() for desk in found}
    names = desk_names(desk_ids=wanted)
    return {desk: names.get(desk, str(desk)) for desk in wanted}

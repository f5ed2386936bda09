"""Law and rules as read-only pages: text, dates of validity and source of each entry."""

from collections.abc import Callable, Mapping
from datetime import date

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language, gettext as _, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from fanal import reference
from fanal.accounts.routes import needs
from fanal.analyse.payments.domain.indicators import load_typologies
from fanal.analyse.priority.domain.rules import PriorityRules
from fanal.analyse.priority.queries import current_rules
from fanal.analyse.signals.domain.lexicon import read_lexicon, shipped_lexicons
from fanal.analyse.signals.operations.in_force import state_in_force
from fanal.analyse.signals.reading import NoReader
from fanal.kernel.calendar import paris_day
from fanal.reference import (
    Asking,
    Body,
    Clock,
    EmergencyNumber,
    Entry,
    Instrument,
    MeasureClock,
    MeasureRule,
    Offence,
    ProtectedName,
    Qualification,
    Retention,
    Routing,
    SearchService,
)
from fanal.web.account.actors import now_of
from fanal.web.components.words import number as grouped
from fanal.web.desk.rules.words import rule_in_words

Facts = list[tuple[str, str]]

TABLES: Mapping[str, type[Entry]] = {
    kind.kind: kind
    for kind in (
        Offence,
        MeasureRule,
        MeasureClock,
        Clock,
        Body,
        EmergencyNumber,
        Routing,
        Qualification,
        Retention,
        Instrument,
        Asking,
        ProtectedName,
        SearchService,
    )
}


@never_cache
@require_GET
@needs("reference.read")
def rules(request: HttpRequest) -> HttpResponse:
    """Show one table of the reference data, named by the query's `table`, by default the offences.

    Raises:
        Http404: no such table.
    """
    table = request.GET.get("table", "offence")
    on = paris_day(now_of(request))
    context: dict[str, object] = {"table": table, "tables": list(TABLES), "on": on}
    if table == "priority":
        rules_now = current_rules()
        context |= {"priority": rules_now, "levels": _levels(rules_now, on)}
        context["said"] = [rule_in_words(r, get_language() or "fr") for r in rules_now.rule]
    elif table == "lexicon":
        context |= {
            "lexicons": [read_lexicon(text, name=n) for n, text in shipped_lexicons().items()],
            "reader": _reader(get_language() or "fr"),
        }
    elif table == "typology":
        context |= {"typologies": load_typologies()}
    elif table in TABLES:
        context |= {
            "entries": _entries(TABLES[table], on),
            "version": reference.load().version,
        }
    else:
        raise Http404
    return render(request, "desk/rules.html", context)


def _reader(lang: str) -> str:
    """Return a sentence on the model that reads the meaning of texts, or on why there is none."""
    state = state_in_force()
    if isinstance(state, NoReader):
        return reference.render(state.reason, {"detail": state.detail}, lang, kind="reader")
    known, other = state.quality
    parameters: dict[str, str | int | float] = {
        "version": state.version, "texts": state.texts, "f1": known.f1, "plain": known.plain,
        "other": other.f1,
    }  # fmt: skip
    return reference.render("IN_FORCE", parameters, lang, kind="reader")


def _levels(found: PriorityRules, on: date) -> list[dict[str, object]]:
    """Return each priority level with its lowest score, and its time limits to claim, decide and approve.

    Keys: `code`, `lowest`, `clocks` (texts). The time limits are those in force on the day `on`.
    """
    catalogue = reference.load()
    return [
        {
            "code": level.code,
            "lowest": level.lowest,
            "clocks": [
                _length(catalogue.by_code(Clock, f"{stage}_{level.code}", on))
                for stage in ("TAKE", "DECIDE", "SECOND")
            ],
        }
        for level in found.level
    ]


def _length(clock: Clock | None) -> str:
    return "" if clock is None else _span(clock.value.length, clock.value.unit)


def _entries(kind: type[Entry], on: date) -> list[dict[str, object]]:
    lang = get_language() or "fr"
    return [
        {
            "entry": entry,
            "label": entry.label.of(lang),
            "note": entry.note.of(lang) if entry.note else "",
            "current": entry.in_force(on),
            "unchecked": entry.unchecked(on),
            "facts": [(term, text) for term, text in _facts_of(entry) if text],
        }
        for entry in reference.load().entries(kind)
    ]


def _facts_of(entry: Entry) -> Facts:
    reader = _READERS.get(type(entry))
    return reader(entry) if reader else []


def _offence(entry: Entry) -> Facts:
    if not isinstance(entry, Offence):
        return []
    value, lang = entry.value, get_language() or "fr"
    return [
        (_("Nature"), reference.label("offence_nature", value.nature, lang)),
        (_("Prison"), _("life") if value.life else _years(value.max_prison_years)),
        (_("Fine"), f"{value.fine_euros:,} €".replace(",", "\u202f") if value.fine_euros else ""),
        (_("Victim under"), _years(value.victim_under)),
        (
            _("Limitation"),
            " / ".join(reference.label("limitation", code, lang) for code in value.limitation),
        ),
        (_("Abroad"), ", ".join(value.extraterritorial)),
        (_("Allows measures under"), ", ".join(value.measures)),
        (
            _("Aggravated"),
            " ; ".join(
                f"{d.code} {d.label.of(lang)}"
                f" ({_('life') if d.life else _years(d.max_prison_years)})"
                for d in value.degrees
            ),
        ),
    ]


def _measure(entry: Entry) -> Facts:
    if not isinstance(entry, MeasureRule):
        return []
    value, lang = entry.value, get_language() or "fr"
    return [
        (_("Article"), value.article),
        (
            _("Addressees"),
            ", ".join(reference.label("addressee_kind", code, lang) for code in value.addressees),
        ),
        (_("For offences"), ", ".join(value.offences)),
        (_("Requires"), ", ".join(value.needs)),
        (_("Remedies"), ", ".join(value.remedies)),
    ]


def _measure_clock(entry: Entry) -> Facts:
    if not isinstance(entry, MeasureClock):
        return []
    value = entry.value
    bound = {"AT_MOST": _("at most"), "AT_LEAST": _("at least"), "EVERY": _("every")}[value.bound]
    return [
        (_("Article"), value.article),
        (_("Length"), f"{bound} {_span(value.length, value.unit)}"),
        (_("Counts from"), value.start),
        (_("Can be suspended"), _("yes") if value.suspendable else _("no")),
    ]


def _instrument(entry: Entry) -> Facts:
    if not isinstance(entry, Instrument):
        return []
    value = entry.value
    status = {"PROPOSED": _("proposed, not in force"), "IN_FORCE": _("in force")}[value.status]
    return [
        (_("Article"), value.article),
        (_("Status"), status),
        (_("Format"), value.format),
    ]


def _emergency(entry: Entry) -> Facts:
    if not isinstance(entry, EmergencyNumber):
        return []
    value = entry.value
    lang = get_language() or "fr"
    named = ", ".join(reference.label("country", code, lang) for code in value.countries)
    said = _("yes") if value.silent else _("no")
    return [
        (_("Number"), value.number),
        (_("Countries"), named or _("elsewhere")),
        (_("For who cannot speak"), said),
    ]


def _clock(entry: Entry) -> Facts:
    if not isinstance(entry, Clock):
        return []
    value, lang = entry.value, get_language() or "fr"
    return [
        (_("Priority"), reference.label("level", value.level, lang)),
        (_("Length"), _length(entry)),
    ]


def _routing(entry: Entry) -> Facts:
    if not isinstance(entry, Routing):
        return []
    value, lang = entry.value, get_language() or "fr"
    return [
        (_("Rank"), str(value.rank)),
        (_("Proposes"), reference.label("body", value.body, lang)),
        (_("Article"), value.article),
    ]


def _qualification(entry: Entry) -> Facts:
    if not isinstance(entry, Qualification):
        return []
    value, lang = entry.value, get_language() or "fr"
    return [
        (_("Article"), value.article),
        (
            _("Kinds of report"),
            ", ".join(reference.label("report_kind", code, lang) for code in value.kinds),
        ),
        (
            _("Signals"),
            ", ".join(reference.label("finding", code, lang) for code in value.signals),
        ),
        (_("Requires known or classified material"), _("yes") if value.material else ""),
        (_("Requires a payment"), _("yes") if value.payment else ""),
        (_("Victim under"), _years(value.victim_under)),
    ]


def _retention(entry: Entry) -> Facts:
    if not isinstance(entry, Retention):
        return []
    value = entry.value
    return [
        (_("Kept for"), _span(value.length, value.unit)),
        (
            _("Counts from"),
            reference.label("retention_start", value.start, get_language() or "fr"),
        ),
        (_("Tables"), ", ".join(value.tables)),
    ]


def _years(number: int | None) -> str:
    return "" if number is None else _span(number, "YEARS")


def _span(n: int, unit: str) -> str:
    """Return a duration in words, `n` in the `unit` of the law or rule: `1 hour`, `5 working days`."""
    words = {
        "SECONDS": ngettext("%(n)s second", "%(n)s seconds", n),
        "MINUTES": ngettext("%(n)s minute", "%(n)s minutes", n),
        "HOURS": ngettext("%(n)s hour", "%(n)s hours", n),
        "DAYS": ngettext("%(n)s day", "%(n)s days", n),
        "WORKING_DAYS": ngettext("%(n)s working day", "%(n)s working days", n),
        "WEEKS": ngettext("%(n)s week", "%(n)s weeks", n),
        "MONTHS": ngettext("%(n)s month", "%(n)s months", n),
        "YEARS": ngettext("%(n)s year", "%(n)s years", n),
    }
    return words[unit] % {"n": grouped(n, get_language() or "fr")}


def _asking(entry: Entry) -> Facts:
    if not isinstance(entry, Asking):
        return []
    value = entry.value
    return [
        (_("Article"), value.article),
        (_("Country or service"), value.country or value.provider),
        (_("Length"), _span(value.length, value.unit)),
        (_("Counts from"), value.subject),
    ]


def _protected_name(entry: Entry) -> Facts:
    if not isinstance(entry, ProtectedName):
        return []
    value = entry.value
    below = {
        "NAME": _("to block these names or one above them"),
        "BELOW": _("to block these names, one above or one below them"),
    }
    kind = reference.label("protected_category", value.category, get_language() or "fr")
    return [
        (_("Nature"), kind),
        (_("Third person"), below[value.covers]),
        (_("Names"), ", ".join(value.names)),
    ]


def _search_service(entry: Entry) -> Facts:
    if not isinstance(entry, SearchService):
        return []
    kind = reference.label("addressee_kind", entry.value.category, get_language() or "fr")
    return [(_("Nature"), kind), (_("Host name"), entry.value.host)]


_READERS: Mapping[type[Entry], Callable[[Entry], Facts]] = {
    Offence: _offence,
    MeasureRule: _measure,
    MeasureClock: _measure_clock,
    Clock: _clock,
    EmergencyNumber: _emergency,
    Routing: _routing,
    Qualification: _qualification,
    Retention: _retention,
    Instrument: _instrument,
    Asking: _asking,
    ProtectedName: _protected_name,
    SearchService: _search_service,
}

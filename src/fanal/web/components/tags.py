"""Template tags of the shared components, available in every template (see README.md).

`context` is that of the template, which Django passes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django import template
from django.core.paginator import Page
from django.forms import BoundField
from django.http import HttpRequest
from django.template import Context
from django.urls import NoReverseMatch, reverse, translate_url
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext as _

from fanal import reference
from fanal.analyse.domain.records import Because, PriorityPart
from fanal.casework import queries as casework
from fanal.intake.domain.number import desk_number as earlier_number
from fanal.intake.queries.envelopes import report_number
from fanal.kernel import clock
from fanal.kernel.actors import Role
from fanal.kernel.calendar import read_aware
from fanal.orient.domain.records import Case
from fanal.orient.notifications.queries import MOST, count_unseen
from fanal.web.account import second_factor
from fanal.web.account.actors import actor_of
from fanal.web.account.landing import landing_path
from fanal.web.components import words
from fanal.web.components.navigation import ICONS, menu_of, own_address, reachable
from fanal.web.components.words import signed
from fanal.web.guides.places import guide_link

register = template.Library()


@register.filter
def desk_number(report_id: UUID) -> str:
    """Return a report's number (`R-2026-0042`); its earlier number where the reader may not see it.

    It asks the database: lists take the numbers of all rows at once (`numbers_of`).
    """
    return report_number(report_id=report_id)


@register.filter
def act_number(act_id: UUID) -> str:
    """Return the number of an official act (`M-2026-0007`); its id where the reader may not see it."""
    return casework.numbers_of(act_ids=[act_id]).get(act_id, str(act_id))


@register.filter
def number_in(object_id: UUID, numbers: Mapping[UUID, str]) -> str:
    """Return the number of a report or an act from `numbers`, which a list has read for all its rows.

    If it is missing there, return the earlier number of a report.
    """
    return numbers.get(object_id) or earlier_number(object_id)


_ICON = '<svg class="fn-icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">{}</svg>'
_STATE_TONES = {
    "ok": ("check-circle", "fn-chip-ok"),
    "wait": ("wait", ""),
    "active": ("pulse", "fn-chip-accent"),
    "warn": ("alert", "fn-chip-warn"),
    "danger": ("alert", "fn-chip-danger"),
    "closed": ("lock", ""),
}
_CLOSED = frozenset(
    {"RETRACTED", "EXPIRED", "CLOSED", "WITHDRAWN", "REJECTED", "ABANDONED", "LIFTED", "REVOKED"}
)
_DONE = frozenset(
    {"FINISHED", "DONE", "APPROVED", "EXECUTED", "DECIDED", "RECEIVED", "ACKNOWLEDGED"}
)
_ALERT = frozenset({"TO_CALL", "MISSED"})
_WAITING = frozenset(
    {"OPEN", "DRAFT", "WAITING", "PROPOSED", "TO_SECOND", "TO_APPROVE", "PENDING", "DRY_RUN"}
)


@register.simple_tag
def icon(name: str) -> SafeString:
    """Return the icon `name` as inline SVG, hidden from screen readers.

    Raises:
        KeyError: there is no such icon; a page must not show an empty box.
    """
    return format_html(_ICON, SafeString(ICONS[name]))


@register.simple_tag(takes_context=True)
def moment(context: Context, value: datetime | None) -> SafeString:
    """Return a time for display, with its ISO form as tooltip; a dash for None."""
    if value is None:
        return SafeString("–")
    return _time(value, words.moment(value, _language(), now=_now(context)))


@register.simple_tag(takes_context=True)
def typed(context: Context, name: str, stored: str = "") -> str:
    """Return the posted value of form field `name`, to fill a refused form again; `stored` if not posted."""
    request = context.get("request")
    return str(request.POST.get(name, stored)) if request else stored


@register.simple_tag(takes_context=True)
def day(context: Context, value: date | None) -> SafeString:
    """Return a day for display, with its ISO form as tooltip; a dash for None."""
    if value is None:
        return SafeString("–")
    return _time(value, words.day(value, _language(), today=clock.paris_day(_now(context))))


@register.simple_tag(takes_context=True)
def age(context: Context, value: datetime) -> SafeString:
    """Return the time elapsed since `value`, with its ISO form as tooltip; zero for a time in the future."""
    return _time(value, words.span(max(_now(context) - value, timedelta(0)), _language()))


@register.filter
def instant(value: str | None) -> datetime | None:
    """Return the time in a stored instant (RFC 3339); None for an empty or invalid text."""
    return read_aware(value)


@register.filter
def defanged(address: str) -> str:
    """Return an address in defanged form (`hxxps[:]//host[.]test`), for tables and titles."""
    return words.defang(address)


@register.filter
def label(code: str, kind: str) -> str:
    """Return the label of a code in the page's language: `{{ report.kind|label:"report_kind" }}`.

    `kind` names the group of labels in the reference data.
    """
    return reference.label(kind, str(code), _language())


@register.filter
def grouped(count: float | None) -> str:
    """Return a count with the language's thousands separator (`1 234`, `1,234`); a dash for None."""
    return words.number(count, _language())


@register.filter
def percent(hundredths: int) -> str:
    """Return a whole percentage (80) in the notation of the page's language: `80 %`, `80%`."""
    return f"{hundredths}%" if _language() == "en" else f"{hundredths}\u00a0%"


@register.filter
def control(field: BoundField) -> SafeString:
    """Return a Django form field as HTML, with the components' CSS class and without placeholder."""
    look = "form-check-input" if field.widget_type == "checkbox" else "form-control"
    return field.as_widget(attrs={"class": look, "placeholder": False})


@register.inclusion_tag("components/clock.html", takes_context=True, name="clock")
def clock_tag(
    context: Context, deadline: datetime, *, name: str = "", soon_minutes: int = 60
) -> dict[str, object]:
    """Show a deadline: its name, the time left or overdue, its date as tooltip.

    It is marked as close when `soon_minutes` or less remain. Returns the template's context. Keys besides the
    arguments: `text` (time left or overdue), its patterns `left` and `late`, `read` and `machine` (the date
    for people and in ISO 8601), `tone` (late, soon or "").
    """
    left = deadline - _now(context)
    is_late = left < timedelta(0)
    patterns = {"late": _("late by %s"), "left": _("%s left")}
    tone = "late" if is_late else "soon" if left <= timedelta(minutes=soon_minutes) else ""
    return {
        "deadline": deadline,
        "machine": words.machine(deadline),
        "read": words.moment(deadline, _language(), now=_now(context)),
        "text": patterns["late" if is_late else "left"] % words.span(left, _language()),
        **patterns,
        "name": name,
        "tone": tone,
        "soon_minutes": soon_minutes,
    }


@register.inclusion_tag("components/state.html")
def state(code: str, kind: str, *, tone: str = "") -> dict[str, object]:
    """Show the state `code` as a badge with icon and label; `kind` is the group of its labels.

    `tone` replaces the style of the state: ok, wait, active, warn, danger or closed. Returns the template's
    context: `code`, `kind`, `glyph` (the icon), `style` (the CSS class).
    """
    glyph, style = _STATE_TONES[tone or _tone(str(code))]
    return {"code": code, "kind": kind, "glyph": glyph, "style": style}


@register.inclusion_tag("components/address.html")
def address(value: str) -> dict[str, object]:
    """Show an address in defanged form (`hxxps[:]//host[.]test`), copyable as such, never as a link.

    Returns the template's context; its only key is `defanged`.
    """
    return {"defanged": words.visible(words.defang(value))}


@register.inclusion_tag("components/selector.html", takes_context=True)
def selector(  # noqa: PLR0917 - a template's own way to name them
    context: Context,
    kind: str,
    value: str,
    role: str = "",
    href: str = "",
    count: int | None = None,
) -> dict[str, object]:
    """Show an identifier: kind, value (addresses defanged), role, number of reports that hold it.

    `href`: URL of the link, if any; `count` None: no number. The identifier is registered with the journal of
    readings: the page that prints it needs a ledger entry. Returns the template's context, with the arguments
    as keys (`value` as displayed).
    """
    request = context.get("request")
    if request is not None:
        request.__dict__.setdefault("rendered_selectors", set()).add((str(kind), str(value)))
    shown = words.identifier(kind, value)
    return {"kind": kind, "value": shown, "role": role, "href": href, "count": count}


@register.simple_tag(takes_context=True)
def person(context: Context, name: str, report_id: UUID | str) -> SafeString:
    """Show a person's name and register its report with the journal of readings.

    `report_id`: the report that names the person. The journal (`web.reading`) requires a committed ledger row
    for each report before the response is sent; a test finds pages that print names without this tag.
    """
    note_person(context.get("request"), report_id)
    return format_html('<span class="fn-person">{}</span>', name)


def note_person(request: HttpRequest | None, report_id: UUID | str) -> None:
    """Add a report's id to those whose persons this response shows (`request.rendered_persons`)."""
    if request is not None:
        shown: set[str] = request.__dict__.setdefault("rendered_persons", set())
        shown.add(str(report_id))


@register.inclusion_tag("components/figure.html")
def figure(
    name: str, value: object, *, change: float | None = None, note: str = "", source: str = ""
) -> dict[str, object]:
    """Show one figure: name, value, change in a year (0.12 is +12 %), note, source.

    Returns the template's context, with the arguments as keys (`change` as text and direction, None without).
    """
    return {"name": name, "value": value, "change": _change(change), "note": note, "source": source}


@register.inclusion_tag("components/pages.html", takes_context=True)
def pages(context: Context, page: Page[object], *, parameter: str = "page") -> dict[str, object]:
    """Show the position in a paginated list, with previous and next links that keep the filters.

    `parameter` is the name of the page number in the query. Returns the template's context. Keys: `page`, and
    the queries `previous` and `next` ("" if there is none).
    """
    request: HttpRequest = context["request"]

    def link(number: int) -> str:
        query = request.GET.copy()
        query[parameter] = str(number)
        return f"?{query.urlencode()}"

    return {
        "page": page,
        "previous": link(page.previous_page_number()) if page.has_previous() else "",
        "next": link(page.next_page_number()) if page.has_next() else "",
    }


@register.simple_block_tag
def note(content: str, tone: str = "info", glyph: str = "") -> SafeString:
    """Wrap the content of the block tag as a remark: `{% note "warn" %}<p>…</p>{% endnote %}`.

    `tone` is info, ok, warn or danger; `glyph`: name of an icon other than the tone's own.
    """
    glyphs = {"info": "info", "ok": "check-circle", "warn": "alert", "danger": "alert"}
    return format_html(
        '<div class="fn-note fn-note-{}">{}<div>{}</div></div>',
        tone,
        icon(glyph or glyphs[tone]),
        content,
    )


@register.inclusion_tag("components/navigation.html", takes_context=True)
def navigation(context: Context) -> dict[str, object]:
    """Show the desk's navigation bar: pages open to the person, name, color scheme, sign-out.

    Returns the template's context: the pages (`menu`), `roles`, `user_name`, the number of `unseen`
    notifications (up to `most`), and the URLs `account`, `guide` (of this page), `home`, `notifications` and
    `sign_out`.
    """
    request: HttpRequest = context["request"]
    actor = actor_of(request)
    account = _route("account_home") if request.user.is_authenticated else ""
    centre = reachable("desk:notifications", actor)
    return {
        "request": request,
        "csrf_token": context.get("csrf_token"),
        "menu": menu_of(actor, "" if centre and request.path.startswith(centre) else request.path),
        "counts": reachable("desk:menu-counts", actor),
        "notifications": centre,
        "at_notifications": request.path == centre,
        "unseen": count_unseen(actor=actor) if centre else 0,
        "most": MOST,
        "roles": sorted(actor.roles - {Role.PUBLIC}),
        "user_name": str(request.user) if request.user.is_authenticated else "",
        "account": account,
        "guide": guide_link(request, actor) if account else "",
        "home": landing_path(actor.roles, language=_language()),
        "sign_out": _route("account_logout") if request.user.is_authenticated else "",
    }


@register.inclusion_tag("components/palette.html", takes_context=True)
def palette(context: Context) -> dict[str, object]:
    """Show the quick search dialog, which `Ctrl`+`K` opens (template tag).

    Returns the template's context: `search` is the URL of the search page, "" without the right to it.
    """
    return {"search": reachable("desk:search", actor_of(context["request"]))}


@register.simple_tag(takes_context=True)
def in_language(context: Context, code: str) -> str:
    """Return the URL of this page in the language `code` (`fr`, `en`), with the same query.

    For a page that answers a POST, or without a request, return the home page of that language.
    """
    request: HttpRequest | None = context.get("request")
    if request is None or request.method not in {"GET", "HEAD"}:
        return f"/{code}/"
    return translate_url(own_address(request), code)


def _change(change: float | None) -> Mapping[str, object] | None:
    if change is None:
        return None
    sign = "+" if change > 0 else "\u2212" if change < 0 else ""
    percent = "%" if _language() == "en" else "\u00a0%"
    return {"text": f"{sign}{abs(round(change * 100)):d}{percent}", "up": change > 0}


def _tone(code: str) -> str:
    tones = ((_CLOSED, "closed"), (_DONE, "ok"), (_WAITING, "wait"), (_ALERT, "danger"))
    for codes, tone in tones:
        if code in codes:
            return tone
    return "active"


def _time(value: date, text: str) -> SafeString:
    machine = words.machine(value)
    return format_html(
        '<time datetime="{0}" title="{0}" class="fn-nowrap">{1}</time>', machine, text
    )


def _route(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


def _language() -> str:
    return "en" if (get_language() or "fr").startswith("en") else "fr"


def _now(context: Context) -> datetime:
    request = context.get("request")
    now = getattr(request, "now", None)
    return now if isinstance(now, datetime) else clock.now()


# Template tags for reasons: priority chip, sentence of a reason, list of reasons.


@register.filter
def because(reason: Because) -> str:
    """Return a reason of a priority or proposal as a sentence in the page's language."""
    return reference.render(reason.code, reason.parameters, _page_language())


@register.filter
def floor_name(case: Case) -> str:
    """Return the name of the priority rule that set the report's minimum (floor), "" without one."""
    return case.floor_name(_page_language())


@register.inclusion_tag("components/priority.html")
def priority(
    score: int,
    level: str,
    *,
    floor: str = "",
    reason: Because | None = None,
    text: str = "",
) -> dict[str, object]:
    """Show a priority chip: the score, with the first available of floor, first reason, `text`, level.

    `floor`: the name of the priority rule that set the minimum (`floor=case|floor_name`); `level`: code of
    the priority level. Returns the template's context, with the arguments as keys.
    """
    return {"score": score, "level": level, "floor": floor, "reason": reason, "text": text}


@register.inclusion_tag("components/reasons.html")
def reasons(items: Iterable[PriorityPart | Because]) -> dict[str, object]:
    """List reasons as sentences; terms of a priority score also show points and the code of their rule.

    `items` are such terms (`PriorityPart`), or reasons of a proposal (`Because`), in the order to show.
    Returns the template's context; its only key is `reasons`.
    """
    return {"reasons": [_reason(item) for item in items]}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reason:
    text: str
    points: str
    rule: str


def _reason(item: PriorityPart | Because) -> _Reason:
    if isinstance(item, PriorityPart):
        points = signed(item.points, _page_language())
        return _Reason(text=because(item.because), points=points, rule=item.code)
    return _Reason(text=because(item), points="", rule="")


def _page_language() -> str:
    return get_language() or "fr"


# Template tag above the form of a sensitive act, which requires a fresh second factor (see README.md).


@register.inclusion_tag("components/step_up.html", takes_context=True)
def step_up(context: Context) -> dict[str, object]:
    """Say that the second factor is required, with a link to it, if the last verification is too old.

    Returns the template's context: `fresh` (the last verification still counts), `minutes` (how long it
    does), `back` (this page).
    """
    request: HttpRequest = context["request"]
    now = getattr(request, "now", None)
    instant = now if isinstance(now, datetime) else clock.now()
    return {
        "fresh": second_factor.is_fresh(request, now=instant),
        "minutes": second_factor.fresh_minutes(),
        "back": own_address(request),
    }

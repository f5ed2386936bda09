"""Lists of official acts of a kind (to send, awaited, closed), and of those that await a second approval."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.functional import Promise
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from fanal import reference
from fanal.accounts.domain.policy import may
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.casework import queries
from fanal.casework.domain.inbox import PAGE, Inbox, InboxFilter, InboxTab
from fanal.casework.domain.lifecycle import APPROVE
from fanal.casework.domain.records import Act
from fanal.intake.queries.envelopes import numbers_of
from fanal.judicial.emergency_call.acts import calls_to_make
from fanal.judicial.emergency_call.kind import EMERGENCY_CALL
from fanal.kernel.calendar import paris_day
from fanal.orient import queries as oriented
from fanal.orient.domain.records import Case
from fanal.reference import Offence
from fanal.web.account.actors import actor_of, now_of
from fanal.web.reading import consult

_LISTED = 100
_REACHED = {InboxTab.TO_SEND: 1000, InboxTab.AWAITED: 1000, InboxTab.CLOSED: 10_000}
"""Acts of a tab that its pages reach: the cost of a page grows with the acts before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActLine:
    """The part of a row in a list of official acts that depends on the kind of act.

    `name`: of the addressee; `bases`: legal articles; `subject`: what the act is about, in words, where it
    follows no report.
    """

    name: str
    bases: str
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActRow:
    """A row in a list of official acts.

    `line` is the part that depends on the kind of act, `author` the name of who drafted it, `due_at` the
    deadline of the next step, None without one. `case` is the queue's row of the report that the act follows;
    None without one, or where the person may not list reports. `danger`: the report states that a child is in
    danger, and the act is not closed.
    """

    act: Act
    line: ActLine
    author: str
    due_at: datetime | None
    case: Case | None
    danger: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ActList:
    """Configuration of the list of one kind of official act: what differs from the lists of the other kinds.

    `inbox` says which acts await which step. `route` is the URL name of the list, `page` that of one act.
    `line` makes a row from an act and its present document (None once the document has expired). `heading` is
    the title, `first` the heading of the addressee's column, `icon` the name of its icon; `lead`, an
    introduction, may be empty. `addressees` returns the codes of the addressees to choose from, labels of the
    kind `body`; without it nothing is chosen. `tabs` is the kind of the labels of the tabs.
    """

    inbox: Inbox
    route: str
    page: str
    line: Callable[[Act, bytes | None], ActLine]
    heading: str | Promise
    first: str | Promise
    icon: str
    lead: str | Promise = ""
    addressees: Callable[[datetime], Sequence[str]] = lambda _now: ()
    tabs: str = "inbox_tab"


def route_of(pages: ActList, *, place: str) -> URLPattern:
    """Return the URL route of a list of official acts (`pages`), under the path `place`.

    It is open to people who may read such acts.
    """

    @never_cache
    @require_GET
    @needs(pages.inbox.lifecycle.reads)
    def view(request: HttpRequest) -> HttpResponse:
        return _inbox(pages, request)

    return path(f"{place}/", view, name=pages.route.partition(":")[2])


def waiting(pages: ActList, request: HttpRequest) -> dict[str, object]:
    """Return the template context of the official acts of a kind that await approval by a second person.

    Oldest first, at most a hundred. `pages` is the configuration of the kind. The reading is recorded in the
    ledger. Keys: `list` (`pages`), `rows` (an `ActRow` for each), `labels` (kinds of labels), `numbers` and
    `given` (numbers of reports and of acts, by id).
    """
    lifecycle = pages.inbox.lifecycle
    sources = {
        state.value
        for one in lifecycle.states.transitions
        if one.name == APPROVE
        for state in one.sources
    }
    found = queries.list_acts(
        actor=actor_of(request), lifecycle=lifecycle, states=sources, limit=_LISTED
    )
    return _rows(pages, request, found)


def _inbox(pages: ActList, request: HttpRequest) -> HttpResponse:
    """Show a tab of the inbox of a kind of act, fifty acts to a page, by the filters in the query.

    `tab` (to_send, awaited, closed), `to` (addressee), `basis`, `late`, `mine`, `page`; unknown values are
    ignored.
    """
    actor, now, inbox = actor_of(request), now_of(request), pages.inbox
    tab = _tab_of(request)
    in_force = reference.load().in_force(Offence, paris_day(now))
    offences = sorted({offence.code for offence in in_force})
    addressees = list(pages.addressees(now))
    chosen = InboxFilter(
        addressee=_one_of(addressees, request.GET.get("to", "")),
        basis=_one_of(offences, request.GET.get("basis", "")),
        late=request.GET.get("late") == "1" and tab is not InboxTab.CLOSED,
        person_id=actor.person_id if request.GET.get("mine") == "1" else None,
    )
    filtered = chosen != InboxFilter()
    counts = queries.count_inbox(actor=actor, inbox=inbox, now=now)
    total = counts[tab].acts
    if filtered:
        total = queries.count_chosen(actor=actor, inbox=inbox, tab=tab, chosen=chosen, now=now)
    reached = min(total, _REACHED[tab])
    page = Paginator(range(reached), PAGE).get_page(request.GET.get("page", "1"))
    ranks = tab is InboxTab.TO_SEND and may(actor, "report.list")
    found = queries.list_inbox(
        actor=actor,
        inbox=inbox,
        tab=tab,
        chosen=chosen,
        danger=oriented.list_in_danger(actor=actor) if ranks else (),
        now=now,
        first=(page.number - 1) * PAGE,
    )
    calls: tuple[tuple[Act, ...], int] = ((), 0)
    if tab is InboxTab.TO_SEND and inbox.lifecycle is not EMERGENCY_CALL:
        calls = calls_to_make(actor=actor)
    context = _rows(pages, request, found.acts, danger=found.danger) | {
        "tabs": [(one, counts[one], _query(one, chosen, tab)) for one in InboxTab],
        "tab": tab,
        "late": counts[tab].late,
        "oldest": None if filtered else found.oldest,
        "total": total,
        "page": page,
        "beyond": total > reached,
        "chosen": chosen,
        "filtered": filtered,
        "addressees": addressees,
        "offences": offences,
        "decided": inbox.lifecycle.decided,
        "clear": f"?tab={tab.lower()}",
        "to_call": calls[0],
        "calls": calls[1],
    }
    context["numbers"] = numbers_of(report_ids=[act.subject_id for act in (*found.acts, *calls[0])])
    return render(request, "desk/acts.html", context)


def _tab_of(request: HttpRequest) -> InboxTab:
    asked = request.GET.get("tab", "").upper()
    return InboxTab(asked) if asked in set(InboxTab) else InboxTab.TO_SEND


def _one_of(known: Sequence[str], asked: str) -> str:
    return asked if asked in known else ""


def _query(tab: InboxTab, chosen: InboxFilter, shown: InboxTab) -> str:
    """Return the query of a tab that keeps the filters; those of lateness apply to `shown` alone."""
    named: Mapping[str, str] = {
        "tab": tab.lower(),
        "to": chosen.addressee,
        "basis": chosen.basis,
        "late": "1" if chosen.late and tab is shown else "",
        "mine": "1" if chosen.person_id else "",
    }
    return "?" + urlencode({name: value for name, value in named.items() if value})


def _rows(
    pages: ActList,
    request: HttpRequest,
    found: Sequence[Act],
    *,
    danger: frozenset[UUID] = frozenset(),
) -> dict[str, object]:
    """Return the template context of a table of acts; the reading is recorded in the ledger first."""
    actor, kind = actor_of(request), pages.inbox.lifecycle.kind
    consult(request, kind, [act.id for act in found], action=f"{kind}.list")
    names = person_names(person_ids={act.author_id for act in found})
    said = queries.contents_of(acts=found)
    cases: Mapping[UUID, Case] = {}
    if may(actor, "report.list"):
        reports = [act.subject_id for act in found if act.subject_id in act.report_ids]
        cases = oriented.get_cases(actor=actor, report_ids=reports)
    closed = pages.inbox.states(InboxTab.CLOSED)
    rows = [
        ActRow(
            act=act,
            line=pages.line(act, said.get(act.id)),
            author=names.get(act.author_id, ""),
            due_at=pages.inbox.due_at(act),
            case=(case := cases.get(act.subject_id)),
            danger=act.state not in closed
            and (act.id in danger or "DANGER" in {act.level, case.level if case else ""}),
        )
        for act in found
    ]
    labels = {part: f"{kind}_{part}" for part in ("state", "outcome")}
    numbers = numbers_of(report_ids=[act.subject_id for act in found])
    given = queries.numbers_of(act_ids=[act.id for act in found])
    return {"list": pages, "rows": rows, "labels": labels, "numbers": numbers, "given": given}

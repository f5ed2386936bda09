"""The sections of the home page: for each role of a person, numbers of waiting items and links to them.

Numbers are counted together: one statement counts all views of the queue, one all official acts. A number
whose list the person may not open, or that an earlier section shows, is left out.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property, partial
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from msgspec import structs

from fanal.accounts.domain.instructions import InstructionState
from fanal.accounts.domain.policy import may, reach
from fanal.accounts.domain.records import AccountRecord, ResetState
from fanal.accounts.queries.instructions import list_instructions
from fanal.accounts.queries.people import list_accounts
from fanal.accounts.queries.resets import list_resets
from fanal.casework.domain.inbox import Inbox, InboxTab, TabCount
from fanal.casework.domain.lifecycle import Lifecycle
from fanal.casework.queries import count_open_acts
from fanal.harmonise.openings import list_openings
from fanal.judicial.emergency_call.acts import CALLS
from fanal.judicial.queries import REFERRALS, SHEETS
from fanal.kernel.actors import Actor, Role
from fanal.kernel.calendar import add_months, first_of_month, paris_day
from fanal.measures import queries as measures
from fanal.measures.addressees.views import count_waiting
from fanal.measures.appeal.kind import APPEAL
from fanal.measures.blocking.kind import BLOCKING, BlockingState
from fanal.measures.blocking.mirrors.kind import MIRROR
from fanal.measures.blocking.views import MOST
from fanal.measures.dereferencing.kind import DEREFERENCING
from fanal.measures.notice.acts import NOTICES
from fanal.measures.removal.kind import REMOVAL
from fanal.orient.assignment.domain import Load
from fanal.orient.assignment.queries import list_loads
from fanal.orient.domain.filters import NOBODY
from fanal.orient.domain.records import QueueFilter, QueueView
from fanal.orient.queue.domain.streams import streams_of
from fanal.orient.queue.queries import COUNT_CAP, count_selections
from fanal.statistics import queries as statistics
from fanal.web.account import lockout
from fanal.web.account.installation import PartState, parts_of
from fanal.web.account.people import account_states
from fanal.web.components.navigation import reachable
from fanal.web.desk.acts.stages import LISTINGS, STAGES
from fanal.web.desk.queue.filters import query_of
from fanal.web.home.records import HomeLoad, HomeNumber, HomeSection

_LOADS = 8
"""People whose load is shown, those with the most reports."""
_INBOXES = (CALLS, REFERRALS, SHEETS, NOTICES)
_OTHERS: Sequence[Lifecycle] = (REMOVAL, BLOCKING, MIRROR, DEREFERENCING, APPEAL)
_ANYBODY, _UNASSIGNED = QueueFilter(), QueueFilter(holder=NOBODY)
Selection = tuple[QueueView, QueueFilter]


class _Counts:
    """The numbers for a person at an instant; each group is counted once, when it is first asked for."""

    def __init__(self, actor: Actor, now: datetime) -> None:
        self.actor, self.now = actor, now

    @cached_property
    def loads(self) -> list[tuple[str, Load]]:
        """The people of the actor's desks with a report in charge (name, load), the fullest first."""
        found: dict[object, tuple[str, Load]] = {}
        for desk_id in sorted(reach(self.actor, "report.assign").desk_ids):
            for name, load in list_loads(actor=self.actor, desk_id=desk_id, now=self.now):
                before = found.get(load.person_id)
                if load.held and (before is None or before[1].held < load.held):
                    found[load.person_id] = name, load
        return sorted(found.values(), key=lambda pair: -pair[1].held)

    @cached_property
    def queue(self) -> Mapping[tuple[str, str], int]:
        """The number of reports by view of the queue and person in charge ("" for any), in one statement."""
        chosen = [(view, _ANYBODY) for view in _VIEWS]
        if self.actor.has(Role.SUPERVISOR):
            chosen.append((QueueView.OPEN, _UNASSIGNED))
            chosen += [(QueueView.OPEN, held_by(load)) for _name, load in self.loads[:_LOADS]]
        selections = {
            (view.value, filters.holder or ""): streams_of(
                actor=self.actor, view=view, filters=filters, now=self.now
            )
            for view, filters in chosen
        }
        return count_selections(selections=selections, cap=COUNT_CAP + 1)

    @cached_property
    def acts(self) -> Mapping[tuple[str, str], TabCount]:
        """The number of open official acts, and of the late ones, by kind and state, in one statement."""
        return count_open_acts(actor=self.actor, inboxes=_INBOXES, lifecycles=_OTHERS, now=self.now)

    @cached_property
    def accounts(self) -> list[AccountRecord]:
        """Every account of the installation."""
        return list_accounts(actor=self.actor, now=self.now)

    def thirds(self, lifecycle: Lifecycle) -> int:
        """Return the number of blockings, or mirrors, of protected names that await a third person."""
        approved = [BlockingState.APPROVED]
        if not self.acts_in(lifecycle, *approved):
            return 0
        found = LISTINGS[lifecycle.kind](actor=self.actor, states=approved, now=self.now)
        return sum(one.asked == "THIRD" for one in found)

    def acts_in(self, lifecycle: Lifecycle, *states: str) -> int:
        """Return the number of open acts of a kind in some states, or in all."""
        return sum(
            count.acts
            for (kind, state), count in self.acts.items()
            if kind == lifecycle.kind and (not states or state in states)
        )

    def tab(self, inbox: Inbox, tab: InboxTab) -> TabCount:
        """Return the numbers of a tab of an inbox: acts, and late ones."""
        found = [self.acts.get((inbox.lifecycle.kind, state)) for state in inbox.states(tab)]
        counts = [count for count in found if count is not None]
        return TabCount(acts=sum(c.acts for c in counts), late=sum(c.late for c in counts))


_VIEWS = (QueueView.DANGER, QueueView.MINE, QueueView.ANSWERED, QueueView.LATE)


def held_by(load: Load) -> QueueFilter:
    """Return the filter of the queue that keeps the reports in the charge of one person."""
    return QueueFilter(holder=str(load.person_id))


def sections_of(*, actor: Actor, now: datetime) -> list[HomeSection]:
    """Return the sections of the home page for each role of the actor: first those where something waits."""
    counts = _Counts(actor, now)
    shown: set[str] = set()
    found = []
    for role, build in _BUILDERS.items():
        if not actor.has(role):
            continue
        numbers = [one for one in build(counts) if one.href and one.href not in shown]
        shown |= {one.href for one in numbers}
        numbers.sort(key=lambda one: one.shown_tone != "danger")
        section = HomeSection(role=role, numbers=numbers)
        found.append(_with_loads(section, counts) if role is Role.SUPERVISOR else section)
    return sorted(found, key=lambda section: not section.has_work)


def _with_loads(section: HomeSection, counts: _Counts) -> HomeSection:
    """Return the section with the load of each person, if the actor may see the team."""
    team = reachable("desk:team", counts.actor)
    if not team:
        return section
    loads = []
    for name, load in counts.loads[:_LOADS]:
        filters = held_by(load)
        number = counts.queue[QueueView.OPEN, filters.holder or ""]
        loads.append(
            HomeLoad(
                name=name,
                number=min(number, COUNT_CAP),
                href=_queue(counts, QueueView.OPEN, filters),
                capped=number > COUNT_CAP,
            )
        )
    return structs.replace(section, loads=loads, others=len(counts.loads) - len(loads), team=team)


def _queue(counts: _Counts, view: QueueView, filters: QueueFilter = _ANYBODY) -> str:
    href = reachable("desk:queue", counts.actor)
    return f"{href}?{query_of(view, filters)}" if href else ""


def _view(
    counts: _Counts,
    view: QueueView,
    words: str | Promise,
    tone: str,
    filters: QueueFilter = _ANYBODY,
) -> HomeNumber:
    """Return the number of reports in a view of the queue."""
    href = _queue(counts, view, filters)
    number = counts.queue[view.value, filters.holder or ""] if href else 0
    return HomeNumber(
        number=min(number, COUNT_CAP),
        words=words,
        href=href,
        tone=tone,
        capped=number > COUNT_CAP,
    )


def _page(
    counts: _Counts,
    route: str,
    number: Callable[[], int],
    words: str | Promise,
    *,
    tone: str = "",
    **query: str,
) -> HomeNumber:
    """Return a number that leads to the page `route` with a query.

    If the person may not open that page, nothing is counted and the link is empty.
    """
    href = reachable(route, counts.actor)
    if not href:
        return HomeNumber(number=0, words=words, href="")
    address = f"{href}?{urlencode(query)}" if query else href
    return HomeNumber(number=number(), words=words, href=address, tone=tone)


def _tab(
    counts: _Counts,
    route: str,
    inbox: Inbox,
    tab: InboxTab,
    words: str | Promise,
    *,
    late: bool = False,
    tone: str = "",
) -> HomeNumber:
    """Return the number of acts in a tab of an inbox, or of the late ones."""

    def number() -> int:
        count = counts.tab(inbox, tab)
        return count.late if late else count.acts

    more = {"late": "1"} if late else {}
    return _page(counts, route, number, words, tone=tone, tab=tab.lower(), **more)


def _analyst(counts: _Counts) -> Iterator[HomeNumber]:
    yield _view(counts, QueueView.DANGER, _("Children in danger, to decide"), "danger")
    yield _calls(counts)
    yield _view(counts, QueueView.MINE, _("In your charge"), "")
    yield _view(counts, QueueView.ANSWERED, _("Answers received, unread"), "warn")
    yield _view(counts, QueueView.LATE, _("Late reports"), "danger")


def _calls(counts: _Counts) -> HomeNumber:
    words = _("Emergency calls to make")
    return _tab(counts, "desk:emergency_calls", CALLS, InboxTab.TO_SEND, words, tone="danger")


def _supervisor(counts: _Counts) -> Iterator[HomeNumber]:
    yield _view(counts, QueueView.DANGER, _("Children in danger, to decide"), "danger")
    yield _calls(counts)
    yield _view(counts, QueueView.OPEN, _("Reports that nobody has in charge"), "warn", _UNASSIGNED)
    yield _to_approve(counts)
    yield _instructions(counts)
    yield from _addresses(counts)
    yield from _lasting(counts)
    yield _view(counts, QueueView.LATE, _("Late reports"), "danger")
    words = _("Late referrals")
    to_send, tone = InboxTab.TO_SEND, "danger"
    yield _tab(counts, "desk:referrals", REFERRALS, to_send, words, late=True, tone=tone)
    yield _recommendations(counts)
    yield _resets(counts)


def _to_approve(counts: _Counts) -> HomeNumber:
    """Return the number of acts that await approval by a second person, or by a third."""

    def number() -> int:
        kinds = (REMOVAL, NOTICES.lifecycle, BLOCKING, MIRROR, DEREFERENCING)
        found = sum(counts.acts_in(kind, "TO_SECOND") for kind in kinds)
        return found + sum(counts.thirds(kind) for kind in (BLOCKING, MIRROR))

    return _page(counts, "desk:second", number, _("Acts to approve"), tone="warn")


def _instructions(counts: _Counts) -> HomeNumber:
    """Return the number of standing instructions that await approval by a second person."""

    def number() -> int:
        found = list_instructions(actor=counts.actor)
        return sum(one.state(counts.now) is InstructionState.WAITING for one in found)

    return _page(counts, "desk:instructions", number, _("Instructions to approve"), tone="warn")


def _addresses(counts: _Counts) -> Iterator[HomeNumber]:
    """Yield the addresses of the directory that await a second person, to those who may confirm."""
    if may(counts.actor, "addressee.confirm"):
        words = _("Addressees to confirm")
        waiting = partial(count_waiting, actor=counts.actor)
        yield _page(counts, "desk:addressees", waiting, words, tone="warn", state="WAITING")


def _lasting(counts: _Counts) -> Iterator[HomeNumber]:
    """Yield the stages of lasting measures and of appeals with acts that await the actor.

    Each has the earliest deadline of its acts. One statement counts the acts of all stages.
    """
    for kind, code, words in _STAGES:
        stage = STAGES[kind.kind][code]
        if not may(counts.actor, stage.right) or not counts.acts_in(kind, *stage.states):
            continue
        if found := stage.acts(actor=counts.actor, now=counts.now):
            due = next((one.due_at for one in found if one.due_at), None)
            tone = "danger" if found[0].late else "warn"
            one = _page(
                counts, f"desk:{kind.kind}s", _number(len(found)), words, tone=tone, state=code
            )
            yield structs.replace(
                one, due_at=due, capped=counts.acts_in(kind, *stage.states) > MOST
            )


_STAGES: Sequence[tuple[Lifecycle, str, str | Promise]] = (
    (BLOCKING, "DOUBT", _("Blockings in doubt")),
    (MIRROR, "DOUBT", _("Mirrors in doubt")),
    (DEREFERENCING, "DOUBT", _("Dereferencings in doubt")),
    (APPEAL, "TERM", _("Appeals with a term")),
    (BLOCKING, "LIST", _("Names to put on the list")),
    (MIRROR, "LIST", _("Mirrors to put on the list")),
    (DEREFERENCING, "LIST", _("Dereferencings to notify")),
    (BLOCKING, "RESTORE", _("Access to names to restore")),
    (MIRROR, "RESTORE", _("Access to mirrors to restore")),
    (DEREFERENCING, "RESTORE", _("Addresses to have listed again")),
    (BLOCKING, "REVIEW", _("Freed names to review")),
    (MIRROR, "REVIEW", _("Freed mirrors to review")),
    (DEREFERENCING, "REVIEW", _("Ended dereferencings to review")),
)
"""The stages shown (kind, code, label), the most urgent first."""


def _recommendations(counts: _Counts) -> HomeNumber:
    def number() -> int:
        return len(measures.list_recommendations(actor=counts.actor, waiting=True))

    words = _("Recommendations awaiting an answer")
    return _page(counts, "oversight:recommendations", number, words, tone="warn")


def _judicial_officer(counts: _Counts) -> Iterator[HomeNumber]:
    yield _calls(counts)
    to_send, awaited = InboxTab.TO_SEND, InboxTab.AWAITED
    route = "desk:referrals"
    yield _tab(counts, route, REFERRALS, to_send, _("Referrals to send"), tone="warn")
    words = _("Late referrals")
    yield _tab(counts, route, REFERRALS, to_send, words, late=True, tone="danger")
    yield _tab(counts, route, REFERRALS, awaited, _("Referrals awaiting an answer"))
    words = _("Answers overdue")
    yield _tab(counts, route, REFERRALS, awaited, words, late=True, tone="danger")
    yield _tab(counts, "desk:sheets", SHEETS, to_send, _("Intelligence sheets to send"))


def _measures_officer(counts: _Counts) -> Iterator[HomeNumber]:
    def column(name: str, words: str | Promise, tone: str = "") -> HomeNumber:
        return _page(
            counts,
            "desk:measures",
            lambda: counts.acts_in(REMOVAL, name),
            words,
            tone=tone,
            column=name,
        )

    yield column("EXPIRED", _("Removal requests past the statutory deadline"), "danger")
    yield column("DRAFT", _("Removal requests to propose"), "warn")
    yield _to_approve(counts)
    yield from _addresses(counts)
    yield from _lasting(counts)
    yield column("APPROVED", _("Removal requests to send"), "warn")
    yield column("SENT", _("Removal requests sent, receipt awaited"))
    notices = "desk:notices"
    yield _tab(counts, notices, NOTICES, InboxTab.TO_SEND, _("Notices to send"))
    words = _("Late notices")
    yield _tab(counts, notices, NOTICES, InboxTab.TO_SEND, words, late=True, tone="danger")
    yield _recommendations(counts)


def _overseer(counts: _Counts) -> Iterator[HomeNumber]:
    sessions = measures.list_sessions(actor=counts.actor, limit=6)
    running = next((one for one in sessions if one.ended_at is None), None)
    if running and reachable("oversight:home", counts.actor):
        yield HomeNumber(
            number=len(running.sample),
            words=_("Measures in your open session"),
            href=reverse("oversight:session", args=[running.id]),
            tone="warn",
        )
    yield _recommendations(counts)
    openings = list_openings(actor=counts.actor, unseen=True)
    words = _("Identities opened, not yet reviewed")
    yield _page(counts, "oversight:openings", lambda: len(openings), words, tone="warn")


def _statistician(counts: _Counts) -> Iterator[HomeNumber]:
    """Yield the numbers of reports received in this month and in the one before."""
    href = reachable("desk:statistics", counts.actor)
    if not href:
        return
    this = first_of_month(paris_day(counts.now))
    months = (add_months(this, -1), this)
    found = statistics.series(actor=counts.actor, figure="RECEIVED", now=counts.now, months=months)
    for month, words in zip(
        reversed(months),
        (_("Reports received this month"), _("Reports received last month")),
        strict=True,
    ):
        name = month.isoformat()[:7]
        yield HomeNumber(
            number=sum(int(row.value or 0) for row in found.rows if row.keys[0] == name),
            words=words,
            href=f"{href}?{urlencode({'from': name, 'to': name})}",
            standing=True,
        )


def _administrator(counts: _Counts) -> Iterator[HomeNumber]:
    parts = parts_of(actor=counts.actor, now=counts.now, accounts=counts.accounts)
    installation = "account_installation"
    faults = sum(part.state is PartState.FAULT for part in parts)
    looks = sum(part.state is PartState.LOOK for part in parts)
    words = _("Parts of the installation that fail")
    yield _page(counts, installation, _number(faults), words, tone="danger", state="FAULT")
    words = _("Parts of the installation to look at")
    yield _page(counts, installation, _number(looks), words, tone="warn", state="LOOK")
    locked = lockout.locked_logins(now=counts.now)
    people = {
        code: sum(
            account_states(one, locked=locked, now=counts.now)[code] for one in counts.accounts
        )
        for code in ("LOCKED", "NO_ROLE", "NEVER", "EXPIRING")
    }
    for code, words, tone in (
        ("LOCKED", _("Accounts locked"), "warn"),
        ("NO_ROLE", _("People without a role"), "warn"),
        ("NEVER", _("People who never signed in"), ""),
        ("EXPIRING", _("People whose role expires within 30 days"), "warn"),
    ):
        yield _page(counts, "account_people", _number(people[code]), words, tone=tone, state=code)
    yield _resets(counts)


def _resets(counts: _Counts) -> HomeNumber:
    def number() -> int:
        found = list_resets(actor=counts.actor, now=counts.now)
        return sum(one.state is ResetState.OPEN for one in found)

    return _page(counts, "account_resets", number, _("Resets to confirm"), tone="warn")


def _number(value: int) -> Callable[[], int]:
    return lambda: value


_BUILDERS: Mapping[Role, Callable[[_Counts], Iterator[HomeNumber]]] = {
    Role.ANALYST: _analyst,
    Role.SUPERVISOR: _supervisor,
    Role.JUDICIAL_OFFICER: _judicial_officer,
    Role.MEASURES_OFFICER: _measures_officer,
    Role.OVERSEER: _overseer,
    Role.ADMINISTRATOR: _administrator,
    Role.STATISTICIAN: _statistician,
}

"""Queries on appeals: lists with their terms, those against a measure, counts."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from fanal import reference
from fanal.accounts.domain.policy import require
from fanal.casework import queries as casework
from fanal.casework.domain.records import Act
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.figures import Counted
from fanal.measures.appeal.kind import APPEAL, AppealState, Filer, Ruling
from fanal.measures.appeal.rules import AppealFacts, Term, asked_of, due_at, terms_of
from fanal.measures.models import StoredAppeal

MOST = 2000
"""Most appeals that a list shows."""


class AppealView(Struct, frozen=True, kw_only=True):
    """An appeal as pages show it.

    `act` is the official act, `facts` are those from which the terms follow. `contested_id` is the contested
    measure, `filer` who filed the appeal. `ruling` and `final_ruling` are those of the administrative court
    and of the court of appeal, None before them; `appealed_by` contested the first one. `terms` are the legal
    terms that have started, `due_at` is the deadline of the next step, `late` whether it has passed. `asked`:
    who makes the next step, a code of the label kind `appeal_asked`.
    """

    act: Act
    contested_id: UUID
    filer: Filer
    ruling: Ruling | None
    appealed_by: Filer | None
    final_ruling: Ruling | None
    facts: AppealFacts
    terms: tuple[Term, ...]
    due_at: datetime | None
    late: bool
    asked: str

    @property
    def standing(self) -> Ruling | None:
        """The ruling in force: that of the court of appeal, else the first; None before any."""
        return self.final_ruling or self.ruling


def view_of(*, actor: Actor, act: Act, now: datetime) -> AppealView:
    """Return an appeal, already read by the actor as an act, with its facts and terms at `now`.

    Raises:
        DelayMissing: as `rules.terms_of`.
    """
    del actor  # the act was read by them
    (view,) = _views([act], now=now)
    return view


def list_appeals(
    *, actor: Actor, states: Iterable[str] = (), now: datetime, limit: int = MOST
) -> tuple[AppealView, ...]:
    """Return at most `limit` appeals that the actor may read, the earliest deadline first.

    Without `states`, those in every state are returned. Closed ones come last.

    Raises:
        DelayMissing: as `rules.terms_of`.
    """
    found = casework.list_acts(actor=actor, lifecycle=APPEAL, states=states, limit=limit)
    views = _views(found, now=now)
    return tuple(sorted(views, key=lambda view: (view.due_at is None, view.due_at or now)))


def appeals_against(
    *, actor: Actor, report_id: UUID, contested_ids: Collection[UUID], now: datetime
) -> tuple[AppealView, ...]:
    """Return the appeals that the actor may read against measures on a report, oldest first.

    Raises:
        DelayMissing: as `rules.terms_of`.
    """
    found = casework.acts_on(actor=actor, lifecycle=APPEAL, subject_ids=[report_id])
    views = _views(found.get(report_id, ()), now=now)
    return tuple(view for view in views if view.contested_id in contested_ids)


def count_appeals(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Count the appeals registered from `since` to `until` (excluded), by day, ruling in force and filer.

    The rows are (day in Paris, ruling, filer, number); an appeal without a ruling is counted under its state.
    Those registered by mistake are left out.

    Raises:
        Refused: the actor may not read statistics.
    """
    require(actor, "statistics.read")
    found = sql.rows(
        "SELECT (c.created_at AT TIME ZONE 'Europe/Paris')::date,"
        " coalesce(nullif(a.final_ruling, ''), nullif(a.ruling, ''), c.state), a.filer, count(*)"
        " FROM casework_act c JOIN measures_appeal a ON a.act_id = c.id"
        " WHERE c.kind = 'appeal' AND c.state <> 'STRUCK' AND c.created_at >= %s AND c.created_at < %s"
        " GROUP BY 1, 2, 3",
        [since, until],
    )
    return list(found)


def count_waiting(*, actor: Actor) -> dict[str, int]:
    """Count the open appeals of all desks, by state.

    Raises:
        Refused: the actor may not read statistics.
    """
    return {
        code.value: casework.count_in(actor=actor, lifecycle=APPEAL, states=[code])
        for code in (AppealState.FILED, AppealState.HEARD, AppealState.RULED, AppealState.APPEALED)
    }


def _views(found: Sequence[Act], *, now: datetime) -> list[AppealView]:
    rows = StoredAppeal.objects.filter(act_id__in=[act.id for act in found])
    stored = {row.act_id: row for row in rows}
    return [_view(act, stored[act.id], now) for act in found]


def _view(act: Act, row: StoredAppeal, now: datetime) -> AppealView:
    catalogue = reference.load()
    facts = AppealFacts(
        state=AppealState(act.state),
        created_at=act.created_at,
        known_at=row.known_at,
        filed_at=row.filed_at,
        heard_at=row.heard_at,
        ruled_at=row.ruled_at,
        appealed_at=row.appealed_at,
        final_at=row.final_at,
    )
    due = due_at(facts, catalogue=catalogue)
    late = due is not None and now >= due
    return AppealView(
        act=act,
        contested_id=row.contested_id,
        filer=Filer(row.filer),
        ruling=Ruling(row.ruling) if row.ruling else None,
        appealed_by=Filer(row.appealed_by) if row.appealed_by else None,
        final_ruling=Ruling(row.final_ruling) if row.final_ruling else None,
        facts=facts,
        terms=terms_of(facts, catalogue=catalogue),
        due_at=due,
        late=late,
        asked=asked_of(facts, late=late),
    )

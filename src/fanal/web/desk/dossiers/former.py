"""Page of a dossier that a judgement dissolved: where its reports are now.

It also serves the page of a dossier from which reports were split off.
"""

from collections.abc import Sequence
from http import HTTPStatus
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from msgspec import Struct

from fanal.accounts.domain.policy import may
from fanal.accounts.queries.people import person_names
from fanal.crosscheck.dossiers.numbers import dissolved
from fanal.crosscheck.dossiers.queries import dossiers_of, in_dossiers, numbers_of
from fanal.intake.queries.envelopes import get_reports
from fanal.kernel.actors import Actor
from fanal.web.account.actors import actor_of
from fanal.web.reading import consult


class Halves(Struct, frozen=True, kw_only=True):
    """The present places of reports that were split off from a dossier.

    `dossiers` are those that hold them, as (id, number, number of reports); `reports` those in no dossier, as
    (id, displayed reference).
    """

    dossiers: list[tuple[UUID, str, int]]
    reports: list[tuple[UUID, str]]

    @property
    def shown(self) -> bool:
        """Whether any part of the dossier is visible to the reader."""
        return bool(self.dossiers or self.reports)


def halves_of(report_ids: Sequence[UUID], *, actor: Actor) -> Halves:
    """Return the dossiers that hold the given reports now, and the reports in none.

    Dossiers and reports that the actor may not see are left out.
    """
    if not report_ids:
        return Halves(dossiers=[], reports=[])
    found = dossiers_of(actor=actor, report_ids=report_ids)
    numbers, facts = numbers_of(dossier_ids=found), get_reports(actor=actor, report_ids=report_ids)
    alone = set(facts) - in_dossiers(actor=actor, report_ids=report_ids)
    return Halves(
        dossiers=[(id_, numbers.get(id_, ""), count) for id_, count in found.items()],
        reports=[(id_, facts[id_].spoken) for id_ in sorted(alone)],
    )


def former_page(
    request: HttpRequest, dossier_id: UUID, *, refused: str = "", reason: str = ""
) -> HttpResponse:
    """Show the parts of a dossier that a judgement dissolved, with the form that undoes the judgement.

    `refused` is why the form was refused (status 409), `reason` the reason typed in it.

    Raises:
        Http404: no such dossier at the person's desks.
    """
    actor = actor_of(request)
    former = dissolved(actor=actor, dossier_id=dossier_id)
    if former is None:
        raise Http404
    consult(request, "dossier", [former.id], reports=former.reports)
    author = former.judgement.author_id
    context = {
        "former": former,
        "author": person_names(person_ids=[author]).get(author, ""),
        "halves": halves_of(former.reports, actor=actor),
        "may_judge": may(actor, "dossier.judge"),
        "refused": refused,
        "reason": reason,
    }
    status = HTTPStatus.CONFLICT if refused else HTTPStatus.OK
    return render(request, "desk/dossier_dissolved.html", context, status=status)

"""Referrals to judicial authorities (an official act): configuration of their list and pages."""

from datetime import datetime
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import get_language, gettext_lazy

from fanal import reference
from fanal.casework.domain.documents import Part, parts_of
from fanal.casework.domain.records import Act, ActFile
from fanal.judicial import operations, queries
from fanal.judicial.domain.kinds import REFERRAL
from fanal.kernel.calendar import paris_day
from fanal.reference import Body
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk.acts import pages as acts
from fanal.web.desk.acts.lists import ActLine, ActList


def bodies_on(now: datetime) -> list[str]:
    """Return the codes of the authorities in force on the day of `now` in Paris, emergency services included.

    In the order of the reference data.
    """
    return [body.code for body in reference.load().in_force(Body, paris_day(now))]


def addressees_on(now: datetime) -> list[str]:
    """Return the codes of the authorities to which a referral can be sent on the day of `now` in Paris.

    In the order of the reference data. Emergency services are left out: they are telephoned.
    """
    found = reference.load().in_force(Body, paris_day(now))
    return [body.code for body in found if body.value.role != "EMERGENCY"]


def _beside(request: HttpRequest, file: ActFile) -> tuple[dict[str, object], list[UUID]]:
    found = queries.read_file(file=file)
    referral = found.referral
    english = get_language() == "en"
    context: dict[str, object] = {
        "referral": referral,
        "summary": found.summary,
        "text_first": found.text_en if english else found.text_fr,
        "text_other": found.text_fr if english else found.text_en,
        "expired": found.facts is None,
        "bodies": addressees_on(now_of(request)),
    }
    return context, [referral.report_id]


def _amend(request: HttpRequest, referral_id: UUID) -> None:
    operations.amend_referral(
        actor=actor_of(request),
        referral_id=referral_id,
        now=now_of(request),
        **acts.SummaryForm(request).checked().cleaned_data,
    )


def _line(act: Act, _content: bytes | None) -> ActLine:
    referral = queries.read_act(act=act)
    return ActLine(
        name=reference.label("body", referral.body, get_language() or "fr"),
        bases=", ".join(basis.code for basis in referral.bases),
    )


def _parts(file: ActFile, lang: str) -> tuple[Part, ...]:
    found = queries.read_file(file=file)
    return parts_of(found.text_en if lang == "en" else found.text_fr)


LIST = ActList(
    inbox=queries.REFERRALS,
    route="desk:referrals",
    page="desk:referral",
    line=_line,
    heading=gettext_lazy("Referrals"),
    first=gettext_lazy("Addressed to"),
    icon="law",
    addressees=bodies_on,
)
PAGES = acts.ActPages(
    lifecycle=REFERRAL,
    route="desk:referral",
    template="desk/referral.html",
    beside=_beside,
    amend=_amend,
    parts=_parts,
)

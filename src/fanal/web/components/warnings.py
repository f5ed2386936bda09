"""Template tag of the warnings on a removal request: sentence, addresses, related reports and measures."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from django import template
from django.http import HttpRequest
from django.template import Context
from django.urls import reverse
from django.utils.translation import get_language, gettext as _
from msgspec import Struct

from fanal import reference
from fanal.accounts.domain.policy import may
from fanal.accounts.queries.desks import desk_names
from fanal.intake.queries.envelopes import report_number
from fanal.kernel.actors import Actor
from fanal.measures.domain.records import MeasureWarning, WarningCode
from fanal.web.account.actors import actor_of
from fanal.web.components.words import identifier

register = template.Library()
_SHOWN = 10
"""Maximum number of addresses listed for one warning; the others are counted."""


class WarningLink(Struct, frozen=True):
    """A link to a report or removal request that a warning names: URL and text."""

    href: str
    text: str


class WarningRow(Struct, frozen=True, kw_only=True):
    """A warning in words: its sentence and the addresses and pages that it names, defanged.

    `more`: number of further addresses, beyond the ten listed. `links`: the reports or removal requests to
    read. Made by `warnings` for its template.
    """

    text: str
    addresses: tuple[str, ...]
    more: int
    pages: tuple[str, ...]
    links: tuple[WarningLink, ...]


@register.inclusion_tag("components/warnings.html", takes_context=True)
def warnings(context: Context, items: Sequence[object]) -> dict[str, object]:
    """List the warnings on a removal request; links to reports only for a person who may read reports.

    `items`: the current warnings, or those stored with an earlier step or approval (as `MeasureWarning`, or
    plain data of its shape). Returns the template's context; its only key is `warnings`, `WarningRow`s.
    """
    request: HttpRequest = context["request"]
    actor, lang = actor_of(request), get_language() or "fr"
    stood = msgspec.convert(items, type=tuple[MeasureWarning, ...])
    desks = desk_names(desk_ids={one.desk_id for one in stood if one.desk_id})
    return {"warnings": [_said(one, actor=actor, desks=desks, lang=lang) for one in stood]}


def _said(one: MeasureWarning, *, actor: Actor, desks: dict[int, str], lang: str) -> WarningRow:
    parameters = {"desk": desks.get(one.desk_id or 0, "")}
    return WarningRow(
        text=reference.render(one.code, parameters, lang, kind="measure_warning"),
        pages=tuple(identifier("URL", page) for page in one.pages),
        addresses=tuple(identifier("URL", address) for address in one.addresses[:_SHOWN]),
        more=max(0, len(one.addresses) - _SHOWN),
        links=tuple(_links(one, actor)),
    )


def _links(one: MeasureWarning, actor: Actor) -> list[WarningLink]:
    if one.code is WarningCode.DECIDED_LAWFUL:
        return [_report(subject) for subject in one.subjects] if may(actor, "report.read") else []
    page = "oversight:measure" if may(actor, "measure.recommend") else "desk:measure"
    numbered = len(one.subjects) > 1
    return [
        WarningLink(
            reverse(page, args=[subject]), f"{_('That measure')} {n if numbered else ''}".strip()
        )
        for n, subject in enumerate(one.subjects, start=1)
    ]


def _report(report_id: UUID) -> WarningLink:
    return WarningLink(reverse("desk:report", args=[report_id]), report_number(report_id=report_id))

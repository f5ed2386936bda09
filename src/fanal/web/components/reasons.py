"""Template tags for reasons: priority chip, sentence of a reason, list of reasons."""

from collections.abc import Iterable
from dataclasses import dataclass

from django import template
from django.utils.translation import get_language

from fanal import reference
from fanal.analyse.domain.records import Because, PriorityPart
from fanal.orient.domain.records import Case
from fanal.web.components.words import signed

register = template.Library()


@register.filter
def because(reason: Because) -> str:
    """Return a reason as a sentence in the page's language."""
    return reference.render(reason.code, reason.parameters, _language())


@register.filter
def floor_name(case: Case) -> str:
    """Return the name of the rule that set a case's minimum priority (floor), or an empty string."""
    return case.floor_name(_language())


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

    `floor` is the name of the rule that set the minimum priority: `floor=case|floor_name`.
    """
    return {"score": score, "level": level, "floor": floor, "reason": reason, "text": text}


@register.inclusion_tag("components/reasons.html")
def reasons(items: Iterable[PriorityPart | Because]) -> dict[str, object]:
    """List reasons as sentences; parts of a priority also show their points and the code of their rule."""
    return {"reasons": [_reason(item) for item in items]}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reason:
    text: str
    points: str
    rule: str


def _reason(item: PriorityPart | Because) -> _Reason:
    if isinstance(item, PriorityPart):
        points = signed(item.points, _language())
        return _Reason(text=because(item.because), points=points, rule=item.code)
    return _Reason(text=because(item), points="", rule="")


def _language() -> str:
    return get_language() or "fr"

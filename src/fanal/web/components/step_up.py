"""Template tag above the form of a sensitive act, which requires a fresh second factor (see README.md)."""

from datetime import datetime

from django import template
from django.http import HttpRequest
from django.template import Context

from fanal.kernel import clock
from fanal.web.account import second_factor
from fanal.web.components.addresses import own_address

register = template.Library()


@register.inclusion_tag("components/step_up.html", takes_context=True)
def step_up(context: Context) -> dict[str, object]:
    """Say, when the last verification is too old, that the second factor is required, and link to it."""
    request: HttpRequest = context["request"]
    now = getattr(request, "now", None)
    instant = now if isinstance(now, datetime) else clock.now()
    return {
        "fresh": second_factor.is_fresh(request, now=instant),
        "minutes": second_factor.fresh_minutes(),
        "back": own_address(request),
    }

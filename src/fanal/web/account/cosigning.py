"""Words on what waits for the cosignature of the controller's machine."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy, ngettext

from fanal.measures.blocking.publication.gate import GateState
from fanal.measures.transparency.asking import GateReason
from fanal.web.components.words import number

_REASONS: Mapping[str, Promise] = {
    GateReason.ASKED: gettext_lazy("the answer is awaited"),
    GateReason.SILENT: gettext_lazy("a witness did not cosign"),
    GateReason.SETTINGS: gettext_lazy("witness.toml cannot be used"),
    GateReason.LOG: gettext_lazy("the public log cannot be written or read"),
}


def reason_of(state: GateState) -> str:
    """Return in words why names wait for a cosignature; "" if none waits."""
    return str(_REASONS[GateReason(state.code)]) if state.code else ""


def waits_of(state: GateState) -> str:
    """Return in words how many names wait for a cosignature, and why."""
    words = ngettext(
        "%(n)s name waits for a cosignature: %(why)s",
        "%(n)s names wait for a cosignature: %(why)s",
        state.names,
    )
    return words % {"n": number(state.names, get_language() or ""), "why": reason_of(state)}

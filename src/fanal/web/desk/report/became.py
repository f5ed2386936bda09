"""Official acts that followed from the decisions on a report, with their states in words, for its page."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.urls import reverse
from django.utils.translation import get_language, gettext as _
from msgspec import Struct

from fanal import reference
from fanal.accounts.domain.policy import may
from fanal.casework import queries as casework
from fanal.casework.domain.lifecycle import Lifecycle
from fanal.casework.domain.records import Act, ActStep
from fanal.judicial.domain.kinds import REFERRAL
from fanal.judicial.emergency_call.kind import EMERGENCY_CALL, TO_MAKE
from fanal.kernel.actors import Actor
from fanal.measures.appeal.kind import APPEAL
from fanal.measures.blocking.kind import BLOCKING
from fanal.measures.blocking.mirrors.kind import MIRROR
from fanal.measures.dereferencing.kind import DEREFERENCING
from fanal.measures.domain.records import Measure, Request
from fanal.measures.notice.kind import NOTICE
from fanal.measures.removal.kind import REMOVAL
from fanal.web.components import words
from fanal.web.desk.acts.emergency_calls import state_words

_KINDS = (EMERGENCY_CALL, REMOVAL, BLOCKING, MIRROR, DEREFERENCING, APPEAL, REFERRAL, NOTICE)
_LASTING = (BLOCKING, MIRROR, DEREFERENCING, APPEAL)
"""Kinds of act whose present state says more than their sending: most last until they are lifted."""


class Became(Struct, frozen=True, kw_only=True):
    """An official act on the page of its report.

    `kind`: of the act. `decision_id`: the decision on which it rests, None without one. `name`: kind and
    addressee; `href`: its page, "" if the person may not read it; `state`, in words with its date; `icon` of
    that state.
    """

    kind: str
    decision_id: UUID | None
    name: str
    href: str
    state: str
    icon: str


def became_of(
    report_id: UUID, *, actor: Actor, measures: Sequence[Measure], now: datetime
) -> list[Became]:
    """Return the official acts on a report with their states: emergency calls, removal requests, blockings, …

    `measures` are its removal requests. States are visible to every reader of the desk's reports; the text of
    an act is on its own page. Sorted by kind, the oldest of each kind first.
    """
    lang = get_language() or "fr"
    acts = {
        kind.kind: casework.acts_on(
            actor=actor, lifecycle=kind, subject_ids=[report_id], right="report.read"
        ).get(report_id, ())
        for kind in _KINDS
    }
    steps = casework.steps_of(act_ids=[act.id for found in acts.values() for act in found])
    hosts = {measure.id: measure.request for measure in measures}
    return [
        Became(
            kind=kind.kind,
            decision_id=act.decision_id,
            name=_name(act, hosts.get(act.id), lang),
            href=reverse(f"desk:{kind.kind}", args=[act.id]) if may(actor, kind.reads) else "",
            state=_state_of(kind, act, steps.get(act.id, ()), lang=lang, now=now),
            icon=_icon(kind, act),
        )
        for kind in _KINDS
        for act in acts[kind.kind]
    ]


def _name(act: Act, request: Request | None, lang: str) -> str:
    plain = {
        EMERGENCY_CALL.kind: _("Emergency call"),
        BLOCKING.kind: _("Blocking by access providers"),
        MIRROR.kind: _("Blocking of a mirror"),
        APPEAL.kind: _("Appeal against a measure"),
    }
    if act.kind in plain:
        return plain[act.kind]
    if act.kind == REFERRAL.kind:
        return f"{_('Referral')} – {reference.label('body', act.addressee, lang)}"
    if act.kind == DEREFERENCING.kind:
        kind = reference.label("addressee_kind", act.addressee, lang)
        return f"{_('Dereferencing')} – {kind}"
    if request is None:
        return _("Notice to a provider") if act.kind == NOTICE.kind else _("Measure")
    kind = reference.label("measure_kind", request.kind, lang)
    return f"{kind} – {words.defang(request.host)}"


def _icon(kind: Lifecycle, act: Act) -> str:
    if act.kind == EMERGENCY_CALL.kind:
        return "alert" if act.state in TO_MAKE else "phone"
    if act.state in kind.states.final:
        return "lock" if act.sent_at is None else "check-circle"
    return "wait" if act.sent_at is None or act.state in kind.unsent else "send"


def _state_of(
    kind: Lifecycle, act: Act, steps: Sequence[ActStep], *, lang: str, now: datetime
) -> str:
    if kind is EMERGENCY_CALL:
        last = steps[-1].happened_at if steps else act.created_at
        return state_words(act, steps, at=words.moment(last, lang, now=now))
    if kind in _LASTING and steps:
        at = words.moment(steps[-1].happened_at, lang, now=now)
        return f"{reference.label(f'{kind.kind}_state', act.state, lang)} – {at}"
    return _state(kind, act, steps, lang=lang, now=now)


def _state(kind: Lifecycle, act: Act, steps: Sequence[ActStep], *, lang: str, now: datetime) -> str:
    """Return the state of an act in words, with the dates of its sending and of its last step."""
    label = reference.label(f"{kind.kind}_state", act.state, lang)
    if act.outcome:
        label = f"{label} ({reference.label(f'{kind.kind}_outcome', act.outcome, lang)})"
    if act.sent_at is None:
        if act.state in kind.states.final:
            return _("%(state)s: it was never sent") % {"state": label}
        if act.state == kind.initial:
            return _("Draft: nobody has sent it yet")
        return _("%(state)s: nobody has sent it yet") % {"state": label}
    sent = words.moment(act.sent_at, lang, now=now)
    if act.state in kind.unsent:
        return _("Sent %(sent)s and returned; nobody has sent it again yet") % {"sent": sent}
    last = steps[-1] if steps else None
    if last is None or kind.requirements[last.transition].sends:
        return _("Sent %(sent)s, no answer recorded yet") % {"sent": sent}
    at = words.moment(last.happened_at, lang, now=now)
    return _("Sent %(sent)s. %(state)s: %(at)s") % {"sent": sent, "state": label, "at": at}

"""Views shared by measures that last until they are lifted, and by appeals: list, steps, drafts.

`kind` is the configuration of blockings, of dereferencings or of appeals.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language, gettext as _, ngettext

from fanal.accounts.domain.policy import Resource, may
from fanal.accounts.queries.people import person_names
from fanal.casework import queries
from fanal.casework.domain.documents import Part, parts_of
from fanal.casework.domain.letters import LetterText
from fanal.casework.domain.lifecycle import Lifecycle
from fanal.casework.domain.records import ActFile, Event
from fanal.casework.operations.locking import hold_shown
from fanal.kernel.actors import Actor
from fanal.kernel.ids import lowest_id
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.web.account.actors import actor_of, now_of, require_declared
from fanal.web.desk.acts import pages as acts
from fanal.web.desk.acts.stages import STAGES, LastingView
from fanal.web.failures import reason_of
from fanal.web.forms import Parsed, text
from fanal.web.reading import consult

_AGAIN = timedelta(seconds=10)
_ENDED = 50
"""Ended acts on the board, the newest; all open ones are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lasting:
    """Configuration of the pages of one kind of lasting measure (blocking, dereferencing), or of appeals.

    `lifecycle` holds its states and transitions, `listing` is the query of its acts, `board` the template of
    their list. `rights` maps the code of the person whose step is next (`asked`: PROPOSER, SECOND, OFFICER
    and so on) to the policy action which that step requires. `reasoned` are the transitions that take a
    reason. `record` is the operation that records a transition.
    """

    lifecycle: Lifecycle
    listing: Callable[..., Sequence[LastingView]]
    board: str
    rights: Mapping[str, str]
    reasoned: frozenset[str]
    record: Callable[[Actor, UUID, str, Event, datetime], object]


class _LastingStepForm(acts.EventForm):
    """Form of a step: its transition, event, reason and outcome."""

    transition = Parsed(posted="move")
    outcome = Parsed()
    reason = text()


def take(kind: Lasting, pages: acts.ActPages, request: HttpRequest, act_id: UUID) -> HttpResponse:
    """Record the step of an act that the form names; a refusal is shown on its page.

    `pages` is the configuration of the kind's pages.

    Raises:
        Http404: the person may read no such act.
        Refused: the person lacks the right.
        OSError: the proof's file could not be sealed; nothing is recorded.
    """

    def step() -> None:
        named = _LastingStepForm(request, kind=kind.lifecycle.kind).checked().cleaned_data
        transition = named.pop("transition")
        if transition not in kind.reasoned:
            named["reason"] = ""
        kind.record(actor_of(request), act_id, transition, Event(**named), now_of(request))

    return acts.record(pages, request, act_id, step)


def letters(file: ActFile, said: LetterText | None) -> dict[str, object]:
    """Return the template context of an act's letter; `file` is the act with its document.

    Keys: `letter_first` and `letter_other` (its text in the reader's language and in the other one),
    `machine` (the exact document). `said` is the text of the act's document, None once it has expired.
    """
    texts, english = (said.fr, said.en) if said else ("", ""), get_language() == "en"
    return {
        "letter_first": texts[english],
        "letter_other": texts[not english],
        "machine": (file.content or b"").decode(),
    }


def parts(said: LetterText, lang: str) -> tuple[Part, ...]:
    """Return the sections of a letter in a language, for its document (PDF, text, print)."""
    return parts_of(said.en if lang == "en" else said.fr)


def draft(
    kind: Lasting,
    request: HttpRequest,
    basis: tuple[Lifecycle, UUID],
    propose: Callable[[], HttpResponse],
) -> HttpResponse:
    """Answer a form on the page of an official act that drafts a lasting measure based on it.

    `basis` is the kind and id of the act of the page; `propose` drafts the measure and redirects. A refusal
    is shown on the list of the new kind.

    Raises:
        Http404: no such act.
        Refused: the person lacks the right at that desk.
    """
    actor, (lifecycle, act_id) = actor_of(request), basis
    found = queries.get_act(actor=actor, lifecycle=lifecycle, act_id=act_id)
    if found is None:
        raise Http404
    require_declared(request, Resource(desk_id=found.act.desk_id))
    shown = acts.shown_in(request)
    try:
        with hold_shown(actor=actor, lifecycle=lifecycle, act_id=act_id, shown=shown):
            return propose()
    except (Refusal, TransitionRefused) as fault:
        said = reason_of(fault) if isinstance(fault, Refusal) else acts.moved_on()
    context = board(kind, request) | {"refused": said, "back": act_id, "back_kind": lifecycle.kind}
    return render(request, kind.board, context, status=HTTPStatus.CONFLICT)


def say_open_already(kind: Lasting, request: HttpRequest, act_ids: Sequence[UUID]) -> None:
    """Show a warning that acts of a form were open before, so that the text typed in it is not in them.

    An act that the same person drafted seconds ago does not count: the form was sent twice.
    """
    actor, since = actor_of(request), lowest_id(now_of(request) - _AGAIN)
    found = queries.get_acts(actor=actor, lifecycle=kind.lifecycle, act_ids=act_ids)
    before = [
        one
        for one in act_ids
        if one < since or (one in found and found[one].author_id != actor.person_id)
    ]
    if not before:
        return
    if len(before) == len(act_ids):
        words = _(
            "This act was open already: nothing was drafted, and what you wrote was not kept."
        )
    else:
        words = ngettext(
            "%(count)s of these acts was open already: what you wrote is not in it.",
            "%(count)s of these acts were open already: what you wrote is not in them.",
            len(before),
        ) % {"count": len(before)}
    messages.warning(request, words)


def board(kind: Lasting, request: HttpRequest) -> dict[str, object]:
    """Return the template context of the list of acts of a kind.

    Keys: `own` (rows of the acts that await a step of the reader), `opened` (other open acts), `ended` (the
    newest fifty ended acts), `late` (number of open acts past a deadline), `staged` (the code of the stage
    that the query's `state` asks for, "" for the whole list; a stage has no ended acts).
    """
    actor, now, states = actor_of(request), now_of(request), kind.lifecycle.states
    code = request.GET.get("state", "")
    stage = STAGES[kind.lifecycle.kind].get(code)
    if stage:
        opened: Sequence[LastingView] = stage.acts(actor=actor, now=now)
        ended: Sequence[LastingView] = ()
    else:
        known = {states.initial, *(one.target for one in states.transitions)}
        opened = kind.listing(actor=actor, states=sorted(known - states.final), now=now)
        ended = kind.listing(actor=actor, states=sorted(states.final), now=now)[-_ENDED:]
    own = [one for one in opened if _is_asked(kind, one, actor)]
    return {
        "own": rows(kind, request, own),
        "opened": rows(kind, request, [one for one in opened if one not in own]),
        "ended": rows(kind, request, tuple(reversed(ended))),
        "late": sum(one.late for one in opened),
        "staged": code if stage else "",
    }


def waiting(
    kind: Lasting, request: HttpRequest, *, states: Sequence[str], asked: frozenset[str]
) -> list[dict[str, object]]:
    """Return the template rows of the acts in `states` that await a step of the people in `asked`.

    These are codes, as in `Lasting.rights`. The act with the earliest deadline comes first.
    """
    found = kind.listing(actor=actor_of(request), states=states, now=now_of(request))
    return rows(kind, request, [one for one in found if one.asked in asked])


def rows(
    kind: Lasting, request: HttpRequest, found: Sequence[LastingView]
) -> list[dict[str, object]]:
    """Return the template rows of acts, each a dict; the reading is recorded in the ledger first.

    Keys: `view` (the measure), `author` (name of who drafted it).
    """
    name = kind.lifecycle.kind
    consult(request, name, [one.act.id for one in found], action=f"{name}.list")
    names = person_names(person_ids={one.act.author_id for one in found})
    return [{"view": one, "author": names.get(one.act.author_id, "")} for one in found]


def _is_asked(kind: Lasting, view: LastingView, actor: Actor) -> bool:
    """Return whether the reader may take the next step of an act.

    The reader needs the right for the step; a step of the proposer is for the person who drafted the act, an
    approval (SECOND, THIRD) for anybody else.
    """
    right = kind.rights.get(view.asked, "")
    if not right or not may(actor, right):
        return False
    return (view.asked == "PROPOSER") is (view.act.author_id == actor.person_id) or (
        view.asked not in {"PROPOSER", "SECOND", "THIRD"}
    )

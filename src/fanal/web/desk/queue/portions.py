"""Acts on several reports by a series of requests, each for some of the reports (a portion).

The page holds the ids. Each request acts on the first of them and sends the rest back, until none is left: if
the server stops, or the person closes the page, each report is done completely or not at all. Every report
has its own transaction and ledger entries. An act leaves out the reports to which it does not apply.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language, ngettext

from fanal import reference
from fanal.accounts.domain.policy import Resource
from fanal.casework.operations.deciding import DecidedAlone
from fanal.crosscheck.dossiers.queries import in_dossiers
from fanal.kernel.refusal import Refusal
from fanal.kernel.typed import identifier, whole_number
from fanal.orient import queries as oriented
from fanal.orient.answers.queries import count_unread
from fanal.orient.assignment.domain import is_kept_from, version_of, versions_of
from fanal.orient.assignment.operations import may_assign
from fanal.orient.assignment.queries import assignments_of
from fanal.orient.domain.records import Case
from fanal.orient.domain.selection import (
    MOST,
    MOST_CLAIMED,
    Given,
    LeftOut,
    SelectionAct,
    left_out,
)
from fanal.orient.feedback.operations import NothingToJudge
from fanal.orient.folding.operations.unfolding import NotFolded
from fanal.orient.queue import operations as orient
from fanal.web.account.actors import actor_of, now_of, require_declared
from fanal.web.desk.queue import undo
from fanal.web.desk.queue.filters import place_of
from fanal.web.desk.queue.place import to_queue

_PORTION = 50
_KEPT = ("reason", "folded", "duplicate", "verdict", "left_out", "to", "words", "act", "shown")
"""Fields of the forms that go from portion to portion."""
_LEFT_BY = {"ALREADY": LeftOut.THEIRS, "NOT_HERE": LeftOut.NOT_THEIR_DESK}


def charges_shown(request: HttpRequest, cases: Iterable[Case]) -> str:
    """Return the hidden form field that records who was in charge of each report when the page was made.

    The text has `id:digest` for each of `cases` (rows of the queue), separated by spaces; the digest is of
    `version_of`.
    """
    known = list(cases)
    given = assignments_of(actor=actor_of(request), report_ids=[case.report_id for case in known])
    now = now_of(request)
    return " ".join(
        _shown(case, version_of(case, given.get(case.report_id), now=now)) for case in known
    )


def charge_shown(request: HttpRequest, case: Case) -> str:
    """Return the version of who is in charge of a report, if the posted form's page showed it; else "".

    The version is that of `version_of`; `case` is the report's row in the queue.
    """
    given = assignments_of(actor=actor_of(request), report_ids=[case.report_id])
    posted = request.POST.get("shown", "").split()
    versions = versions_of(case, given.get(case.report_id), now=now_of(request))
    return next((one for one in versions if _shown(case, one) in posted), "")


def _shown(case: Case, version: str) -> str:
    return f"{case.report_id}:{sha256(version.encode()).hexdigest()[:16]}"


def left_out_of(
    request: HttpRequest,
    act: SelectionAct,
    ids: Sequence[UUID],
    cases: Mapping[UUID, Case],
    told: bool = False,
) -> dict[UUID, LeftOut | None]:
    """Return the reason why an act leaves out a report, by report id; None if the act applies to it.

    `told`: reports that the form's page had said would be left out are left out too (CHANGED). `cases` are
    the reports' rows in the queue, by id.
    """
    actor, now = actor_of(request), now_of(request)
    answers = count_unread(actor=actor, report_ids=list(cases))
    given = assignments_of(actor=actor, report_ids=list(cases))
    assigns = {desk: may_assign(actor=actor, desk_id=desk) for desk in _desks(cases)}
    attaching = act is SelectionAct.ATTACH
    held = in_dossiers(actor=actor, report_ids=list(cases)) if attaching else set()
    kept_out = set(request.POST.get("left_out", "").split()) if told else set()

    def kept(one: UUID) -> bool:
        case, own = cases.get(one), actor.person_id
        return case is not None and is_kept_from(case, given.get(one), person_id=own, now=now)

    def reason(one: UUID) -> LeftOut | None:
        why = left_out(
            act,
            cases.get(one),
            person_id=actor.person_id,
            answers=answers.get(one, 0),
            now=now,
            in_dossier=one in held,
            given=Given(
                person_id=given[one].person_id if one in given else None,
                made_by=given[one].made_by if one in given else None,
                assigns=one in cases and assigns[cases[one].desk_id],
                kept=kept(one),
            ),
        )
        return LeftOut.CHANGED if why is None and str(one) in kept_out else why

    return {one: reason(one) for one in ids}


def _desks(cases: Mapping[UUID, Case]) -> set[int]:
    return {case.desk_id for case in cases.values()}


def go_through(
    request: HttpRequest, act: SelectionAct, apply: Callable[[Case], None]
) -> HttpResponse:
    """Apply an act to the first reports of a form, and answer with a form for the remaining ones.

    After the last portion the answer is the redirect to the queue, which shows in a message how many reports
    the act applied to, and why others were left out. `apply` does the act on one report. Form: the ids
    (`report`, `reports`), those that its page left out (`left_out`), and `tally`, the result of the earlier
    requests of the act.

    Raises:
        Http404: none of the reports is within the person's reach.
        Refused: the person lacks the action at the desk of one of them.
    """
    ids, tally = posted(request), _tally(request)
    now_ids, rest = ids[:_PORTION], ids[_PORTION:]
    cases = oriented.get_cases(actor=actor_of(request), report_ids=now_ids)
    if not cases and not tally:
        raise Http404
    for desk_id in _desks(cases):
        require_declared(request, Resource(desk_id=desk_id))
    why = left_out_of(request, act, now_ids, cases, told=True)
    for one in now_ids:
        reason = why[one]
        if reason is None and act is SelectionAct.CLAIM and tally["DONE"] >= MOST_CLAIMED:
            reason = LeftOut.BEYOND
        tally[reason or _applied(apply, cases[one])] += 1
    if rest:
        context = {
            "act": act,
            "rest": " ".join(map(str, rest)),
            "left": len(rest),
            "done": sum(tally.values()),
            "all": sum(tally.values()) + len(rest),
            "tally": " ".join(f"{name}:{count}" for name, count in tally.items()),
            "kept": [(name, request.POST[name]) for name in _KEPT if request.POST.get(name)],
            "query": place_of(request.GET),
        }
        return render(request, "desk/selection_going.html", context)
    tell(request, act, tally)
    if act is SelectionAct.ASSIGN and (act_id := identifier(request.POST.get("act", ""))):
        undo.offer(request, undo.ASSIGNMENT, act_id)
    return to_queue(request)


def _applied(apply: Callable[[Case], None], case: Case) -> str:
    """Apply the act to one report; return DONE, or the reason (`LeftOut`) if the report changed meanwhile."""
    try:
        apply(case)
    except DecidedAlone as refused:
        return refused.why
    except Refusal as refused:
        return _LEFT_BY.get(refused.code, LeftOut.CHANGED)
    except (orient.CaseTaken, orient.CaseUnknown, NothingToJudge, NotFolded):
        return LeftOut.CHANGED
    return "DONE"


def _tally(request: HttpRequest) -> Counter[str]:
    """Return the number of reports by outcome of the act's earlier requests, as the form states it.

    The numbers are not verified: they serve the message and the limit on claims in one act.
    """
    found: Counter[str] = Counter()
    for part in request.POST.get("tally", "").split():
        name, _colon, number = part.partition(":")
        if name in {"DONE", *LeftOut} and (count := whole_number(number, digits=4)):
            found[name] = count
    return found


def tell(request: HttpRequest, act: SelectionAct, tally: Counter[str]) -> None:
    """Show messages that say to how many reports an act applied, and why others were left out.

    `tally` counts reports by "DONE" or the code of a `LeftOut`.
    """
    done = tally.pop("DONE", 0)
    if done:
        messages.success(request, _done(act, done))
    if tally:
        language = get_language() or "fr"
        said = ", ".join(
            f"{reference.label('left_out', code, language)} ({n})"
            for code, n in tally.most_common()
        )
        left = sum(tally.values())
        messages.warning(
            request,
            ngettext(
                "%(count)s report was left out: %(said)s.",
                "%(count)s reports were left out: %(said)s.",
                left,
            )
            % {"count": left, "said": said},
        )


def _done(act: SelectionAct, count: int) -> str:
    if act is SelectionAct.CLAIM:
        text = ngettext("%(count)s report claimed.", "%(count)s reports claimed.", count)
    elif act is SelectionAct.RELEASE:
        text = ngettext(
            "%(count)s report is back in the queue.",
            "%(count)s reports are back in the queue.",
            count,
        )
    elif act is SelectionAct.ASSIGN:
        text = ngettext("%(count)s report assigned.", "%(count)s reports assigned.", count)
    elif act is SelectionAct.TAKE_BACK:
        text = ngettext(
            "%(count)s assignment taken back: the report is in the queue again.",
            "%(count)s assignments taken back: the reports are in the queue again.",
            count,
        )
    elif act is SelectionAct.ATTACH:
        text = ngettext(
            "%(count)s report attached to this dossier.",
            "%(count)s reports attached to this dossier.",
            count,
        )
    elif act is SelectionAct.CLOSE:
        text = ngettext(
            "%(count)s report closed without action.",
            "%(count)s reports closed without action.",
            count,
        )
    else:
        text = ngettext(
            "Feedback recorded on %(count)s report. It is sent only under a standing instruction.",
            "Feedback recorded on %(count)s reports. It is sent only under a standing instruction.",
            count,
        )
    return text % {"count": count}


def posted(request: HttpRequest) -> list[UUID]:
    """Return the posted ids in their order, each once, at most `MOST`; malformed ones are ignored."""
    texts = [*request.POST.getlist("report"), *request.POST.get("reports", "").split()]
    return list(dict.fromkeys(one for text in texts if (one := identifier(text))))[:MOST]

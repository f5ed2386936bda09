"""Priority rule sets: list, draft by form, dry run on stored reports, activation by another supervisor."""

from datetime import date
from http import HTTPStatus
from itertools import count
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.analyse.priority import operations, queries
from fanal.analyse.priority.domain.rules import (
    PriorityRules,
    Rule,
    read_rules,
    shipped_rules,
    write_rules,
)
from fanal.analyse.priority.domain.scoring import DryRun, ScoreChange
from fanal.intake.domain.records import ReportFacts
from fanal.intake.queries.envelopes import get_reports
from fanal.kernel.actors import SYSTEM_PERSON
from fanal.kernel.calendar import paris_day
from fanal.kernel.refusal import Refusal
from fanal.orient.domain.filters import LEVELS
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk.rules.form import (
    Fault,
    Page,
    Typed,
    read_typed,
    typed_from,
    typed_of,
    with_blank,
    with_replacement,
)
from fanal.web.desk.rules.words import differences
from fanal.web.failures import reason_of

_SHOWN = 50
"""Number of reports shown with the largest rises, and with the largest falls."""


@never_cache
@require_GET
@needs("rules.draft")
def rulesets(request: HttpRequest) -> HttpResponse:
    """Show all rule sets, newest first, with state, author and approver."""
    found = queries.list_rulesets()
    return render(
        request,
        "desk/rulesets.html",
        {"rulesets": _signed(found), "current": queries.current_rules()},
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@needs("rules.draft")
def draft(request: HttpRequest) -> HttpResponse:
    """Show the priority rules in a form (GET); store the draft, or add or replace a rule in the form (POST).

    A stored draft redirects to its page; one with errors is shown again, unsaved.
    """
    rules, on = queries.current_rules(), paris_day(now_of(request))
    left_out, lang = _left_out(rules), get_language() or "fr"
    if request.method != "POST":
        typed = typed_of(rules, left_out, version=_free_version(on), lang=lang)
        return _form(request, typed, [])
    typed = typed_from(request.POST.dict(), rules, left_out, lang=lang)
    if "add" in request.POST:
        return _form(request, with_blank(typed), [])
    if "replace" in request.POST:
        offered = with_replacement(typed, request.POST.get("replaced", ""))
        return _form(request, offered, [("replaced", "REPLACED")] if offered == typed else [])
    made, faults = read_typed(typed, rules, on=on)
    if made is None:
        return _form(request, typed, faults)
    try:
        ruleset_id = operations.draft_ruleset(
            actor=actor_of(request), body=write_rules(made), now=now_of(request)
        )
    except Refusal as refused:
        place = "version" if refused.code == "VERSION_EXISTS" else ""
        return _form(request, typed, [(place, refused.code)])
    messages.success(request, _("The draft is saved. Next: a dry run on past reports."))
    return redirect("desk:ruleset", ruleset_id)


@never_cache
@require_GET
@needs("rules.draft")
def show(request: HttpRequest, ruleset_id: UUID) -> HttpResponse:
    """Show a priority rule set: changes, dry run on stored reports, the actions open to the person.

    Raises:
        Http404: no such rule set.
    """
    stored = _stored(ruleset_id)
    current, candidate = queries.current_rules(), read_rules(stored.body)
    tried, is_open = stored.dry_run, stored.state in ("DRAFT", "DRY_RUN")
    # A set that was activated is compared with the rules in force at its dry run.
    before = queries.rules_of(version=tried.current) if tried and not is_open else current
    trials = queries.trials_of(ruleset_id=ruleset_id)
    changes = {rises: _changes(request, trials, rises=rises) for rises in (True, False)}
    return render(
        request,
        "desk/ruleset.html",
        {
            "signed": _signed([stored])[0],
            "rules": candidate,
            "before": before,
            "differences": list(differences(before, candidate, get_language() or "fr")),
            "tried": tried,
            "risers": changes[True],
            "fallers": changes[False],
            "spread": spread(tried) if tried else [],
            "running": trials[0] if trials and trials[0].finished_at is None else None,
            "rerank": queries.get_rerank(ruleset_id=ruleset_id),
            "open": is_open,
            "own": stored.proposer_id == actor_of(request).person_id,
            "drafted": stored.author_id == actor_of(request).person_id,
            "stale": tried is not None and tried.current != current.version,
        },
    )


@never_cache
@require_GET
@needs("rules.draft")
def progress(request: HttpRequest, ruleset_id: UUID) -> HttpResponse:
    """Show the progress of a rule set's dry run and new ranking, as a fragment that its page polls.

    When both have ended, a header (`HX-Refresh`) makes the page reload. A dry run compares the rule set with
    that in force on stored reports.

    Raises:
        Http404: no such rule set.
    """
    _stored(ruleset_id)
    trials = queries.trials_of(ruleset_id=ruleset_id)
    running = trials[0] if trials and trials[0].finished_at is None else None
    rerank = queries.get_rerank(ruleset_id=ruleset_id)
    context = {"running": running, "rerank": rerank, "ruleset_id": ruleset_id}
    answer = render(request, "desk/ruleset_progress.html", context)
    if running is None and (rerank is None or rerank.finished_at is not None):
        answer["HX-Refresh"] = "true"
    return answer


@require_POST
@needs("rules.draft")
def dry_run(request: HttpRequest, ruleset_id: UUID) -> HttpResponse:
    """Start the comparison (dry run) of a rule set on every stored report, executed by the worker.

    Redirects to the rule set's page; a refusal is shown as a message.

    Raises:
        Http404: no such rule set.
    """
    stored = _stored(ruleset_id)
    try:
        operations.start_trial(actor=actor_of(request), ruleset_id=stored.id, now=now_of(request))
    except Refusal as refused:
        messages.error(request, reason_of(refused))
    else:
        messages.success(request, _("The dry run has begun; the queue does not change."))
    return redirect("desk:ruleset", ruleset_id)


@require_POST
@needs("rules.activate")
def activate(request: HttpRequest, ruleset_id: UUID) -> HttpResponse:
    """Put a priority rule set in force, then show its page; its proposer cannot do so.

    A refusal is shown as a message.

    Raises:
        Http404: no such rule set.
    """
    stored = _stored(ruleset_id)
    try:
        operations.activate_ruleset(
            actor=actor_of(request), ruleset_id=stored.id, now=now_of(request)
        )
    except Refusal as refused:
        messages.error(request, reason_of(refused))
    else:
        messages.success(request, _("In force from now on. Waiting reports are being re-ranked."))
    return redirect("desk:ruleset", ruleset_id)


def spread(tried: DryRun) -> list[tuple[str, int, int]]:
    """Return how a dry run moves reports between priority levels, as (level, reports before, reports after).

    The highest level comes first. A dry run compares candidate rules with those in force on stored reports.
    """
    sides: dict[str, list[int]] = {level: [0, 0] for level in LEVELS}
    for move, number in tried.moves.items():
        before, _arrow, after = move.partition(">")
        sides[before][0] += number
        sides[after][1] += number
    return [(level, before, after) for level, (before, after) in sides.items()]


def _changes(
    request: HttpRequest, trials: list[queries.Trial], *, rises: bool
) -> list[tuple[ScoreChange, ReportFacts | None]]:
    """Return the largest rises (`rises`) or falls of the score in the last finished trial of `trials`.

    A trial compares candidate rules on stored reports (dry run). Each is (change, its report), the report
    None when the person may not see it.
    """
    ended = next((trial for trial in trials if trial.finished_at is not None), None)
    if ended is None:
        return []
    changes = queries.trial_changes(trial_id=ended.id, limit=_SHOWN, rising=rises)
    reached = get_reports(
        actor=actor_of(request), report_ids=[change.report_id for change in changes]
    )
    return [(change, reached.get(change.report_id)) for change in changes]


def _form(request: HttpRequest, typed: Typed, faults: list[Fault]) -> HttpResponse:
    context = Page(typed, faults, get_language() or "fr").context()
    context |= {"current": queries.current_rules(), "may_add": with_blank(typed) != typed}
    status = HTTPStatus.UNPROCESSABLE_ENTITY if faults else HTTPStatus.OK
    return render(request, "desk/ruleset_draft.html", context, status=status)


def _left_out(rules: PriorityRules) -> list[Rule]:
    """Return the rules that `rules` lacks and a draft can select again, in their last version.

    They come from the rule sets formerly in force, and from the newest one shipped with the package.
    """
    before = [read_rules(s.body) for s in queries.list_rulesets() if s.activated_at is not None]
    known = {rule.code for rule in rules.rule}
    found: dict[str, Rule] = {}
    for rule in (rule for each in (*before, shipped_rules()[-1]) for rule in each.rule):
        if rule.code not in known:
            found.setdefault(rule.code, rule)
    return list(found.values())


def _free_version(on: date) -> str:
    """Return an unused version name for a rule set: `priority/` and the day, numbered from the second set."""
    taken = {stored.version for stored in queries.list_rulesets()}
    names = (f"priority/{on}" + (f"-{n}" if n > 1 else "") for n in count(1))
    return next(name for name in names if name not in taken)


def _stored(ruleset_id: UUID) -> queries.StoredRuleSet:
    found = queries.get_ruleset(ruleset_id=ruleset_id)
    if found is None:
        raise Http404
    return found


def _signed(found: list[queries.StoredRuleSet]) -> list[dict[str, object]]:
    """Return a template context for each rule set: `stored`, and the names of its signatories.

    Keys: `stored`, `author`, `proposer`, `approver` (names, "" if none).
    """
    people = {p for stored in found for p in _signers(stored) if p}
    names = person_names(person_ids=people - {SYSTEM_PERSON})
    names[SYSTEM_PERSON] = _("the installation")
    return [
        {
            "stored": stored,
            "author": names.get(stored.author_id, ""),
            "proposer": names.get(stored.proposer_id, "") if stored.proposer_id else "",
            "approver": names.get(stored.approver_id, "") if stored.approver_id else "",
        }
        for stored in found
    ]


def _signers(stored: queries.StoredRuleSet) -> tuple[UUID | None, ...]:
    return stored.author_id, stored.proposer_id, stored.approver_id

"""Pages on lists of known material and on one entry; matches of a report's files, for the report's page.

The pages of lists show sizes, legal bases, suspended entries, changes and votes. A match is shown with its
list entry, confidence, legal basis, and the present votes and suspensions, not those at the time of analysis.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fanal import reference
from fanal.accounts.domain.policy import may
from fanal.accounts.queries.people import partner_names, person_names
from fanal.accounts.routes import needs
from fanal.analyse.domain.records import Finding
from fanal.analyse.material.domain.lists import (
    VOTE_REASONS,
    CastVote,
    ChangedItem,
    EntryStanding,
    Vote,
    Voter,
)
from fanal.analyse.material.operations.asides import release_item, withdraw_aside
from fanal.analyse.material.operations.votes import cast_vote, take_vote_back
from fanal.analyse.material.queries import lists as lists_read
from fanal.analyse.material.queries.entries import get_items, get_standings
from fanal.kernel.actors import SYSTEM_PERSON
from fanal.kernel.calendar import paris_day
from fanal.kernel.refusal import Refusal
from fanal.reference.records import ListBasis
from fanal.web.account.actors import actor_of, now_of
from fanal.web.failures import reason_of

Item = dict[str, object]


def verdicts_of(findings: Sequence[Finding], *, on: date) -> dict[str, list[Item]]:
    """Return the list entries that match each file of a report, by file (`files[0]`), each once.

    They come from the findings of the analysis. Votes, suspension and withdrawal of an entry are the current
    ones, its legal basis (`basis`, as `basis_of`) that of the day `on`. Keys: `reason` of the finding;
    `counts` (the match counts: the entry is neither suspended nor withdrawn), `cleared` (known false
    positive), `withdrawn_at`; `entry_id`, `owner`, `scheme` and `confidence` of the entry; `standing` (votes
    and suspension); `since` (its suspension, if later than the analysis).
    """
    known = [f for f in findings if f.category == "KNOWN" and "entry" in f.because.parameters]
    ids = {UUID(str(f.because.parameters["entry"])) for f in known}
    standings = get_standings(item_ids=ids) if ids else {}
    items = get_items(item_ids=ids)
    gone = {i: item.withdrawn_at for i, item in items.items() if item.withdrawn_at is not None}
    places: dict[str, dict[str, Item]] = {}
    for finding in known:
        told = places.setdefault(finding.source.partition(".")[0], {})
        told.setdefault(str(finding.because), _verdict(finding, standings, gone, on=on))
    return {place: list(told.values()) for place, told in places.items()}


def basis_of(code: str, *, on: date) -> Item | None:
    """Return the text of a list's legal basis on a day, whether it is unchecked, and when it ended.

    Of the versions of the reference entry that began by that day, the newest counts, ended or not. Keys:
    `words`, `unchecked`, `ended` (None if in force). None without a code. A code without reference entry is
    returned as its text, unchecked.
    """
    if not code:
        return None
    versions = reference.load().versions(ListBasis, code, first=date.min, last=on)
    if not versions:
        return {"words": code, "unchecked": True, "ended": None}
    newest = versions[-1]
    return {
        "words": newest.label.of(get_language() or "fr"),
        "unchecked": newest.unchecked(on),
        "ended": None if newest.in_force(on) else newest.in_force_to,
    }


def votes_shown(votes: Sequence[CastVote]) -> list[Item]:
    """Return the votes on a list entry for a template, as dicts.

    Keys: `vote` (the record), `name` (of the voter, a person or a partner). In the order of `votes`; `name`
    is "" for the system.
    """
    members = {v.voter_id for v in votes if v.voter is Voter.MEMBER}
    people = {v.voter_id for v in votes} - members - {SYSTEM_PERSON}
    names = partner_names(partner_ids=members) | person_names(person_ids=people)
    return [{"vote": vote, "name": names.get(vote.voter_id, "")} for vote in votes]


def _verdict(
    finding: Finding,
    standings: Mapping[UUID, EntryStanding],
    gone: Mapping[UUID, datetime],
    *,
    on: date,
) -> Item:
    said = finding.because.parameters
    entry_id = UUID(str(said["entry"]))
    standing = standings.get(entry_id, EntryStanding())
    return {
        "reason": finding.because,
        "counts": finding.score > 0 and standing.aside is None and entry_id not in gone,
        "cleared": finding.code == "KNOWN_CLEAR" and entry_id not in gone,
        "withdrawn_at": gone.get(entry_id),
        "entry_id": entry_id,
        "owner": said.get("owner", ""),
        "scheme": said.get("scheme", ""),
        "confidence": said.get("confidence"),
        "basis": basis_of(str(said.get("basis", "")), on=on),
        "standing": standing,
        # Suspended after the analysis of this report, whose reason therefore does not say so.
        "since": standing.aside if finding.code != "KNOWN_SET_ASIDE" else None,
    }


_CHANGES = 20
_ASIDES = 50
_VOTES = 20
_RATED = timedelta(days=2)


@never_cache
@require_GET
@needs("list.read")
def lists(request: HttpRequest) -> HttpResponse:
    """Show all lists, the entries suspended by the match-rate circuit breaker, recent changes and votes."""
    on = paris_day(now_of(request))
    states = lists_read.list_lists()
    names = {state.id: state.name for state in states}
    page = Paginator(range(lists_read.count_asides()), _ASIDES).get_page(request.GET.get("aside"))
    aside = lists_read.list_asides(
        ended=False, limit=_ASIDES, offset=max(page.start_index() - 1, 0)
    )
    ended = lists_read.list_asides(ended=True, limit=_CHANGES)
    changes = lists_read.list_changes(limit=_CHANGES)
    people = {c.actor_id for c in changes if c.actor_id} | {r.ended_by for r in ended if r.ended_by}
    persons = person_names(person_ids=people - {SYSTEM_PERSON})
    persons[SYSTEM_PERSON] = _("the installation")
    context = {
        "states": [
            {"state": s, "basis": basis_of(s.facts.attributes.legal_basis, on=on)} for s in states
        ],
        "aside": [(r, names[r.list_id]) for r in aside],
        "aside_page": page,
        "ended": [(r, names[r.list_id], persons.get(r.ended_by, "")) for r in ended if r.ended_by],
        "changes": [
            (c, names[c.list_id], persons.get(c.actor_id, "") if c.actor_id else "")
            for c in changes
        ],
        "votes": votes_shown(lists_read.newest_votes(limit=_VOTES)),
    }
    return render(request, "desk/lists.html", context)


@never_cache
@require_GET
@needs("list.read")
def entry(request: HttpRequest, item_id: UUID) -> HttpResponse:
    """Show one entry of a list of known material: list, values, match rate, votes.

    Raises:
        Http404: no such entry.
    """
    return _entry(request, item_id)


def _entry(request: HttpRequest, item_id: UUID, *, status: int = 200) -> HttpResponse:
    actor, now, item = actor_of(request), now_of(request), _item(item_id)
    listed = lists_read.get_lists()[item.list_id]
    standing = get_standings(item_ids=[item_id]).get(item_id)
    rates = lists_read.match_rates(item_ids=[item_id], since=now - _RATED).get(item_id, [])
    may_vote = may(actor, "list.vote")
    context = {
        "item": item,
        "listed": listed,
        "basis": basis_of(listed.attributes.legal_basis, on=paris_day(now)),
        "standing": standing,
        "why": _why(standing.aside.rule) if standing and standing.aside else "",
        "rates": rates,
        "matched": sum(count for _hour, count in rates),
        "votes": votes_shown(lists_read.list_votes(item_id=item_id)[::-1]),
        "reasons": VOTE_REASONS,
        "mine": may_vote
        and lists_read.vote_of(item_id=item_id, voter_id=lists_read.voter_of(actor=actor)),
        "may_vote": may_vote and item.withdrawn_at is None,
        "may_keep": may(actor, "list.keep"),
    }
    return render(request, "desk/list_entry.html", context, status=status)


@require_POST
@needs("list.read")
def vote(request: HttpRequest, item_id: UUID) -> HttpResponse:
    """Record or withdraw the person's vote on an entry, with reasons, then redirect to the entry.

    The last vote counts. Reasons for and against in one form are refused, with a message. Partners with the
    permission `list.vote` vote as well, on the lists shared with them, through the API (`api.hashsharing`).

    Raises:
        Http404: no such entry.
    """
    item = _item(item_id)
    ticked = [text.partition(".") for text in request.POST.getlist("vote")]
    sides = {side for side, _sep, _reason in ticked}
    if sides == {Vote.TAKEN_BACK}:
        return _take_back(request, item)
    if len(sides) > 1:
        messages.error(request, _("Choose reasons for the entry, or against it."))
        return redirect("desk:list-entry", item_id)
    try:
        side, first, *others = *sides, *(reason for _side, _sep, reason in ticked)
        cast_vote(
            actor=actor_of(request),
            item_id=item.item_id,
            vote=Vote(side),
            reason=first,
            others=others,
            now=now_of(request),
        )
    except (Refusal, ValueError):  # no vote, an unknown one, or one that does not take this reason
        messages.error(request, _("Choose your vote on the entry."))
    else:
        messages.success(request, _("Your vote counts from the next report on."))
    return redirect("desk:list-entry", item_id)


@require_POST
@needs("list.keep")
def release(request: HttpRequest, item_id: UUID) -> HttpResponse:
    """End the suspension of an entry: put it back in force, or withdraw it (form field `outcome`: WITHDRAWN).

    The match-rate circuit breaker had suspended it. `reason` is required; a refusal is shown on the entry's
    page (status 409).

    Raises:
        Http404: no such entry.
    """
    item = _item(item_id)
    wrong = request.POST.get("outcome") == "WITHDRAWN"
    end = withdraw_aside if wrong else release_item
    try:
        end(
            actor=actor_of(request),
            item_id=item.item_id,
            reason=request.POST.get("reason", ""),
            now=now_of(request),
        )
    except Refusal as refused:
        messages.error(request, reason_of(refused))
        return _entry(request, item_id, status=HTTPStatus.CONFLICT)
    messages.success(
        request,
        _("The entry is withdrawn from its list.") if wrong else _("The entry is in force."),
    )
    return redirect("desk:list-entry", item_id)


def _take_back(request: HttpRequest, item: ChangedItem) -> HttpResponse:
    try:
        take_vote_back(actor=actor_of(request), item_id=item.item_id, now=now_of(request))
    except Refusal as refused:
        messages.error(request, reason_of(refused))
    else:
        messages.success(request, _("Your vote no longer counts, from the next report on."))
    return redirect("desk:list-entry", item.item_id)


def _why(entry_id: str) -> str:
    """Return the explanation of a rule that suspends list entries (its id in the reference data), or ""."""
    rule = reference.load().by_entry_id(entry_id)
    return rule.note.of(get_language() or "fr") if rule and rule.note else ""


def _item(item_id: UUID) -> ChangedItem:
    found = get_items(item_ids=[item_id]).get(item_id)
    if found is None:
        raise Http404
    return found

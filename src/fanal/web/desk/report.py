"""One report, in the order of thought: what is said, who and what, what is known, its kin, what to do."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fanal.accounts import queries as accounts
from fanal.accounts.domain.policy import may
from fanal.accounts.routes import needs
from fanal.analyse import queries as analysed
from fanal.crosscheck import queries as crosschecked
from fanal.formats.report.records import File
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport, Selector
from fanal.harmonise.domain.sightings import selector_key
from fanal.intake import operations as intake_operations, queries as intake
from fanal.intake.domain.records import FollowedMessage
from fanal.judicial import queries as judicial
from fanal.kernel.actors import Actor
from fanal.ledger import queries as ledger
from fanal.measures import queries as measures
from fanal.orient import queries as oriented
from fanal.orient.domain.records import Case, Track
from fanal.vault import operations as vault
from fanal.web.account.actors import actor_of, now_of
from fanal.web.reading import consult

_ROLES = ("SUSPECT", "VICTIM", "RECIPIENT", "ASSOCIATED", "WITNESS", "CONTENT")


@never_cache
@require_GET
@needs("report.read")
def show(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Show a report of the person's desk; the read is journaled before anything is made."""
    actor, now = actor_of(request), now_of(request)
    case = oriented.get_case(actor=actor, report_id=report_id)
    facts = intake.get_reports(actor=actor, report_ids=[report_id]).get(report_id)
    record = harmonised.get_records(actor=actor, report_ids=[report_id]).get(report_id)
    if case is None or facts is None or record is None:
        raise Http404
    links = crosschecked.links_of(actor=actor, report_ids=[report_id]).get(report_id, [])
    consult(request, "report", [report_id])
    return render(
        request,
        "desk/report.html",
        {
            "case": case,
            "facts": facts,
            "record": record,
            "mine": case.held_by(now) == actor.person_id,
            "holder": _name(case.held_by(now)),
            "sender": accounts.partner_names(partner_ids=[facts.sender_id]).get(facts.sender_id),
            "groups": _selector_groups(record, actor=actor),
            "analysis": analysed.get_analyses(actor=actor, report_ids=[report_id]).get(report_id),
            "priority": analysed.get_priorities(actor=actor, report_ids=[report_id]).get(report_id),
            "links": _links(links, actor=actor),
            "dossier": crosschecked.kin_facts(actor=actor, report_ids=[report_id]).get(report_id),
            "conversation": _with_findings(record, actor=actor),
            "files": [_file_facts(file) for file in record.files],
            **_what_to_do(case, actor=actor),
            **_exchange(report_id, request=request, now=now),
            "history": _history(report_id, actor=actor),
        },
    )


@require_POST
@needs("report.question")
def question(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Leave a question for the reporter, behind their code."""
    try:
        intake_operations.ask_reporter(
            actor=actor_of(request),
            report_id=report_id,
            text=request.POST.get("text", ""),
            now=now_of(request),
        )
        messages.success(request, _("The question waits for the reporter behind their code."))
    except intake_operations.NotReachable:
        raise Http404 from None
    except intake_operations.MessageRefused:
        messages.error(request, _("A question needs words, twenty thousand characters at most."))
    return redirect("desk:report", report_id=report_id)


def _what_to_do(case: Case, *, actor: Actor) -> dict[str, object]:
    report_id = case.report_id
    proposal = oriented.get_proposals(actor=actor, report_ids=[report_id]).get(report_id)
    decisions = oriented.decisions_of(actor=actor, report_ids=[report_id]).get(report_id, ())
    authors = accounts.person_names(person_ids={d.author_id for d in decisions})
    return {
        "proposal": proposal.proposal if proposal else None,
        "tracks": list(Track),
        "may_decide": may(actor, "report.decide"),
        "decisions": [(d, authors.get(d.author_id, "")) for d in decisions],
        "measures": measures.measures_of(actor=actor, report_ids=[report_id]).get(report_id, ()),
        "referrals": judicial.referrals_of(actor=actor, report_ids=[report_id]).get(report_id, ()),
    }


def _exchange(report_id: UUID, *, request: HttpRequest, now: datetime) -> dict[str, object]:
    actor = actor_of(request)
    sent = intake.list_messages(actor=actor, report_id=report_id)
    if sent:
        consult(request, "object", [m.object_id for m in sent], action="message.read")
    return {
        "reachable": intake.is_reachable(actor=actor, report_id=report_id),
        "exchange": [(m, _words(m, actor=actor, now=now)) for m in sent],
    }


def _words(message: FollowedMessage, *, actor: Actor, now: datetime) -> str:
    body = vault.open_object(
        actor=actor, object_id=message.object_id, now=now, purpose="exchange with the reporter"
    )
    return body.decode()


def _selector_groups(
    record: HarmonisedReport, *, actor: Actor
) -> list[tuple[str, list[Mapping[str, object]]]]:
    """Return the selectors by role, each with how many reports share it."""
    keys = {s: selector_key(s.kind, s.value) for s in record.selectors}
    counts = harmonised.count_sightings(actor=actor, keys=list(set(keys.values())))
    groups: list[tuple[str, list[Mapping[str, object]]]] = []
    for role in _ROLES:
        members = [_selector(s, counts.get(keys[s], 0)) for s in record.selectors if s.role == role]
        if members:
            groups.append((role, members))
    return groups


def _selector(selector: Selector, seen: int) -> Mapping[str, object]:
    address = reverse("desk:search") + f"?kind={selector.kind}&q={selector.value}"
    return {"selector": selector, "seen": seen, "href": address if seen > 1 else ""}


def _links(links: Sequence[object], *, actor: Actor) -> list[Mapping[str, object]]:
    others = [link.other for link in links]  # type: ignore[attr-defined]
    facts = intake.get_reports(actor=actor, report_ids=others)
    return [
        {"link": link, "facts": facts.get(other)} for link, other in zip(links, others, strict=True)
    ]


def _with_findings(record: HarmonisedReport, *, actor: Actor) -> list[Mapping[str, object]]:
    """Return the conversation's messages with the codes of the findings that cite each."""
    analysis = analysed.get_analyses(actor=actor, report_ids=[record.report_id]).get(
        record.report_id
    )
    cited: dict[int, list[str]] = {}
    for finding in analysis.findings if analysis else ():
        place = finding.source.partition("conversation[")[2].partition("]")[0]
        if place.isdigit():
            cited.setdefault(int(place), []).append(finding.category or finding.code)
    return [
        {"message": message, "signals": list(dict.fromkeys(cited.get(n, [])))}
        for n, message in enumerate(record.conversation)
    ]


def _file_facts(file: File) -> Mapping[str, object]:
    kind = file.classification
    return {
        "name": file.name or _("Unnamed file"),
        "facts": [
            (_("Class"), f"{kind.scheme} {kind.code}" if kind else ""),
            ("SHA-256", file.sha256 or ""),
            ("SHA-1", file.sha1 or ""),
            ("MD5", file.md5 or ""),
            ("PDQ", file.pdq or ""),
            (_("Seen by the provider"), _yes_no(file.seen_by_provider)),
            (_("Publicly available"), _yes_no(file.publicly_available)),
        ],
    }


def _yes_no(value: bool | None) -> str:
    if value is None:
        return ""
    return _("yes") if value else _("no")


def _history(report_id: UUID, *, actor: Actor) -> list[tuple[object, str]]:
    entries = ledger.entries_of(actor=actor, object_id=report_id, limit=40)
    names = accounts.person_names(person_ids={e.actor_id for e in entries})
    return [(entry, names.get(entry.actor_id, "")) for entry in entries]


def _name(person_id: UUID | None) -> str:
    if person_id is None:
        return ""
    return accounts.person_names(person_ids=[person_id]).get(person_id, "")

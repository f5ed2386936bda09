"""The data of one report for `fanal report`, collected from the queries of every stage."""

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

import msgspec

from fanal import reference
from fanal.accounts.queries.people import partner_names
from fanal.analyse import queries as analysed
from fanal.analyse.domain.records import Priority
from fanal.crosscheck.links.queries import kin_facts, links_of_reports
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import Selector
from fanal.intake.domain.number import desk_number
from fanal.intake.domain.records import PUBLIC_SENDER, ReportFacts
from fanal.intake.queries.envelopes import get_reports
from fanal.intake.queries.files import get_receipts
from fanal.kernel.actors import Actor
from fanal.orient import queries as oriented

View = dict[str, object]
_LONG = frozenset({"description", "conversation", "extra", "warnings"})
_SELECTORS = msgspec.json.Decoder(tuple[Selector, ...])


def views(
    *,
    actor: Actor,
    report_ids: Sequence[UUID],
    facts: Mapping[UUID, ReportFacts] | None = None,
    short: bool = False,
) -> Iterator[View]:
    """Yield the data of each report as a dict for printing, in the given order; `short` omits long texts.

    Keys: `id`, `reference` (the sender's), `number` (the desk's), `partner` (name of the sender),
    `received_at`, `receipt`, `state`, `stage`, `harmonised` (the report in the common shape), `selectors`
    (its identifiers), `findings`, `priority`, `links`, `dossier`, `proposal`, `decisions`; None or empty for
    a stage not reached. `facts` may contain receipt data already read; reports without one are left out.
    Values are the stages' own records, which `msgspec.json` serialises.
    """
    if facts is None:
        facts = get_reports(actor=actor, report_ids=report_ids)
    ids = [report_id for report_id in report_ids if report_id in facts]
    names = partner_names(partner_ids={facts[i].sender_id for i in ids})
    receipts = get_receipts(actor=actor, report_ids=ids)
    records = harmonised.get_record_fields(actor=actor, report_ids=ids)
    analyses = analysed.get_analyses(actor=actor, report_ids=ids)
    priorities = analysed.get_priorities(actor=actor, report_ids=ids)
    links = _links(actor, ids)
    kin = kin_facts(actor=actor, report_ids=ids)
    proposals = oriented.get_proposals(actor=actor, report_ids=ids)
    decisions = oriented.decisions_of(actor=actor, report_ids=ids)
    for i in ids:
        record, priority = records.get(i), priorities.get(i)
        proposal = proposals[i].proposal if i in proposals else None
        yield {
            "id": str(i),
            "reference": facts[i].reference,
            "number": desk_number(i),
            "partner": names.get(facts[i].sender_id)
            if facts[i].sender_id != PUBLIC_SENDER
            else None,
            "received_at": facts[i].received_at.isoformat(),
            "receipt": receipts.get(i),
            "state": facts[i].state,
            "stage": _stage(facts[i]),
            "harmonised": _harmonised(record, short) if record else None,
            "selectors": _selectors(record.get("selectors")) if record else [],
            "findings": analyses[i].findings if i in analyses else [],
            "priority": _priority(priority) if priority else None,
            "links": links.get(i, []),
            "dossier": str(kin[i].dossier_id) if i in kin and kin[i].dossier_id else None,
            "proposal": {
                "tracks": [str(track) for track in proposal.tracks],
                "because": proposal.because,
                "basis": [basis.code for basis in proposal.bases],
                "competent": proposal.competent,
            }
            if proposal
            else None,
            "decisions": decisions.get(i, ()),
        }


def outline(view: View, *, lang: str) -> str:
    """Return the data of a report (an item of `views`) as a few lines of text for a terminal.

    They give priority with reasons, reporter and proposal, with labels in the language `lang`.
    """
    lines = [
        f"{view['number']} · {view['reference']} · {view['partner'] or '—'} · {view['stage']} · {view['id']}"
    ]
    priority = view["priority"]
    if isinstance(priority, dict):
        lines.append(f"  {priority['score']}/100")
        for part in priority["parts"]:
            because = part["because"]
            words = reference.render(because["code"], because.get("parameters", {}), lang)
            lines.append(f"    {part['points']:+g}  {words}")
    reporter = view.get("reporter")
    for said in reporter if isinstance(reporter, list) else ():
        code = said["fact"]
        name = reference.label("identity_fact", code, lang) if code.isupper() else code
        lines.append(
            f"  {name} : {said['value']}" if lang == "fr" else f"  {name}: {said['value']}"
        )
    proposal = view["proposal"]
    if isinstance(proposal, dict):
        lines.append(f"  → {', '.join(proposal['tracks'])} ({', '.join(proposal['basis'])})")
    return "\n".join(lines)


def _links(actor: Actor, ids: Sequence[UUID]) -> dict[UUID, list[View]]:
    """Return the links of each report, by report id, as dicts for printing.

    Keys: reference, id and desk of the other report, score, reasons. Of a report of another desk only the
    desk is given, not the report's id.
    """
    found = links_of_reports(actor=actor, report_ids=ids)
    others = {link.other_id for links in found.values() for link in links if link.other_id}
    facts = get_reports(actor=actor, report_ids=list(others))
    return {
        report_id: [
            {
                "reference": facts[link.other_id].reference if link.other_id in facts else None,
                "id": str(link.other_id) if link.other_id else None,
                "desk": link.desk_id,
                "score": link.score,
                "reasons": link.reasons,
            }
            for link in links
        ]
        for report_id, links in found.items()
    }


def _stage(facts: ReportFacts) -> str:
    if facts.quarantined_at is not None:
        return "QUARANTINE"
    if facts.stage is not None:
        return str(facts.stage)
    return "DONE" if facts.state == "FINISHED" and not facts.is_test else str(facts.state)


def _harmonised(record: Mapping[str, msgspec.Raw], short: bool) -> View:
    """Return the fields of a harmonised report to print, without selectors (identifiers such as e-mail).

    With `short`, long texts are left out too.
    """
    left = {"selectors"} | (_LONG if short else set())
    return {key: value for key, value in record.items() if key not in left}


def _selectors(stored: msgspec.Raw | None) -> list[View]:
    """Return the selectors (identifiers such as an e-mail) of an encoded record as dicts; [] for None.

    Keys: kind, value, role, at, port, weak (found in free text); the paths of their origin are left out.
    """
    return [
        {
            "kind": s.kind,
            "value": s.value,
            "role": s.role,
            "at": s.at,
            "port": s.port,
            "weak": s.weak,
        }
        for s in (_SELECTORS.decode(stored) if stored else ())
    ]


_DANGER = "CHILD_IN_DANGER"


def _priority(priority: Priority) -> View:
    shown: View = {"floor": None, **msgspec.to_builtins(priority)}
    del shown["report_id"]
    # The report format names the floor of a stated danger, whichever rule orders it among the others.
    if any(part.code == _DANGER for part in priority.parts):
        shown["floor"] = _DANGER
    return shown

"""Proposals for a batch of reports: actions (tracks), legal bases, authorities, reasons; differences. Pure.

The differences are those of a person's decision from the proposal, for the page of a removal measure.
"""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache

from fanal.analyse.domain.records import Because
from fanal.orient.domain.qualify import Facts, Qualified, measure_basis, qualify, read_facts
from fanal.orient.domain.records import Basis, Decision, OrientItem, Proposal, Track
from fanal.reference import Body, Catalogue, Offence, Routing

RULES = "orient/2"
_HOME = "FR"


def propose(*, items: Sequence[OrientItem], catalogue: Catalogue) -> list[Proposal]:
    """Return a proposal (actions, legal bases, authorities, reasons) for each of `items`, in their order.

    `items` are reports with their findings; `catalogue` holds the dated legal rules.
    """
    return [propose_one(item, catalogue=catalogue) for item in items]


def propose_one(item: OrientItem, *, catalogue: Catalogue) -> Proposal:
    """Return the proposal for one report: actions (tracks), legal bases, competent authorities, reasons.

    `item` is the report with its findings; `catalogue` holds the dated legal rules.
    """
    facts = read_facts(item)
    qualified = qualify(facts, catalogue=catalogue)
    bodies, routes = _bodies(facts, catalogue)
    tracks = _tracks(facts, qualified)
    because = [
        *_preamble(facts, item),
        *qualified.because,
        *_measures_because(facts, qualified, catalogue),
        *_abroad(facts, qualified, catalogue),
        *(routes if Track.JUDICIAL in tracks else ()),
        *_closing(facts, qualified),
    ]
    return Proposal(
        report_id=item.report.report_id,
        tracks=tracks,
        bases=qualified.bases,
        because=tuple(because),
        competent=bodies[0] if Track.JUDICIAL in tracks else None,
        bodies=bodies if Track.JUDICIAL in tracks else (),
        rule_version=f"{RULES}+{catalogue.version}",
    )


def _tracks(facts: Facts, qualified: Qualified) -> tuple[Track, ...]:
    if facts.danger:
        measures = (Track.MEASURES,) if _may_measure(facts, qualified) else ()
        return (Track.JUDICIAL, *measures)
    if not qualified.bases:
        return (Track.NONE,) if facts.empty else (Track.ELSEWHERE,)
    if _may_measure(facts, qualified):
        return (Track.JUDICIAL, Track.MEASURES)
    return (Track.JUDICIAL,)


def _may_measure(facts: Facts, qualified: Qualified) -> bool:
    return bool(facts.targets) and any(basis.opens_measures for basis in qualified.bases)


def _preamble(facts: Facts, item: OrientItem) -> list[Because]:
    because: list[Because] = []
    if facts.danger:
        because.append(Because(code="DANGER_NOW"))
    if not facts.dated:
        day = facts.received.isoformat()
        because.append(Because(code="FACTS_UNDATED", parameters={"day": day}))
    if item.kin.links:
        because.append(
            Because(
                code="KIN",
                parameters={
                    "count": item.kin.links,
                    "strongest": round(item.kin.strongest, 4),
                },
            )
        )
    return because


def _measures_because(facts: Facts, qualified: Qualified, catalogue: Catalogue) -> list[Because]:
    opening = [basis for basis in qualified.bases if basis.opens_measures]
    closed = dict.fromkeys(basis.code for basis in qualified.bases)
    for basis in opening:
        closed.pop(basis.code, None)
    because: list[Because] = []
    if opening and facts.targets:
        because.append(_opened(opening[0].entry_id, facts, catalogue))
    elif opening:
        because.append(Because(code="MEASURE_ONION" if facts.onion_only else "MEASURE_NO_TARGET"))
    if closed and facts.targets:
        because.append(Because(code="MEASURE_BLOCKED", parameters={"articles": list(closed)}))
    return because


def _opened(entry_id: str, facts: Facts, catalogue: Catalogue) -> Because:
    offence = catalogue.by_entry_id(entry_id)
    rule = None
    if isinstance(offence, Offence):
        rule = measure_basis(offence, catalogue=catalogue, on=facts.received)
    return Because(
        code="MEASURE_OPEN",
        parameters={
            "article": offence.code if offence else entry_id,
            "measure": rule.code if rule else "",
            "count": len(facts.targets),
        },
    )


def _abroad(facts: Facts, qualified: Qualified, catalogue: Catalogue) -> list[Because]:
    if facts.facts_country is None or facts.facts_country.upper() == _HOME:
        return []
    articles: dict[str, None] = {}
    for basis in qualified.bases:
        entry = catalogue.by_entry_id(basis.entry_id)
        if isinstance(entry, Offence):
            articles.update(dict.fromkeys(entry.value.extraterritorial))
    if not articles:
        return []
    return [Because(code="EXTRATERRITORIAL", parameters={"articles": list(articles)})]


_Routes = tuple[tuple[str, ...], tuple[Because, ...]]


def _bodies(facts: Facts, catalogue: Catalogue) -> _Routes:
    """Return all competent authorities in the order of the routing rules, and the reason for each.

    Both are empty if no routing rule holds. `facts` are those of one report.
    """
    located = facts.victim_countries | facts.suspect_countries
    holds = {
        "DANGER_NOW": facts.danger,
        "SUSPECT_IN_FRANCE": _HOME in facts.suspect_countries,
        "VICTIM_IN_FRANCE": _HOME in facts.victim_countries,
        "ABROAD": bool(located) and _HOME not in located,
        "NOBODY_LOCATED": True,
    }
    return _routes(catalogue, facts.received, frozenset(when for when in holds if holds[when]))


@lru_cache(maxsize=1024)
def _routes(catalogue: Catalogue, on: date, holds: frozenset[str]) -> _Routes:
    rules = sorted(catalogue.in_force(Routing, on), key=lambda rule: rule.value.rank)
    chosen = [rule for rule in rules if rule.value.when in holds]
    called = {body.code for body in catalogue.in_force(Body, on) if body.value.role == "EMERGENCY"}
    because = tuple(_route(rule, called=rule.value.body in called) for rule in chosen)
    bodies = dict.fromkeys(rule.value.body for rule in chosen if rule.value.body not in called)
    return tuple(bodies), because


def _route(rule: Routing, *, called: bool) -> Because:
    """Return the reason that a routing rule gives; `called`: its authority is called, not written to."""
    body = rule.value.body
    if called:
        return Because(code="CALL_FIRST", parameters={"body": body})
    if rule.value.article:
        return Because(code="ROUTE", parameters={"body": body, "article": rule.value.article})
    return Because(code="ROUTE_BY_ROLE", parameters={"body": body})


def _closing(facts: Facts, qualified: Qualified) -> list[Because]:
    if qualified.bases:
        return []
    if facts.empty:
        return [Because(code="NOTHING_TO_ACT_ON")]
    return [Because(code="NO_BASIS")]


def differences(proposal: Proposal | None, decision: Decision | None) -> list[dict[str, object]]:
    """Compare a decision with the legal rules' proposal: a dict each for actions, legal bases, authority.

    Keys: `name` of the field, `kind` (the group of labels that names its values), `proposed` and `decided`
    (the values on each side), `same` (whether they are equal). Empty without a proposal or a decision.
    """
    if proposal is None or decision is None:
        return []
    parts = (
        ("WAY", "track", _sorted(proposal.tracks), _sorted(decision.tracks)),
        ("BASES", "", _codes(proposal.bases), _codes(decision.bases)),
        ("BODY", "body", _one(proposal.competent), _one(decision.body)),
    )
    return [
        {"name": name, "kind": kind, "proposed": first, "decided": then, "same": first == then}
        for name, kind, first, then in parts
    ]


def _sorted(values: Sequence[str]) -> list[str]:
    return sorted(str(value) for value in values)


def _codes(bases: Sequence[Basis]) -> list[str]:
    return sorted({basis.code for basis in bases})


def _one(value: str | None) -> list[str]:
    return [value] if value else []

"""Queries on suggestions (possible links that await a person's answer), of a report or of desks."""

from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from msgspec import structs

from fanal.accounts.domain.policy import reach, require
from fanal.crosscheck.domain.records import SPELLED, LinkReason, unpack_reasons
from fanal.crosscheck.domain.weights import load_weights
from fanal.crosscheck.dossiers import queries as state
from fanal.crosscheck.dossiers.queries import CURRENT
from fanal.crosscheck.links.queries import with_frequency
from fanal.crosscheck.similar.domain.pairs import Identifier, identifiers_of, near_values
from fanal.crosscheck.similar.domain.rules import load_near_rules
from fanal.crosscheck.similar.domain.suggestions import (
    PairAnswer,
    Suggestion,
    SuggestionState,
    standing,
)
from fanal.db import sql
from fanal.db.sql import uuid_array
from fanal.harmonise import queries as harmonised
from fanal.kernel.actors import Actor

# The similar identifiers of a suggested pair, read from both records: the stored digests do not show them.


def with_values(actor: Actor, found: Sequence[Suggestion]) -> list[Suggestion]:
    """Return the suggestions in the same order, with `between` filled in for reasons of similar
    identifiers.

    `between` holds both identifiers, read from the records; it is None if the records no longer hold them.
    `found` are suggestions as stored.
    """
    wanted = {
        end
        for one in found
        if any(reason.kind in SPELLED for reason in one.reasons)
        for end in (one.report_id, one.other_id)
    }
    rules = load_near_rules()
    records = harmonised.get_records(actor=actor, report_ids=sorted(wanted))
    told = {report_id: identifiers_of(record, rules) for report_id, record in records.items()}
    return [
        structs.replace(
            one,
            reasons=_valued(one.reasons, told.get(one.report_id, ()), told.get(one.other_id, ())),
            fresh=_valued(one.fresh, told.get(one.report_id, ()), told.get(one.other_id, ())),
        )
        if one.report_id in wanted
        else one
        for one in found
    ]


def _valued(
    reasons: tuple[LinkReason, ...], mine: Sequence[Identifier], theirs: Sequence[Identifier]
) -> tuple[LinkReason, ...]:
    rules = load_near_rules()
    return tuple(
        structs.replace(reason, between=near_values(mine, theirs, way=reason.kind, rules=rules))
        if reason.kind in SPELLED
        else reason
        for reason in reasons
    )


WAITING = frozenset({SuggestionState.OPEN, SuggestionState.REOPENED})
_UNLINKED = (
    " AND NOT EXISTS (SELECT FROM crosscheck_link k WHERE k.report_id = l.report_id"
    " AND k.other_id = l.other_id AND k.score >= %(least)s)"
)
# Pairs from the linkage rule; further pairs from the trained model; further pairs from similarity alone.
_SOURCES = (
    ("crosscheck_link", f" AND{CURRENT}"),
    ("crosscheck_resemblance", _UNLINKED),
    (
        "crosscheck_near",
        _UNLINKED + " AND NOT EXISTS (SELECT FROM crosscheck_resemblance r"
        " WHERE r.report_id = l.report_id AND r.other_id = l.other_id)",
    ),
)
_MINE = (
    " (%(desks)s::int[] IS NULL OR (l.desk_id = ANY(%(desks)s::int[])"
    " AND l.other_desk_id = ANY(%(desks)s::int[])))"
)
_BELOW = (
    "l.score >= %(least)s AND (l.score, l.report_id, l.other_id)"
    f" < (%(score)s::real, %(one)s, %(two)s) AND{_MINE}"
)
_FIRST = " ORDER BY score DESC, report_id DESC, other_id DESC LIMIT %(most)s"
_AT_ONCE = 500
_Row = tuple[UUID, UUID, float, memoryview]
_Pair = tuple[UUID, UUID]


def suggestions_of(*, actor: Actor, report_id: UUID) -> list[Suggestion]:
    """Return the suggestions about a report in any state, strongest first; both reports at the actor's desks.

    The list includes certain links that somebody rejected: they no longer join dossiers, and are suggested
    again when new evidence appears. A pair in one dossier through other links is left out until somebody has
    answered it. Equal scores: in order of the later, then the earlier report.
    """
    desks = reach(actor, "link.read").desks
    if desks == []:
        return []
    weights = load_weights()
    bounds = f"%(id)s IN (l.report_id, l.other_id) AND l.score >= %(least)s AND{_MINE}"
    rows = sql.rows(
        _pairs(bounds),
        {"id": report_id, "desks": desks, "least": weights.doubtful - 1e-6},
    )
    found = _suggestions(rows, certain_from=weights.strong)
    ordered = sorted(found, key=lambda s: (-s.score, s.report_id, s.other_id))
    return with_values(actor, ordered)


def list_suggestions(
    *, actor: Actor, limit: int = 50, below: tuple[float, UUID, UUID] | None = None
) -> list[Suggestion]:
    """Return a page of suggestions that await an answer at the actor's desks, strongest first.

    At most `limit`; certain links are left out. `below` is the key of the previous page's last suggestion:
    its score and its two report ids, later first. None gives the first page.
    """
    found: list[Suggestion] = []
    for rows in _walk(actor, below):
        for one in _suggestions(rows, certain_from=load_weights().strong):
            if one.state in WAITING:
                found.append(one)
                if len(found) == limit:
                    return with_values(actor, found)
    return with_values(actor, found)


def sides_of(*, found: Sequence[Suggestion]) -> list[frozenset[UUID]]:
    """Return the two sides of each suggestion: each report's dossier, or the report itself if it has none.

    Suggestions with the same sides ask a person the same question. A pair within one dossier keeps its two
    reports as sides.
    """
    pairs = [(one.report_id, one.other_id) for one in found]
    dossiers = _dossiers(pairs)
    sides = [frozenset(dossiers.get(end, end) for end in pair) for pair in pairs]
    return [both if len(both) == 2 else frozenset(p) for both, p in zip(sides, pairs, strict=True)]


def rejected_reports(*, actor: Actor) -> list[UUID]:
    """Return the reports of all suggested pairs whose latest answer in force is a rejection, by id.

    The linkage model takes those without a dossier as different from all others. Each report occurs once.

    Raises:
        Refused: the actor is not the system.
    """
    require(actor, "pipeline.run")
    pairs = sql.rows(
        "SELECT DISTINCT report_id, other_id FROM crosscheck_answer WHERE NOT accepted"
    )
    answers = answers_about(pairs)
    return sorted({end for pair, answer in answers.items() if not answer.accepted for end in pair})


def answers_about(pairs: Sequence[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], PairAnswer]:
    """Return the latest answer (accepted, rejected), not undone, to each suggested pair of reports.

    A pair is (later report, earlier report); unanswered pairs are absent.
    """
    if not pairs:
        return {}
    ones, twos = zip(*pairs, strict=True)
    rows = sql.rows(
        "SELECT a.report_id, a.other_id, a.judgement_id, a.accepted, a.score, a.evidence"
        " FROM crosscheck_answer a JOIN unnest(%s::uuid[], %s::uuid[]) AS p (one, two)"
        " ON a.report_id = p.one AND a.other_id = p.two ORDER BY a.judgement_id DESC",
        [list(ones), list(twos)],
    )
    undone = {judgement: state.is_undone(judgement) for judgement in {row[2] for row in rows}}
    answers: dict[tuple[UUID, UUID], PairAnswer] = {}
    for one, two, judgement, accepted, score, evidence in rows:
        if not undone[judgement] and (one, two) not in answers:
            answers[one, two] = PairAnswer(
                judgement_id=judgement,
                accepted=accepted,
                score=score,
                evidence=frozenset(evidence),
            )
    return answers


def _walk(actor: Actor, below: tuple[float, UUID, UUID] | None) -> Iterator[list[_Row]]:
    """Yield pages of possible links (below certain) of the actor's desks, strongest first.

    `below` is the key (score, two report ids) after which the pages start; None: from the strongest.
    """
    desks = reach(actor, "link.read").desks
    weights = load_weights()
    last = below or (weights.strong - 1e-6, UUID(int=2**128 - 1), UUID(int=2**128 - 1))
    while desks != []:
        rows: list[_Row] = sql.rows(
            # Each source is read in the order of its index, and only as far as needed.
            _pairs(_BELOW, _FIRST) + _FIRST,
            {
                "least": weights.doubtful - 1e-6,
                "score": last[0],
                "one": last[1],
                "two": last[2],
                "desks": desks,
                "most": _AT_ONCE,
            },
        )
        if not rows:
            return
        yield rows
        last = rows[-1][2], rows[-1][0], rows[-1][1]


def _pairs(bounds: str, tail: str = "") -> str:
    """Return the SQL of the pairs from all sources that satisfy `bounds`; each pair appears once.

    `bounds` is an SQL condition on a pair. Sources: linkage rule, trained model, similarity. `tail` (order,
    limit) applies to each source.
    """
    return " UNION ALL ".join(
        "(SELECT l.report_id, l.other_id, l.score, l.reasons"  # noqa: S608
        f" FROM {table} l WHERE {bounds}{more}{tail})"
        for table, more in _SOURCES
    )


def _suggestions(rows: Sequence[_Row], *, certain_from: float) -> list[Suggestion]:
    pairs = [(row[0], row[1]) for row in rows]
    answers, near = answers_about(pairs), _near(pairs)
    together = _together(pairs)
    told = with_frequency(
        [_with_near(unpack_reasons(row[3]), near.get((row[0], row[1]), ())) for row in rows]
    )
    found = []
    for (one, two, score, _), reasons in zip(rows, told, strict=True):
        answer = answers.get((one, two))
        if score >= certain_from - 1e-6 and (answer is None or answer.accepted):
            continue  # certain, and nobody rejected it
        if (one, two) in together and answer is None:
            continue  # already in one dossier through other links
        where, fresh = standing(reasons, answer)
        found.append(
            Suggestion(
                report_id=one,
                other_id=two,
                score=round(score, 4),
                reasons=reasons,
                state=where,
                fresh=fresh,
                answer=answer.judgement_id if answer else None,
            )
        )
    return found


def _near(pairs: Sequence[_Pair]) -> dict[_Pair, tuple[LinkReason, ...]]:
    """Return the similarity reasons stored for each pair (later report first); others are absent."""
    ones, twos = (uuid_array(pair[end] for pair in pairs) for end in (0, 1))
    found = sql.rows(
        "SELECT n.report_id, n.other_id, n.reasons FROM crosscheck_near n"
        " JOIN unnest(%s::uuid[], %s::uuid[]) AS p (one, two)"
        " ON n.report_id = p.one AND n.other_id = p.two",
        [ones, twos],
    )
    return {(one, two): unpack_reasons(content) for one, two, content in found}


def _with_near(
    reasons: tuple[LinkReason, ...], near: tuple[LinkReason, ...]
) -> tuple[LinkReason, ...]:
    more = [reason for reason in near if reason not in reasons]
    return tuple(sorted((*reasons, *more), key=lambda r: -r.weight)) if more else reasons


def _together(pairs: Sequence[_Pair]) -> set[_Pair]:
    """Return the pairs of reports whose two reports are in one dossier."""
    dossiers = _dossiers(pairs)
    return {
        (one, two) for one, two in pairs if one in dossiers and dossiers[one] == dossiers.get(two)
    }


def _dossiers(pairs: Iterable[_Pair]) -> dict[UUID, UUID]:
    """Return by report the dossier id of each report of the pairs; reports in no dossier are absent."""
    ends = {end for pair in pairs for end in pair}
    if not ends:
        return {}
    found = sql.rows(
        "SELECT report_id, dossier_id FROM crosscheck_membership WHERE report_id = ANY(%s::uuid[])",
        [uuid_array(ends)],
    )
    return dict(found)

"""Which identifiers are near in a suggested pair, read in both records: what is kept of it shows neither."""

from collections.abc import Sequence

from msgspec import structs

from fanal.crosscheck.domain.near.rules import load_near_rules
from fanal.crosscheck.domain.near.spelling import SPELLED, Spelling, near_values, spellings_of
from fanal.crosscheck.domain.records import Reason
from fanal.crosscheck.domain.suggestions import Suggestion
from fanal.harmonise import queries as harmonised
from fanal.kernel.actors import Actor


def with_values(actor: Actor, found: Sequence[Suggestion]) -> list[Suggestion]:
    """Return suggestions with the two values of each reason that rests on near identifiers."""
    wanted = {
        end
        for one in found
        if any(reason.kind in SPELLED for reason in one.reasons)
        for end in (one.report_id, one.other_id)
    }
    rule = load_near_rules().spelling
    records = harmonised.get_records(actor=actor, report_ids=sorted(wanted))
    told = {report_id: spellings_of(record, rule) for report_id, record in records.items()}
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
    reasons: tuple[Reason, ...], mine: Sequence[Spelling], theirs: Sequence[Spelling]
) -> tuple[Reason, ...]:
    rule = load_near_rules().spelling
    return tuple(
        structs.replace(reason, between=near_values(mine, theirs, way=reason.kind, rule=rule))
        if reason.kind in SPELLED
        else reason
        for reason in reasons
    )

"""A single verdict of the overseer on a group of similar removal requests; each gets its own row."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.accounts.domain.policy import require
from fanal.casework.operations.acts import ActUnknown
from fanal.kernel.actors import Actor
from fanal.kernel.refusal import Refusal
from fanal.measures.domain.oversight import (
    Happening,
    MeasureLikeness,
    RecommendationKind,
    likeness_of,
)
from fanal.measures.operations.oversight import SessionUnknown, note_in_session, recommend
from fanal.measures.queries import get_session, list_by_ids


def judge_group(
    *,
    actor: Actor,
    session_id: UUID,
    measure_ids: Sequence[UUID],
    alike: MeasureLikeness,
    kind: RecommendationKind | None,
    words: str,
    now: datetime,
) -> int:
    """Record one verdict on similar removal requests: no remark (`kind` None), or a recommendation on each.

    `alike` is the value that all must share; `words` is the text of the recommendations. The actor must have
    read at least one of the measures in this oversight session (`session_id`); its record shows which were
    never opened. Measures that already have this verdict keep it. All in one transaction; return how many
    measures received the verdict.

    Raises:
        Refused: the actor may not recommend.
        SessionUnknown: not the actor's own, or ended.
        ActUnknown: a measure is not in the session's sample, or none is given.
        Refusal: NOT_ALIKE, NONE_READ, NO_REASON, TEXT_UNREADABLE.
    """
    require(actor, "measure.recommend")
    with transaction.atomic():
        session = get_session(actor=actor, session_id=session_id)
        if session is None or session.ended_at is not None:
            raise SessionUnknown(str(session_id))
        chosen = dict.fromkeys(measure_ids)
        found = list_by_ids(actor=actor, measure_ids=list(chosen))
        if not chosen or len(found) < len(chosen) or not chosen.keys() <= set(session.sample):
            raise ActUnknown(str(session_id))
        if len({likeness_of(one.request, alike) for one in found.values()}) > 1:
            raise Refusal("measure", "NOT_ALIKE")
        if chosen.keys().isdisjoint(session.measures(Happening.SEEN)):
            raise Refusal("measure", "NONE_READ")
        what = Happening.AGREED if kind is None else Happening.RECOMMENDED
        judged = set(session.measures(what))
        fresh = [measure_id for measure_id in chosen if measure_id not in judged]
        for measure_id in fresh:
            if kind is None:
                note_in_session(
                    actor=actor, session_id=session_id, what=what, measure_id=measure_id, now=now
                )
            else:
                recommend(
                    actor=actor,
                    measure_id=measure_id,
                    kind=kind,
                    words=words,
                    now=now,
                    session_id=session_id,
                )
    return len(fresh)

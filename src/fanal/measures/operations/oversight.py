"""Write operations of oversight: sessions, recommendations, and the desk's answers.

None of them changes a measure (removal request): the overseer recommends, the desk acts (LCEN art. 6-1).
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.accounts.domain.policy import Resource, require
from fanal.casework import queries as casework
from fanal.casework.operations.acts import ActUnknown
from fanal.casework.operations.doubts import raise_doubts
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.kernel.texts import stripped
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.ledger.operations import keyed_digest
from fanal.measures.domain.oversight import (
    AnswerVerdict,
    Happening,
    MeasureLikeness,
    RecommendationKind,
    draw,
    likeness_of,
)
from fanal.measures.models import (
    StoredAnswer,
    StoredHappening,
    StoredRecommendation,
    StoredRequest,
    StoredSession,
)
from fanal.measures.queries import get_session, list_by_ids
from fanal.measures.removal.kind import REMOVAL
from fanal.orient.domain.deciding import UNSTORABLE

MAX_WORDS = 5000
MAX_SAMPLE = 500


class SessionUnknown(Exception):
    """The actor has no such oversight session (review of a sample of removal requests), or it has ended."""


def start_session(*, actor: Actor, size: int, now: datetime) -> UUID:
    """Open an oversight session with a sample of `size` removal requests of all ever sent; return its id.

    Measures that were sent and later withdrawn, annulled or lifted are part of the population. With fewer
    than `size` of them, the sample has all.

    Raises:
        Refused: the actor may not recommend.
        ValueError: the size is not between 1 and 500.
    """
    require(actor, "measure.recommend")
    if not 1 <= size <= MAX_SAMPLE:
        raise ValueError(f"a sample holds 1 to {MAX_SAMPLE} measures")
    session_id = new_id(now)
    sent = StoredRequest.objects.filter(sent_at__isnull=False)
    population = list(sent.values_list("act_id", flat=True))
    with transaction.atomic():
        StoredSession.objects.create(
            id=session_id,
            overseer_id=actor.person_id,
            started_at=now,
            population=len(population),
            sample=list(draw(population=population, session_id=session_id, size=size)),
        )
        ledger.record(
            actor=actor,
            action="oversight.start",
            at=now,
            objects=[ObjectRef(kind="session", id=session_id)],
            detail={"population": len(population), "size": size},
        )
    return session_id


def note_in_session(
    *,
    actor: Actor,
    session_id: UUID,
    what: Happening,
    now: datetime,
    measure_id: UUID | None = None,
) -> bool:
    """Add an event (`what`) to the record of an open oversight session of the actor.

    Return False if the same event on that removal request (`measure_id`) exists. Without `measure_id` the
    event is on the session.

    Raises:
        Refused: the actor may not recommend.
        SessionUnknown: not the actor's own, or ended.
        ActUnknown: the request is not in the session's sample.
    """
    with transaction.atomic():
        row = _open_session(actor, session_id)
        if measure_id is not None and measure_id not in row.sample:
            raise ActUnknown(str(measure_id))
        known = row.happenings.filter(what=what, measure_id=measure_id)
        if measure_id is not None and known.exists():
            return False
        row.happenings.create(id=new_id(now), what=what, measure_id=measure_id, at=now)
        objects = [ObjectRef(kind="session", id=row.id)]
        if measure_id is not None:
            objects.append(ObjectRef(kind="measure", id=measure_id))
        ledger.record(
            actor=actor,
            action="oversight.note",
            at=now,
            objects=objects,
            detail={"what": what.value},
        )
    return True


def recommend(
    *,
    actor: Actor,
    measure_id: UUID,
    kind: RecommendationKind,
    words: str,
    now: datetime,
    session_id: UUID | None = None,
) -> UUID:
    """Recommend to end or correct a removal request (`kind`); return the id of the recommendation.

    `words` are the reasons. `session_id` is that of an open oversight session, in whose record it is noted if
    the request is in the sample.

    Raises:
        ActUnknown: no such removal request.
        Refused: the actor may not recommend.
        Refusal: NO_REASON (no reason given), TEXT_UNREADABLE (a text is too long, or has a NUL or lone
            surrogate).
        SessionUnknown: `session_id` is not an open session of the actor.
    """
    require(actor, "measure.recommend")
    found = casework.get_acts(actor=actor, lifecycle=REMOVAL, act_ids=[measure_id])
    if measure_id not in found:
        raise ActUnknown(str(measure_id))
    said = _words(words)
    recommendation_id = new_id(now)
    with transaction.atomic():
        if session_id is not None and measure_id in _open_session(actor, session_id).sample:
            StoredHappening.objects.get_or_create(
                session_id=session_id,
                what=Happening.RECOMMENDED,
                measure_id=measure_id,
                defaults={"id": new_id(now), "at": now},
            )
        StoredRecommendation.objects.create(
            id=recommendation_id,
            measure_id=measure_id,
            desk_id=found[measure_id].desk_id,
            session_id=session_id,
            kind=kind,
            words=said,
            overseer_id=actor.person_id,
            made_at=now,
        )
        _note(actor, "measure.recommend", measure_id, said=(recommendation_id, said), now=now)
        if kind is RecommendationKind.END:
            report_id = found[measure_id].subject_id
            raise_doubts(
                actor=actor, report_id=report_id, act_id=measure_id, cause="RECOMMENDED", now=now
            )
    return recommendation_id


def answer_recommendation(
    *, actor: Actor, recommendation_id: UUID, verdict: AnswerVerdict, words: str, now: datetime
) -> None:
    """Record the desk's answer (`verdict`) to an overseer's recommendation, with reasons (`words`).

    Only one answer is possible.

    Raises:
        ActUnknown: no such recommendation.
        Refused: the actor may not answer at that desk.
        Refusal: NO_REASON (no reason given), TEXT_UNREADABLE (a text is too long, or has a NUL or lone
            surrogate), ALREADY_ANSWERED (the desk has answered it).
    """
    found = StoredRecommendation.objects.filter(id=recommendation_id).first()
    if found is None:
        raise ActUnknown(str(recommendation_id))
    require(actor, "measure.answer", Resource(desk_id=found.desk_id))
    said = _words(words)
    with sql.unique(Refusal("measure", "ALREADY_ANSWERED")):
        StoredAnswer.objects.create(
            recommendation=found, verdict=verdict, words=said, person_id=actor.person_id, at=now
        )
        _note(actor, "measure.answer", found.measure_id, said=(recommendation_id, said), now=now)


def _open_session(actor: Actor, session_id: UUID) -> StoredSession:
    require(actor, "measure.recommend")
    row = (
        StoredSession.objects.filter(id=session_id, overseer_id=actor.person_id)
        .exclude(happenings__what=Happening.ENDED)
        .first()
    )
    if row is None:
        raise SessionUnknown(str(session_id))
    return row


def _words(words: str) -> str:
    said = stripped(words)
    if not said:
        raise Refusal("measure", "NO_REASON")
    if len(said) > MAX_WORDS or UNSTORABLE.search(said):
        raise Refusal("measure", "TEXT_UNREADABLE")
    return said


def _note(
    actor: Actor, action: str, measure_id: UUID, *, said: tuple[UUID, str], now: datetime
) -> None:
    recommendation_id, words = said
    digest = keyed_digest(
        kind="recommendation", object_id=recommendation_id, content=words.encode()
    )
    ledger.record(
        actor=actor,
        action=action,
        at=now,
        objects=[
            ObjectRef(kind="measure", id=measure_id),
            ObjectRef(kind="recommendation", id=recommendation_id, digest=digest),
        ],
    )


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
        Refusal: NOT_ALIKE (the measures do not share that value), NONE_READ (the actor read none of them in
            this session), NO_REASON (no reason given), TEXT_UNREADABLE (a text is too long, or has a NUL or
            lone surrogate).
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

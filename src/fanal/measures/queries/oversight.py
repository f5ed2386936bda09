"""Sessions and recommendations, as the overseer and the desk that must answer read them."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import QuerySet

from fanal import reference
from fanal.accounts.domain.policy import may, reach
from fanal.kernel.actors import Actor
from fanal.measures.domain.oversight import (
    Answer,
    AnswerVerdict,
    Event,
    Happening,
    Recommendation,
    RecommendationKind,
    Session,
)
from fanal.measures.models import StoredRecommendation, StoredSession
from fanal.orient.domain.clocks import desk_deadline


def list_recommendations(
    *, actor: Actor, waiting: bool = False, limit: int = 200
) -> tuple[Recommendation, ...]:
    """Return the recommendations on the measures within reach, newest first; `waiting` ones only."""
    rows = _reachable(actor)
    if waiting:
        rows = rows.filter(answer=None)
    return tuple(_recommendation(row) for row in rows.order_by("-id")[:limit])


def recommendations_of(*, actor: Actor, measure_id: UUID) -> tuple[Recommendation, ...]:
    """Return the recommendations on a measure within reach, oldest first."""
    rows = _reachable(actor).filter(measure_id=measure_id)
    return tuple(_recommendation(row) for row in rows.order_by("id"))


def get_recommendation(*, actor: Actor, recommendation_id: UUID) -> Recommendation | None:
    """Return a recommendation within reach, or None."""
    row = _reachable(actor).filter(id=recommendation_id).first()
    return _recommendation(row) if row else None


def list_sessions(*, actor: Actor, limit: int = 20) -> tuple[Session, ...]:
    """Return the actor's own sessions, newest first; none without the right to recommend."""
    if not may(actor, "measure.recommend"):
        return ()
    rows = StoredSession.objects.filter(overseer_id=actor.person_id).prefetch_related("happenings")
    return _sessions(rows.order_by("-id")[:limit])


def get_session(*, actor: Actor, session_id: UUID) -> Session | None:
    """Return one of the actor's own sessions, or None."""
    if not may(actor, "measure.recommend"):
        return None
    rows = StoredSession.objects.filter(id=session_id, overseer_id=actor.person_id)
    return next(iter(_sessions(rows.prefetch_related("happenings"))), None)


def _reachable(actor: Actor) -> QuerySet[StoredRecommendation]:
    bounds = reach(actor, "measure.read")
    rows = StoredRecommendation.objects.select_related("answer", "measure")
    return rows if bounds.everywhere else rows.filter(desk_id__in=bounds.desk_ids)


def _recommendation(row: StoredRecommendation) -> Recommendation:
    stored = getattr(row, "answer", None)
    answer = stored and Answer(
        verdict=AnswerVerdict(stored.verdict),
        words=stored.words,
        person_id=stored.person_id,
        at=stored.at,
    )
    return Recommendation(
        id=row.id,
        measure_id=row.measure_id,
        desk_id=row.desk_id,
        kind=RecommendationKind(row.kind),
        words=row.words,
        overseer_id=row.overseer_id,
        made_at=row.made_at,
        due_at=desk_deadline(
            catalogue=reference.load(), stage="ANSWER", level=row.measure.level, start=row.made_at
        ),
        answer=answer,
    )


def _sessions(rows: Sequence[StoredSession] | QuerySet[StoredSession]) -> tuple[Session, ...]:
    return tuple(
        Session(
            id=row.id,
            overseer_id=row.overseer_id,
            started_at=row.started_at,
            population=row.population,
            sample=tuple(row.sample),
            events=tuple(
                Event(what=Happening(h.what), at=h.at, measure_id=h.measure_id)
                for h in sorted(row.happenings.all(), key=lambda h: (h.at, h.db_at))
            ),
        )
        for row in rows
    )

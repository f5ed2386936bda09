"""Sessions and samples of oversight: pure."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given, strategies as st

from fanal.measures.domain.oversight import (
    PAUSE_AFTER,
    Happening,
    Session,
    SessionEvent,
    draw,
    pause_due,
)

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def session(*events: SessionEvent) -> Session:
    return Session(
        id=uuid4(), overseer_id=uuid4(), started_at=NOW, population=0, sample=(), events=events
    )


@given(st.lists(st.uuids(), unique=True, max_size=30), st.uuids(), st.integers(1, 40))
def test_a_sample_can_be_drawn_again_in_any_order(population: list[UUID], key: UUID, size: int):
    drawn = draw(population=population, session_id=key, size=size)
    assert drawn == draw(population=reversed(population), session_id=key, size=size)
    assert len(drawn) == min(size, len(population)) == len(set(drawn))
    assert set(drawn) <= set(population)


def test_every_measure_has_the_same_chance() -> None:
    population = [UUID(int=n) for n in range(10)]
    drawn = [
        m for n in range(2000) for m in draw(population=population, session_id=uuid4(), size=3)
    ]
    counts = [drawn.count(m) for m in population]
    assert min(counts) > 480  # 600 expected, deviation 20
    assert max(counts) < 720


def test_a_pause_is_due_after_a_stretch_of_reading() -> None:
    assert not pause_due(session(), now=NOW + PAUSE_AFTER - timedelta(seconds=1))
    assert pause_due(session(), now=NOW + PAUSE_AFTER)
    paused = SessionEvent(what=Happening.PAUSED, at=NOW + PAUSE_AFTER)
    resumed = SessionEvent(what=Happening.RESUMED, at=NOW + PAUSE_AFTER + timedelta(minutes=5))
    assert not pause_due(session(paused), now=NOW + timedelta(hours=3))
    assert not pause_due(session(paused, resumed), now=resumed.at + timedelta(minutes=44))
    assert pause_due(session(paused, resumed), now=resumed.at + timedelta(minutes=45))
    ended = SessionEvent(what=Happening.ENDED, at=NOW)
    assert not pause_due(session(ended), now=NOW + timedelta(hours=3))

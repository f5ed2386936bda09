"""Demo events of oversight and retention: sessions, recommendations, answers, legal holds, an erasure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from fanal.demo.world import SYSTEM, DemoEvent, World
from fanal.intake.operations.holds import lift_holds, place_hold
from fanal.intake.operations.lifecycle import forget_identities
from fanal.kernel.actors import Actor
from fanal.measures import queries as measured
from fanal.measures.dereferencing.views import list_dereferencings
from fanal.measures.domain.oversight import AnswerVerdict, Happening, RecommendationKind
from fanal.measures.operations import oversight as measures
from fanal.orient.domain.records import Track
from fanal.vault.domain.records import IDENTITY_KINDS
from fanal.vault.operations.erase import erase

_SAMPLE = 5
_MINUTE = timedelta(minutes=1)
_HELD = ("RG-00", "RG-01")


def events() -> list[DemoEvent]:
    """Return the demo events of oversight and retention, with sessions and holds in each state."""
    return [
        DemoEvent(before=timedelta(days=210), play=_named, story="erasure", report="ER-1"),
        DemoEvent(before=timedelta(days=150), play=_erase_name),
        DemoEvent(before=timedelta(days=30), play=_session),
        DemoEvent(before=timedelta(days=20), play=_hold),
        DemoEvent(before=timedelta(days=14), play=_lift_hold),
        DemoEvent(before=timedelta(hours=1), play=_session_of_today),
    ]


def _session(world: World, at: datetime) -> None:
    """Complete an oversight session: a recommendation to correct (followed), another to end (declined)."""
    overseer = world.person("gabrielle", at)
    session_id, sample = _begin(overseer, at)
    # What rests on a request has been played to its end by now: an end that comes between is refused.
    claire = world.person("claire", at)
    rested_on = {act.removal_id for act in list_dereferencings(actor=claire, now=at)}
    first, *others = sample
    second = next(measure_id for measure_id in others if measure_id not in rested_on)
    rest = [measure_id for measure_id in others if measure_id != second]
    for place, measure_id in enumerate(sample, start=1):
        _note(overseer, session_id, Happening.SEEN, at=at + 4 * place * _MINUTE, of=measure_id)
    for measure_id in rest:
        _note(overseer, session_id, Happening.AGREED, at=at + 25 * _MINUTE, of=measure_id)
    correct = measures.recommend(
        actor=overseer,
        measure_id=first,
        kind=RecommendationKind.CORRECT,
        words="La motivation cite le fondement sans dire ce qui a été vu à la seconde adresse.",
        now=at + 30 * _MINUTE,
        session_id=session_id,
    )
    end = measures.recommend(
        actor=overseer,
        measure_id=second,
        kind=RecommendationKind.END,
        words="Le constat joint est ancien : vérifier que la demande est encore utile.",
        now=at + 34 * _MINUTE,
        session_id=session_id,
    )
    _note(overseer, session_id, Happening.ENDED, at=at + 40 * _MINUTE)
    later = at + timedelta(days=1)
    claire = world.person("claire", later)
    for recommendation_id, verdict, words in (
        (correct, AnswerVerdict.FOLLOWED, "Le constat de la seconde adresse est joint au dossier."),
        (end, AnswerVerdict.DECLINED, "Vérifié ce jour : les adresses répondaient à l’envoi."),
    ):
        measures.answer_recommendation(
            actor=claire,
            recommendation_id=recommendation_id,
            verdict=verdict,
            words=words,
            now=later,
        )


def _session_of_today(world: World, at: datetime) -> None:
    """Leave an oversight session open after a pause; a recommendation in it awaits the desk's answer."""
    overseer = world.person("gabrielle", at)
    session_id, sample = _begin(overseer, at)
    _note(overseer, session_id, Happening.SEEN, at=at + 3 * _MINUTE, of=sample[0])
    _note(overseer, session_id, Happening.PAUSED, at=at + 10 * _MINUTE)
    _note(overseer, session_id, Happening.RESUMED, at=at + 25 * _MINUTE)
    measures.recommend(
        actor=overseer,
        measure_id=sample[0],
        kind=RecommendationKind.CORRECT,
        words="Préciser dans la demande la voie de recours et son délai.",
        now=at + 30 * _MINUTE,
        session_id=session_id,
    )


def _begin(overseer: Actor, at: datetime) -> tuple[UUID, Sequence[UUID]]:
    session_id = measures.start_session(actor=overseer, size=_SAMPLE, now=at)
    found = measured.get_session(actor=overseer, session_id=session_id)
    if found is None:
        raise LookupError(str(session_id))
    return session_id, found.sample


def _note(
    overseer: Actor, session_id: UUID, what: Happening, *, at: datetime, of: UUID | None = None
) -> None:
    measures.note_in_session(
        actor=overseer, session_id=session_id, what=what, now=at, measure_id=of
    )


def _hold(world: World, at: datetime) -> None:
    """Place a legal hold on two reports of the story of the ring (`demo.stories`)."""
    claire = world.person("claire", at)
    for name in _HELD:
        place_hold(
            actor=claire,
            report_id=world.find(name),
            motive="Procédure en cours : conserver jusqu’au jugement.",
            now=at,
        )


def _lift_hold(world: World, at: datetime) -> None:
    lift_holds(
        actor=world.person("claire", at),
        report_id=world.find(_HELD[-1]),
        motive="Jugement définitif, pièces rendues.",
        now=at,
    )


def _named(world: World, at: datetime) -> None:
    """Receive a report with the reporter's name, and close it without further action."""
    answers = {
        "danger": "NO",
        "kind": "OTHER",
        "channel": "WEB",
        "service": "Galleo",
        "when": "YESTERDAY",
        "description": "Une affiche de film m’a semblé déplacée à côté d’une école.",
        "contact": "CONTACT",
        "your_name": "Dominique Étoile",
        "your_email": "dominique@mail.example",
    }
    report_id = world.from_form("ER-1", answers, at)
    world.decide(report_id, at + timedelta(hours=6), tracks=(Track.NONE,))


def _erase_name(world: World, at: datetime) -> None:
    """Erase the reporter's identity at their request; the report stays."""
    report_id = world.find("ER-1", sender="")
    erase(
        actor=SYSTEM,
        owner_ids=[report_id],
        now=at,
        kinds=sorted(IDENTITY_KINDS),
        motive="Demande d’effacement de la personne qui avait signalé",
    )
    forget_identities(actor=SYSTEM, report_ids=[report_id])

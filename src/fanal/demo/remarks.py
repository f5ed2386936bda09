"""Demo events of people's own records: notes, saved views of the queue, opened identities."""

from datetime import datetime, timedelta

from fanal.crosscheck.dossiers.queries import dossier_of
from fanal.demo.world import DemoEvent, Play, World
from fanal.harmonise import queries as harmonised
from fanal.harmonise.operations.identity import open_identity, see_opening
from fanal.orient.domain.records import QueueFilter, QueueView, Track
from fanal.orient.operations.notes import note_dossier, note_report
from fanal.orient.queue.operations import save_view

NAMED = "ID-1"
_DAY = timedelta(days=1)
_NOTES: tuple[tuple[str, float, str, str], ...] = (
    # report, days before loading, author, note
    ("RG-11", 8.5, "ana", "Même tournure que dans RG-03 : comparer les deux conversations."),
    ("RG-11", 7.2, "bruno", "Comparé : mêmes fautes, mêmes heures. Le jeu a répondu à la réquisition."),
    ("MI-21", 2.1, "bruno", "L’hébergeur a changé d’adresse dans la nuit ; à revoir avant de décider."),
)  # fmt: skip


def events() -> list[DemoEvent]:
    """Return demo events of notes and saved views, and of a report whose author is called back later."""
    return [
        DemoEvent(before=25 * _DAY, play=_reported_under_a_name, story="identity", report=NAMED),
        *(
            DemoEvent(before=timedelta(days=days), play=_note(report, who, words))
            for report, days, who, words in _NOTES
        ),
        DemoEvent(before=timedelta(hours=22), play=_note_on_the_ring),
        DemoEvent(before=timedelta(hours=21), play=_keep_views),
    ]


def open_identities(world: World, at: datetime) -> None:
    """Disclose a reporter's identity twice: one disclosure already reviewed by another person, one not yet.

    It must not run in one transaction: a disclosure is committed before the identity is displayed.
    """
    claire, first = world.person("claire", at), at - 24 * _DAY
    report_id = world.find(NAMED, sender="")
    if harmonised.openings_of_report(actor=claire, report_id=report_id):
        return
    opened = open_identity(
        actor=world.person("claire", first),
        report_id=report_id,
        motive="Rappel de la personne, à sa demande, pour préciser le nom du salon de discussion.",
        now=first,
    )
    see_opening(
        actor=world.person("gabrielle", first + _DAY),
        opening_id=opened.opening_id,
        now=first + _DAY,
    )
    open_identity(
        actor=world.person("driss", at),
        report_id=report_id,
        motive="Réquisition du parquet : identité de la personne qui a signalé, pour audition.",
        now=at,
    )


def _reported_under_a_name(world: World, at: datetime) -> None:
    answers = {
        "danger": "NO",
        "kind": "GROOMING",
        "channel": "GAME",
        "service": "Starlane",
        "nickname": "comete_rousse",
        "when": "YESTERDAY",
        "description": "Un joueur demande à mon neveu de continuer la discussion ailleurs.",
        "child": "KNOWN",
        "child_age": "12",
        "contact": "CONTACT",
        "your_name": "Alix Fontaine",
        "your_email": "alix@mail.example",
    }
    report_id = world.from_form(NAMED, answers, at)
    world.decide(report_id, at + timedelta(hours=9), tracks=(Track.JUDICIAL,))


def _note(report: str, who: str, words: str) -> Play:
    def play(world: World, at: datetime) -> None:
        note_report(actor=world.person(who, at), report_id=world.find(report), words=words, now=at)

    return play


def _note_on_the_ring(world: World, at: datetime) -> None:
    claire = world.person("claire", at)
    dossier_id = dossier_of(actor=claire, report_id=world.find("RG-11"))
    if dossier_id is None:
        raise LookupError("RG-11")
    note_dossier(
        actor=claire,
        dossier_id=dossier_id,
        words="Réunion avec l’office mineurs jeudi : préparer la liste des pseudonymes par jeu.",
        now=at,
    )


def _keep_views(world: World, at: datetime) -> None:
    """Save a private view of the queue, and one shared with the desk."""
    save_view(
        actor=world.person("ana", at),
        name="Jeux, à prendre",
        view=QueueView.OPEN,
        filters=QueueFilter(kind="GROOMING", channel="GAME"),
        now=at,
    )
    save_view(
        actor=world.person("claire", at),
        name="Chantage en cours",
        view=QueueView.OPEN,
        filters=QueueFilter(kind="SEXTORTION"),
        now=at,
        share_with=1,
    )

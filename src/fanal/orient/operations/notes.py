"""Notes of the desk on reports and dossiers: append-only; their text expires (ADR 0002)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.accounts.domain.policy import Resource, require
from fanal.accounts.queries.people import list_colleagues
from fanal.crosscheck.dossiers.queries import members_of
from fanal.intake.operations.lifecycle import require_unerased
from fanal.intake.queries.reviews import list_unerased
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.kernel.texts import alphabetical, stripped
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.ledger.operations import keyed_digest
from fanal.orient.domain.deciding import UNSTORABLE
from fanal.orient.models import Case, NoteWords, StoredNote
from fanal.orient.notifications.domain import NotificationKind
from fanal.orient.notifications.operations import notify

MAX_NOTE = 10_000


class NothingToNote(LookupError):
    """Error: the queue has no such report, or the dossier no report of the actor's desks."""


def note_report(*, actor: Actor, report_id: UUID, words: str, now: datetime) -> UUID:
    """Write a note on a report and return its id; colleagues whom it names with `@` are notified.

    `words` is its text.

    Raises:
        NothingToNote: no such report in the queue.
        Refused: the actor may not write notes at that desk.
        Refusal: NO_WORDS (blank), TOO_LONG (over `MAX_NOTE` characters), UNREADABLE (a NUL or lone
            surrogate), ERASED (the report is erased).
    """
    desk_id = Case.objects.filter(report_id=report_id).values_list("desk_id", flat=True).first()
    if desk_id is None:
        raise NothingToNote
    require(actor, "report.note", Resource(desk_id=desk_id))
    return _write(actor, [report_id], words, desk_id=desk_id, dossier_id=None, now=now)


def note_dossier(*, actor: Actor, dossier_id: UUID, words: str, now: datetime) -> UUID:
    """Write a note on a dossier and return its id; colleagues whom it names with `@` are notified.

    `words` is its text. It is stored with the reports that the dossier holds now at one desk: the desk of its
    first report within the actor's reach. It follows these reports when dossiers merge or split.

    Raises:
        NothingToNote: the dossier holds no report of the actor's desks.
        Refused: the actor may not write notes at that desk.
        Refusal: NO_WORDS (blank), TOO_LONG (over `MAX_NOTE` characters), UNREADABLE (a NUL or lone
            surrogate), ERASED (all its reports).
    """
    members = members_of(actor=actor, dossier_id=dossier_id)
    desks = dict(
        Case.objects.filter(report_id__in=members)
        .values_list("report_id", "desk_id")
        .order_by("report_id")
    )
    if not desks:
        raise NothingToNote
    desk_id = next(iter(desks.values()))
    require(actor, "dossier.note", Resource(desk_id=desk_id))
    own = [report_id for report_id, desk in desks.items() if desk == desk_id]
    own = list_unerased(actor=system_actor("notes"), report_ids=own) or own
    return _write(actor, own, words, desk_id=desk_id, dossier_id=dossier_id, now=now)


def _write(
    actor: Actor,
    report_ids: Sequence[UUID],
    words: str,
    *,
    desk_id: int,
    dossier_id: UUID | None,
    now: datetime,
) -> UUID:
    with transaction.atomic():
        require_unerased(report_ids=report_ids, of="note")
        kept, *named = store_note(
            actor, report_ids, words, desk_id=desk_id, dossier_id=dossier_id, now=now
        )
        about = [ObjectRef(kind="report", id=report_id) for report_id in report_ids]
        if dossier_id is not None:
            about.append(ObjectRef(kind="dossier", id=dossier_id))
        ledger.record(actor=actor, action="note.write", at=now, objects=[kept, *about, *named])
    return kept.id


def _named(words: str, *, desk_id: int, now: datetime) -> list[UUID]:
    """Return the ids of the people of the desk whom a note names, by `@` and their name, without case and
    accents.

    If one name begins with another, the longest that fits counts; people of the same name are all returned.
    """
    people = list_colleagues(action="report.read", desk_ids=[desk_id], now=now)[desk_id]
    plain = {person_id: _plain(name) for person_id, name in people.items()}
    found: list[UUID] = []
    for after in _plain(words).split("@")[1:]:
        fits = [name for name in plain.values() if _begins(after, name)]
        if fits:
            longest = max(fits, key=len)
            found += [person_id for person_id, name in plain.items() if name == longest]
    return list(dict.fromkeys(found))


def _begins(text: str, name: str) -> bool:
    return bool(name) and text.startswith(name) and not text[len(name) : len(name) + 1].isalnum()


def _plain(text: str) -> str:
    """Return a text without case, accents and doubled spaces, as names are compared."""
    return " ".join(alphabetical(text).partition("\0")[0].split())


def store_note(
    actor: Actor,
    report_ids: Sequence[UUID],
    words: str,
    *,
    desk_id: int,
    now: datetime,
    dossier_id: UUID | None = None,
    to: UUID | None = None,
) -> list[ObjectRef]:
    """Store a note in the caller's transaction, and notify the colleagues whom it names, except `to`.

    `words` is its text, `desk_id` the desk to which it belongs. `to` is the person for whom it is written,
    who is notified by the caller. Returns the note and the people named, as objects for the caller's ledger
    entry. `report_ids` are the reports of the note, `dossier_id` their dossier, None for a note on one
    report.

    Raises:
        Refusal: NO_WORDS (blank), TOO_LONG (over `MAX_NOTE` characters), UNREADABLE (a NUL or lone
            surrogate).
    """
    text = _checked(words)
    note_id = new_id(now)
    digest = keyed_digest(kind="note", object_id=note_id, content=text.encode())
    note = StoredNote.objects.create(
        id=note_id,
        desk_id=desk_id,
        dossier_id=dossier_id,
        report_ids=list(report_ids),
        author_id=actor.person_id,
        written_at=now,
        digest=digest,
    )
    NoteWords.objects.create(note=note, words=text)
    named = [one for one in _named(text, desk_id=desk_id, now=now) if one != to]
    notify(
        kind=NotificationKind.MENTION,
        people=named,
        desk_id=desk_id,
        report_id=report_ids[0],
        dossier_id=dossier_id,
        by_id=actor.person_id,
        now=now,
    )
    people = (ObjectRef(kind="person", id=person_id) for person_id in named)
    return [ObjectRef(kind="note", id=note_id, digest=digest), *people]


def _checked(words: str) -> str:
    text = stripped(words)
    if not text:
        raise Refusal("note", "NO_WORDS")
    if len(text) > MAX_NOTE:
        raise Refusal("note", "TOO_LONG")
    if UNSTORABLE.search(text):
        raise Refusal("note", "UNREADABLE")
    return text

"""Notes on reports and dossiers, within the desks of who reads."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import BooleanField
from django.db.models.expressions import RawSQL

from fanal.accounts.domain.policy import reach
from fanal.kernel.actors import Actor
from fanal.orient import models
from fanal.orient.domain.records import Note
from fanal.orient.queries.bounds import bounded


def notes_of(
    *, actor: Actor, report_ids: Sequence[UUID], dossier: bool = False
) -> tuple[Note, ...]:
    """Return the notes on reports, or (`dossier`) on dossiers that held one of them, oldest first."""
    rows = bounded(
        models.StoredNote.objects.filter(report_ids__overlap=list(report_ids)),
        reach(actor, "report.read"),
    ).filter(dossier_id__isnull=not dossier)
    return tuple(_note(row) for row in rows.select_related("text").order_by("id"))


def search_notes(*, actor: Actor, text: str, limit: int = 50) -> tuple[Note, ...]:
    """Return the newest notes of the actor's desks that hold every word of `text`."""
    if "\x00" in text:
        return ()
    rows = bounded(
        models.StoredNote.objects.filter(
            RawSQL(
                "id IN (SELECT note_id FROM orient_note_words WHERE search"
                " @@ plainto_tsquery('public.harmonise_words', %s))",
                [text],
                output_field=BooleanField(),
            )
        ),
        reach(actor, "search.run"),
    )
    return tuple(_note(row) for row in rows.select_related("text").order_by("-id")[:limit])


def _note(row: models.StoredNote) -> Note:
    return Note(
        id=row.id,
        desk_id=row.desk_id,
        dossier_id=row.dossier_id,
        report_ids=tuple(row.report_ids),
        author_id=row.author_id,
        written_at=row.written_at,
        words=row.text.words if hasattr(row, "text") else None,
    )

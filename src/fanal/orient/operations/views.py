"""Saved views of the queue: personal ones, or views shared with the desk by a supervisor.

They are preferences and hold no report: they can be renamed and deleted, and the ledger does not record them.
"""

import unicodedata
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from fanal.accounts.domain.policy import Refused, Resource, allows, reach, require
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.orient.domain.deciding import UNSTORABLE
from fanal.orient.domain.records import QueueFilter, QueueView
from fanal.orient.models import StoredView

MAX_VIEWS = 20
"""Largest number of views saved by a person, and shared by a desk: a list longer than this is not read."""
MAX_NAME = 60
_LOCK = 0x46_4E_56_57  # "FNVW"; saving is rare, so that one lock serves all


class ViewRefused(ValueError):
    """A view cannot be saved; `code` names the reason (label kind `view_refusal`)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ViewUnknown(LookupError):
    """No such view that the actor may change."""


def save_view(
    *,
    actor: Actor,
    name: str,
    view: QueueView,
    filters: QueueFilter,
    now: datetime,
    share_with: int | None = None,
) -> UUID:
    """Save a view and its filters under a name and return its id.

    `share_with` is the desk that the view is shared with; None for a personal view.

    Raises:
        Refused: the actor may not save views, or may not share them at that desk.
        ViewRefused: NO_NAME, TOO_LONG, UNREADABLE, NAME_TAKEN, TOO_MANY.
    """
    desk_id = share_with if share_with is not None else _own_desk(actor)
    if share_with is None:
        require(actor, "view.keep", Resource(owner_id=actor.person_id))
    else:
        require(actor, "view.share", Resource(desk_id=share_with))
    text = _checked(name)
    row = StoredView(
        id=new_id(now),
        desk_id=desk_id,
        person_id=actor.person_id,
        shared=share_with is not None,
        name=text,
        folded=text.casefold(),
        view=view,
        kind=filters.kind or "",
        channel=filters.channel or "",
        country=filters.country or "",
        level=filters.level or "",
        saved_at=now,
    )
    with transaction.atomic():
        _alone()
        beside = _beside(row)
        _refuse_taken(beside, row.name)
        if beside.count() >= MAX_VIEWS:
            raise ViewRefused("TOO_MANY")
        row.save(force_insert=True)
    return row.id


def rename_view(*, actor: Actor, view_id: UUID, name: str) -> None:
    """Rename a saved view of the queue.

    Raises:
        ViewUnknown: neither the actor's own nor shared at a desk where the actor may share views.
        ViewRefused: NO_NAME, TOO_LONG, UNREADABLE, NAME_TAKEN.
    """
    text = _checked(name)
    with transaction.atomic():
        _alone()
        row = _changeable(actor, view_id)
        _refuse_taken(_beside(row).exclude(id=row.id), text)
        row.name, row.folded = text, text.casefold()
        row.save(update_fields=["name", "folded"])


def delete_view(*, actor: Actor, view_id: UUID) -> None:
    """Delete a saved view of the queue.

    Raises:
        ViewUnknown: neither the actor's own nor shared at a desk where the actor may share views.
    """
    _changeable(actor, view_id).delete()


def _own_desk(actor: Actor) -> int:
    """Return the desk that a personal view is stored under: the smallest id where the actor lists reports.

    Raises:
        Refused: the actor lists reports at no particular desk.
    """
    desks = reach(actor, "report.list").desk_ids
    if not desks:
        raise Refused("view.keep", allows(actor, "view.keep").reason_code)
    return min(desks)


def _changeable(actor: Actor, view_id: UUID) -> StoredView:
    row = StoredView.objects.filter(id=view_id).first()
    if row is None:
        raise ViewUnknown
    action = "view.share" if row.shared else "view.keep"
    about = Resource(desk_id=row.desk_id) if row.shared else Resource(owner_id=row.person_id)
    if not allows(actor, action, about).allowed:
        raise ViewUnknown
    return row


def _beside(row: StoredView) -> QuerySet[StoredView]:
    """Return the saved views among which a name is unique: those shared with the desk, or the person's own.

    `row`: the view to be named.
    """
    rows = StoredView.objects.filter(desk_id=row.desk_id, shared=row.shared)
    return rows if row.shared else rows.filter(person_id=row.person_id)


def _refuse_taken(rows: QuerySet[StoredView], name: str) -> None:
    if rows.filter(folded=name.casefold()).exists():
        raise ViewRefused("NAME_TAKEN")


def _alone() -> None:
    """Take a lock until the end of the transaction, so that the limit and unique names hold."""
    sql.run("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _checked(name: str) -> str:
    text = unicodedata.normalize("NFC", " ".join(name.split()))
    if not text:
        raise ViewRefused("NO_NAME")
    if len(text) > MAX_NAME:
        raise ViewRefused("TOO_LONG")
    if UNSTORABLE.search(text):
        raise ViewRefused("UNREADABLE")
    return text

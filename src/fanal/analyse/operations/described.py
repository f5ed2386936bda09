"""What is said of a list of known material as a whole: made with it, or told anew."""

from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from fanal import reference
from fanal.accounts import queries as accounts
from fanal.accounts.domain.policy import require
from fanal.analyse import queries
from fanal.analyse.domain.lists import ListAttributes, ListsRefused, check_attributes
from fanal.analyse.operations.changes import tell_change, touch_list
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.ids import new_id
from fanal.reference.records import ListBasis


def create_list(*, actor: Actor, name: str, attributes: ListAttributes, now: datetime) -> UUID:
    """Make an empty list with its attributes and return its id.

    Raises:
        Refused: the actor keeps no lists.
        ListsRefused: `NAME`, `CONFIDENCE`, `WORDS`, `BASIS`, `OWNER`, or `EXISTS`.
    """
    require(actor, "list.keep")
    _check(name, attributes, now)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO analyse_list (id, name, changed_at) VALUES (%s, %s, %s)"
            " ON CONFLICT (name) DO NOTHING RETURNING id",
            [new_id(now), name, now],
        )
        row = cursor.fetchone()
        if row is None:
            raise ListsRefused("EXISTS")
        _describe(row[0], attributes)
        tell_change(actor, "list.change", row[0], count=0, now=now)
    return UUID(str(row[0]))


def describe_list(*, actor: Actor, name: str, attributes: ListAttributes, now: datetime) -> None:
    """Give a list other attributes; its entries keep the scope with which they came.

    Raises:
        Refused: the actor keeps no lists.
        ListsRefused: as `create_list`, or `NOT_FOUND`.
    """
    require(actor, "list.keep")
    _check(name, attributes, now)
    with transaction.atomic():
        listed = queries.find_list(name=name)
        if listed is None:
            raise ListsRefused("NOT_FOUND")
        if listed.attributes == attributes:
            return
        _describe(listed.id, attributes)
        touch_list(listed.id, now=now)
        tell_change(actor, "list.change", listed.id, count=0, now=now)


def _check(name: str, attributes: ListAttributes, now: datetime) -> None:
    check_attributes(name, attributes)
    basis = attributes.legal_basis
    on = paris_day(now)
    if basis and not reference.load().versions(ListBasis, basis, first=on.min, last=on):
        raise ListsRefused("BASIS")
    owner = attributes.owner_id
    if owner is not None and not accounts.partner_names(partner_ids=[owner]):
        raise ListsRefused("OWNER")


def _describe(list_id: UUID, attributes: ListAttributes) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE analyse_list SET owner_id = %s, scheme = %s, category = %s, confidence = %s,"
            " legal_basis = %s, scope = %s, sharing = %s, description = %s WHERE id = %s",
            [
                attributes.owner_id,
                attributes.scheme,
                attributes.category,
                attributes.confidence,
                attributes.legal_basis,
                attributes.scope,
                attributes.sharing,
                attributes.description,
                list_id,
            ],
        )

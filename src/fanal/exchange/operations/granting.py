"""Grants: which lists a member organisation may read now, since when, and which it must delete."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection
from msgspec import Struct, structs

from fanal import reference
from fanal.accounts.domain.instructions import InstructionKind, StandingInstruction
from fanal.accounts.domain.policy import Resource, require
from fanal.accounts.queries.instructions import standing_for_each
from fanal.accounts.queries.people import organisation_kind, partner_names
from fanal.analyse.material.domain.lists import ListFacts
from fanal.analyse.material.queries.lists import get_lists
from fanal.exchange import queries
from fanal.exchange.domain.feed import OpenList
from fanal.exchange.domain.records import Grant, GrantState, Service, SharedList
from fanal.exchange.domain.sharing import may_receive
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.ids import instant_of
from fanal.reference.records import ListBasis


class _Granted(Struct, frozen=True, kw_only=True):
    """A list that is or was open to a member organisation, with its grant and standing instruction."""

    facts: ListFacts
    grant: Grant
    instruction: StandingInstruction

    def shared(self, *, anew: bool = True, gone_at: int | None = None) -> SharedList:
        """Return the list as it is served: all its entries at the feed's place of its grant.

        A place is the number of a change. Without `anew`, the entries keep their own places in the feed; with
        `gone_at`, the list is revoked at that place.
        """
        since = (self.grant.since if anew else 0) if gone_at is None else gone_at
        opened = OpenList(list_id=self.facts.id, since=since, gone=gone_at is not None)
        return SharedList(facts=self.facts, open=opened, instruction=self.instruction)


def open_lists(*, actor: Actor, now: datetime) -> list[SharedList]:
    """Return the lists that a member organisation (`actor`) may read now, by name; store new grants.

    A list needs a legal basis in force, a sharing limit that includes the member, and a standing instruction
    that covers it and names the member; an instruction for named lists only covers lists older than its
    approval. A member to which a list is granted later, or again, receives all of it. Changed grants are
    stored too.

    Raises:
        Refused: the actor is no member organisation.
    """
    return [one.shared() for one in _granted(actor, now=now) if _is_open(one)]


def told_lists(*, actor: Actor, service: Service, now: datetime) -> list[SharedList]:
    """Return the lists to serve to a member organisation: the open ones, then the revoked, for deletion.

    A revoked list is served if the member had begun to read it over this service. Over hash sharing, where
    readers store entries by owner, a list is also revoked under each former owner. Deletions (tombstones) too
    require a standing instruction. A TAXII collection is read by the dates of its entries; if it is granted
    again, all its entries count as changed then.

    Raises:
        Refused: the actor is no member organisation.
    """
    granted = _granted(actor, now=now)
    assert actor.partner_id is not None  # noqa: S101 - checked by the policy
    began = queries.reading_since(partner_id=actor.partner_id, service=service)
    told, gone = [], []
    for one in granted:
        first = began.get(one.facts.id if service is Service.TAXII else None)
        read_before = first is not None and first < one.grant.at
        if _is_open(one):
            told.append(one.shared(anew=read_before or service is Service.HASHSHARING))
        elif read_before:
            gone.append(one.shared(gone_at=one.grant.since))
    told += gone
    if service is Service.TAXII or not began:
        return told
    return list(_under_former_owners(told, granted))


def _under_former_owners(
    told: Sequence[SharedList], granted: Sequence[_Granted]
) -> Iterator[SharedList]:
    """Yield the lists `told` to a member with their former owners, then revocations for each former owner.

    The latter are the granted lists, each under its former owner and marked as revoked.

    A reader that stores entries by owner thereby deletes the entries of a former owner.
    """
    by_id = {one.facts.id: one for one in granted}
    former = queries.former_owners(list_ids=list(by_id))
    for shared in told:
        before = {
            f.owner_id for f in former if f.list_id == shared.id and f.place < shared.open.since
        }
        yield structs.replace(
            shared, former_owners=tuple(before - {shared.facts.attributes.owner_id})
        )
    for one in former:
        shared = by_id[one.list_id].shared(gone_at=one.place)
        said = structs.replace(shared.facts.attributes, owner_id=one.owner_id)
        yield structs.replace(shared, facts=structs.replace(shared.facts, attributes=said))


def _is_open(one: _Granted) -> bool:
    return one.grant.state is GrantState.OPEN


def _granted(actor: Actor, *, now: datetime) -> list[_Granted]:
    """Return the lists, by name, that an organisation may read or could read formerly; store its grants.

    Paused lists (without standing instruction) are stored and not returned, nor are lists that the member may
    not read and never could.

    Raises:
        Refused: the actor is no member organisation.
    """
    require(actor, "list.receive", Resource(partner_id=actor.partner_id))
    assert actor.partner_id is not None  # noqa: S101 - checked by the policy
    body = organisation_kind(organisation_id=actor.partner_id)
    name = partner_names(partner_ids=[actor.partner_id]).get(actor.partner_id, "")
    held = queries.grants_of(partner_id=actor.partner_id)
    states: dict[UUID, GrantState] = {}
    found: list[tuple[ListFacts, StandingInstruction]] = []
    listed = sorted(get_lists().values(), key=lambda facts: facts.name)
    running = standing_for_each(
        kind=InstructionKind.LIST_SERVICE,
        scopes=[facts.name for facts in listed],
        now=now,
        member=name,
        since={facts.name: instant_of(facts.id) for facts in listed},
    )
    for facts in listed:
        may = (
            body is not None
            and may_receive(facts.attributes, body=body)
            and _is_in_force(facts.attributes.legal_basis, now)
        )
        if not may and facts.id not in held:
            continue
        under = running.get(facts.name)
        if under is not None:
            states[facts.id] = GrantState.OPEN if may else GrantState.CLOSED
            found.append((facts, under))
        elif facts.id in held:
            states[facts.id] = GrantState.PAUSED
    kept = _keep(actor.partner_id, states, held, now=now)
    return [
        _Granted(facts=facts, grant=kept[facts.id], instruction=under) for facts, under in found
    ]


def _is_in_force(basis: str, now: datetime) -> bool:
    return reference.load().by_code(ListBasis, basis, paris_day(now)) is not None


def _keep(
    partner_id: UUID,
    states: Mapping[UUID, GrantState],
    held: Mapping[UUID, Grant],
    *,
    now: datetime,
) -> Mapping[UUID, Grant]:
    """Store the state of each list for an organisation (`states`, by list id); return its grants by list id.

    A change of state gets a new place (number of a change) in the feed. `held` are the grants stored before,
    by list id.
    """
    fresh = [list_id for list_id in states if list_id not in held]
    moved = [(state, i) for i, state in states.items() if i in held and held[i].state is not state]
    if not fresh and not moved:
        return held
    with connection.cursor() as cursor:
        for state, list_id in moved:
            cursor.execute(
                "UPDATE exchange_grant SET state = %s, since_seq = exchange_take(1), since = %s"
                " WHERE partner_id = %s AND list_id = %s AND state <> %s",
                [state, now, partner_id, list_id, state],
            )
        cursor.execute(
            "SELECT EXISTS (SELECT FROM exchange_reading WHERE partner_id = %s AND responses > 0)",
            [partner_id],
        )
        [(has_read,)] = cursor.fetchall()
        for list_id in fresh:  # a member that has read nothing yet needs no replay of older rows
            cursor.execute(
                "INSERT INTO exchange_grant (partner_id, list_id, since_seq, since) VALUES"
                " (%s, %s, CASE WHEN %s THEN exchange_take(1) ELSE 0 END, %s) ON CONFLICT DO NOTHING",
                [partner_id, list_id, has_read, now],
            )
    return queries.grants_of(partner_id=partner_id)

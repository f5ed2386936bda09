"""Read operations of deconfliction: other organisations, rounds of comparison, withheld dossiers, matches."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection

from fanal.accounts.domain.instructions import InstructionKind, StandingInstruction
from fanal.accounts.domain.policy import Reach, Resource, may, reach, require
from fanal.accounts.queries.instructions import standing_in_force
from fanal.db import sql
from fanal.deconfliction.domain.limits import SharingLimits
from fanal.deconfliction.domain.names import resembles
from fanal.deconfliction.domain.records import (
    Counterpart,
    CounterpartHit,
    HitState,
    HitStep,
    MessageKind,
    NewCounterpart,
    Round,
    RoundState,
    Side,
    Sign,
)
from fanal.harmonise.domain.records import SelectorKind, SelectorRole
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.texts import alphabetical

# Counterparts with the limits in force, and the points that each has sent.

_COLUMNS = (
    "id", "name", "our_name", "contact", "public_key", "organisation_id", "url", "login", "secret_id",
    "every_hours", "daily_points", "added_at", "keyed_at", "closed_at",
)  # fmt: skip
_SELECT = (
    f"SELECT {', '.join('c.' + name for name in _COLUMNS)}, l.kinds, l.roles, l.desk_ids, l.months"  # noqa: S608
    " FROM deconfliction_counterpart c CROSS JOIN LATERAL (SELECT kinds, roles, desk_ids, months"
    " FROM deconfliction_limit l WHERE l.counterpart_id = c.id ORDER BY l.id DESC LIMIT 1) l"
)

BEARS_NAME = (
    "EXISTS (SELECT FROM unnest(c.former_names || c.name::text) AS bears (name)"
    r" WHERE lower(regexp_replace(bears.name, '\s', '', 'g'))"
    r" = lower(regexp_replace(%(name)s, '\s', '', 'g')))"
)
"""Condition (SQL): the counterpart `c` has or had the name `name`, whatever its case and blanks."""


def list_counterparts(*, actor: Actor) -> list[Counterpart]:
    """Return every counterpart (organisation with which identifiers are compared).

    Open ones come first, by name, then closed ones.

    Raises:
        Refused: the actor may not read counterparts.
    """
    require(actor, "deconfliction.read")
    found = _rows("", [])
    return sorted(found, key=lambda c: (c.closed_at is not None, alphabetical(c.name), c.id))


def get_counterpart(*, actor: Actor, counterpart_id: UUID) -> Counterpart | None:
    """Return a counterpart (organisation with which identifiers are compared) by its id, None if unknown.

    Raises:
        Refused: the actor may not read counterparts.
    """
    require(actor, "deconfliction.read")
    return next(iter(_rows("WHERE c.id = %s", [counterpart_id])), None)


def find_counterpart(*, name: str, our_name: str | None = None) -> Counterpart | None:
    """Return the open counterpart (organisation with which identifiers are compared) of that name, or None.

    With `our_name`, only if it knows us by that name.
    """
    found = _rows("WHERE c.name = %s AND c.closed_at IS NULL", [name])
    return next((c for c in found if our_name is None or c.our_name == our_name), None)


def similar_counterparts(
    *, actor: Actor, wanted: NewCounterpart, same_key: bool = False
) -> list[Counterpart]:
    """Return the counterparts, open or closed, that may be the organisation `wanted`, not yet registered.

    A counterpart is included if it has the same contact (case and blanks do not count), address or
    `organisation_id` as `wanted`; if it has or had its key; or if it has or had a name that resembles its
    name (`resembles`). With `same_key`, only counterparts that have or had its key are included.

    Raises:
        Refused: the actor may not read counterparts.
    """
    require(actor, "deconfliction.read")
    names = sql.rows("SELECT id, former_names || name::text FROM deconfliction_counterpart")
    alike = [one for one, had in names if any(resembles(name, wanted.name) for name in had)]
    return _rows(
        "WHERE c.public_key = %(key)s OR EXISTS (SELECT FROM deconfliction_former_key k"
        " WHERE k.counterpart_id = c.id AND k.public_key = %(key)s) OR NOT %(same_key)s AND ("
        r" c.id = ANY(%(alike)s::uuid[]) OR lower(regexp_replace(c.contact, '\s', '', 'g'))"
        r" = lower(regexp_replace(%(contact)s, '\s', '', 'g'))"
        " OR c.url <> '' AND c.url = %(url)s OR c.organisation_id = %(organisation)s::uuid)"
        " ORDER BY c.closed_at DESC NULLS FIRST",
        {
            "key": wanted.public_key,
            "same_key": same_key,
            "alike": alike,
            "contact": wanted.contact,
            "url": wanted.url,
            "organisation": wanted.organisation_id,
        },
    )


def standing_with(*, counterpart: Counterpart, now: datetime) -> StandingInstruction | None:
    """Return the standing instruction in force that permits comparisons with `counterpart`, or None.

    A counterpart is another organisation. An instruction approved before the registration of its present key
    does not count, even if it covers all counterparts: two people approve comparisons for each key.
    """
    return standing_in_force(
        kind=InstructionKind.DECONFLICTION,
        scope=counterpart.name,
        now=now,
        since=counterpart.keyed_at,
    )


def public_key() -> bytes | None:
    """Return the current public key of this installation (Ed25519, 32 bytes); None before the first."""
    return next((key for key, _since in own_keys()), None)


def own_keys() -> list[tuple[bytes, datetime]]:
    """Return every public key (Ed25519, 32 bytes) that this installation has had, newest first.

    The result is a list of (key, start of its use).
    """
    found = sql.rows(
        "SELECT public_key, made_at FROM deconfliction_identity"
        " ORDER BY made_at DESC, object_id DESC"
    )
    return [(bytes(key), made_at) for key, made_at in found]


def asked_on(*, counterpart_ids: Iterable[UUID], now: datetime) -> dict[UUID, int]:
    """Return how many points (blinded identifiers) each organisation sent us on the day of `now`.

    Those of comparisons begun on that day, in Paris time, by organisation id; `counterpart_ids` are the
    organisations. Every point is a possible guess of an identifier, hence the daily quota. An organisation
    without comparisons on that day has no key.
    """
    found = sql.rows(
        "SELECT r.counterpart_id, sum(r.asked) FROM deconfliction_round r"
        " WHERE r.counterpart_id = ANY(%s::uuid[])"
        " AND (r.started_at AT TIME ZONE 'Europe/Paris')::date = %s GROUP BY 1",
        [list(counterpart_ids), paris_day(now)],
    )
    return {counterpart_id: int(asked) for counterpart_id, asked in found}


def begun_on(*, counterpart_id: UUID, now: datetime) -> int:
    """Return how many rounds of private set intersection a counterpart has begun with us on the day of `now`.

    A counterpart is another organisation; the day is that of Paris.
    """
    found = sql.one(
        "SELECT count(*) FROM deconfliction_round r WHERE r.counterpart_id = %s"
        " AND r.side = 'ANSWERING' AND (r.started_at AT TIME ZONE 'Europe/Paris')::date = %s",
        [counterpart_id, paris_day(now)],
    )
    return int(found[0])


def _rows(
    rest: str,
    parameters: list[str | UUID] | dict[str, str | bytes | bool | UUID | list[UUID] | None],
) -> list[Counterpart]:
    return [_counterpart(row) for row in sql.rows(f"{_SELECT} {rest}", parameters)]


def _counterpart(row: tuple[object, ...]) -> Counterpart:
    named = dict(zip(_COLUMNS, row[: len(_COLUMNS)], strict=True))
    kinds, roles, desks, months = row[len(_COLUMNS) :]
    limits = SharingLimits(
        kinds=tuple(SelectorKind(kind) for kind in kinds),  # type: ignore[attr-defined]
        roles=tuple(SelectorRole(role) for role in roles),  # type: ignore[attr-defined]
        desk_ids=tuple(desks),  # type: ignore[arg-type]
        months=int(str(months)),
    )
    key = bytes(named.pop("public_key"))  # type: ignore[call-overload]
    return Counterpart(**named, public_key=key, limits=limits)  # type: ignore[arg-type]


# Matches, restricted to the desks that have reports in them.

_Value = bool | int | UUID | list[int] | list[UUID] | list[HitState]
_HELD = (
    " EXISTS (SELECT FROM deconfliction_hit_report o WHERE o.hit_id = h.id"
    " AND (%(all)s OR o.desk_id = ANY(%(desks)s::int[])))"
)
_HITS_SELECT = """
    SELECT h.id, h.counterpart_id, c.name, c.contact, h.key, h.state, h.met_at, h.last_met_at,
        h.changed_at, ARRAY(SELECT o.report_id FROM deconfliction_hit_report o WHERE o.hit_id = h.id
            AND (%(all)s OR o.desk_id = ANY(%(desks)s::int[])) ORDER BY o.report_id DESC LIMIT 1000)
    FROM deconfliction_hit h JOIN deconfliction_counterpart c ON c.id = h.counterpart_id
"""


def list_hits(
    *, actor: Actor, states: Sequence[HitState] = tuple(HitState), limit: int = 200
) -> list[CounterpartHit]:
    """Return the matches (identifiers that another organisation holds too) with reports of the actor's desks.

    Sorted by state (NEW, REOPENED, CONTACTED, CLOSED), then by latest change, newest first. The result is
    empty for an actor who may read none.
    """
    bounds = reach(actor, "hit.read")
    if bounds.empty:
        return []
    found = sql.rows(
        f"{_HITS_SELECT} WHERE h.state = ANY(%(states)s) AND {_HELD}"
        " ORDER BY array_position(ARRAY['NEW', 'REOPENED', 'CONTACTED', 'CLOSED'], h.state),"
        " h.changed_at DESC, h.id LIMIT %(limit)s",
        _bounded(bounds) | {"states": list(states), "limit": limit},
    )
    return [_hit(row) for row in found]


def get_hit(*, actor: Actor, hit_id: UUID) -> CounterpartHit | None:
    """Return a match (an identifier that another organisation holds too) with reports of the actor's desks.

    The result is None if unknown or without such reports.
    """
    bounds = reach(actor, "hit.read")
    if bounds.empty:
        return None
    row = sql.row(
        f"{_HITS_SELECT} WHERE h.id = %(hit)s AND {_HELD}", _bounded(bounds) | {"hit": hit_id}
    )
    return None if row is None else _hit(row)


def steps_of(*, actor: Actor, hit_id: UUID) -> list[HitStep]:
    """Return the events in the life of a match, newest first; empty if the actor may not read the match.

    A match (`hit_id`) is an identifier that another organisation also holds.
    """
    if get_hit(actor=actor, hit_id=hit_id) is None:
        return []
    found = sql.rows(
        "SELECT s.move, s.state, s.author_id, s.at, coalesce(w.words, '')"
        " FROM deconfliction_step s LEFT JOIN deconfliction_step_words w ON w.step_id = s.id"
        " WHERE s.hit_id = %s ORDER BY s.id DESC",
        [hit_id],
    )
    return [
        HitStep(move=row[0], state=HitState(row[1]), author_id=row[2], at=row[3], words=row[4])
        for row in found
    ]


def signs_of(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, list[Sign]]:
    """Return, by report id, the matches of a report: its identifiers that other organisations also hold.

    Each names the organisation and its contact. Reports without a match, or at desks whose matches the actor
    may not read, have no key.
    """
    bounds = reach(actor, "hit.read")
    if bounds.empty or not report_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT o.report_id, h.id, c.name, c.contact, h.state FROM deconfliction_hit_report o"
            " JOIN deconfliction_hit h ON h.id = o.hit_id"
            " JOIN deconfliction_counterpart c ON c.id = h.counterpart_id"
            " WHERE o.report_id = ANY(%(reports)s::uuid[])"
            " AND (%(all)s OR o.desk_id = ANY(%(desks)s::int[])) ORDER BY h.met_at, h.id",
            _bounded(bounds) | {"reports": list(report_ids)},
        )
        found: dict[UUID, list[Sign]] = {}
        for report_id, hit_id, name, contact, state in cursor.fetchall():
            sign = Sign(hit_id=hit_id, counterpart=name, contact=contact, state=HitState(state))
            found.setdefault(report_id, []).append(sign)
    return found


def _bounded(bounds: Reach) -> dict[str, _Value]:
    return {"all": bounds.everywhere, "desks": sorted(bounds.desk_ids)}


def _hit(row: tuple) -> CounterpartHit:  # type: ignore[type-arg]
    return CounterpartHit(
        id=row[0],
        counterpart_id=row[1],
        counterpart=row[2],
        contact=row[3],
        key=row[4],
        state=HitState(row[5]),
        met_at=row[6],
        last_met_at=row[7],
        changed_at=row[8],
        report_ids=tuple(row[9]),
    )


# Rounds with their counts, and their stored messages.

_ROUNDS_COLUMNS = (
    "id", "counterpart_id", "side", "state", "instruction_id", "started_at", "expires_at", "closed_at",
    "held", "shown", "asked", "met", "error",
)  # fmt: skip
_ROUNDS_SELECT = (
    f"SELECT {', '.join('r.' + name for name in _ROUNDS_COLUMNS)} FROM deconfliction_round r"  # noqa: S608
)


def list_rounds(
    *, actor: Actor, counterpart_id: UUID | None = None, limit: int = 100
) -> list[Round]:
    """Return the latest rounds of private set intersection, with one organisation or with all (None).

    They come newest first, at most `limit`.

    Raises:
        Refused: the actor may not read rounds.
    """
    require(actor, "deconfliction.read")
    return _rounds_where(
        "WHERE %s::uuid IS NULL OR r.counterpart_id = %s ORDER BY r.started_at DESC, r.id DESC LIMIT %s",
        [counterpart_id, counterpart_id, limit],
    )


def open_rounds(
    *, actor: Actor, state: RoundState, counterpart_id: UUID | None = None
) -> list[Round]:
    """Return the open rounds in a given state, with one organisation or (None) all, oldest first.

    A round is one run of private set intersection.

    Raises:
        Refused: the actor may not run rounds.
    """
    require(actor, "deconfliction.run")
    return _rounds_where(
        "WHERE r.state = %s AND r.closed_at IS NULL AND (%s::uuid IS NULL OR r.counterpart_id = %s)"
        " ORDER BY r.started_at, r.id",
        [state, counterpart_id, counterpart_id],
    )


def get_round(*, actor: Actor, round_id: UUID) -> Round | None:
    """Return a round of private set intersection by its id, None if unknown.

    A program of an organisation may read only rounds that it began.

    Raises:
        Refused: the actor may not read rounds.
    """
    if not may(actor, "deconfliction.read"):
        require(actor, "deconfliction.exchange", Resource(partner_id=actor.partner_id))
        where = (
            "JOIN deconfliction_counterpart c ON c.id = r.counterpart_id AND c.organisation_id = %s"
            " AND c.closed_at IS NULL WHERE r.id = %s AND r.side = 'ANSWERING'"
        )
        return next(iter(_rounds_where(where, [actor.partner_id, round_id])), None)
    return next(iter(_rounds_where("WHERE r.id = %s", [round_id])), None)


def message_body(*, round_id: UUID, kind: MessageKind) -> bytes | None:
    """Return the signed bytes of the message of `kind` in a round of private set intersection.

    The result is None if there is no such message, or its bytes were erased. The caller has checked access
    with `get_round`.
    """
    row = sql.row(
        "SELECT m.body FROM deconfliction_message m WHERE m.round_id = %s AND m.kind = %s",
        [round_id, kind],
    )
    return None if row is None or row[0] is None else bytes(row[0])


def is_undelivered(*, round_id: UUID) -> bool:
    """Return whether our conclusion, the last message of a round of comparison, is yet to be delivered."""
    found = sql.one(
        "SELECT EXISTS (SELECT FROM deconfliction_message m WHERE m.round_id = %s"
        " AND m.kind = 'CONCLUSION' AND m.ours AND m.delivered_at IS NULL AND m.body IS NOT NULL)",
        [round_id],
    )
    return bool(found[0])


def last_started(*, counterpart_id: UUID) -> datetime | None:
    """Return when this desk last began a round of private set intersection with a counterpart.

    A counterpart is another organisation. The result is None if the desk never did.
    """
    given = sql.one(
        "SELECT max(started_at) FROM deconfliction_round"
        " WHERE counterpart_id = %s AND side = 'OFFERING'",
        [counterpart_id],
    )
    found: datetime | None = given[0]
    return found


def _rounds_where(rest: str, parameters: Sequence[str | int | UUID | None]) -> list[Round]:
    return [_round(row) for row in sql.rows(f"{_ROUNDS_SELECT} {rest}", parameters)]


def _round(row: tuple[object, ...]) -> Round:
    found = dict(zip(_ROUNDS_COLUMNS, row, strict=True))
    sides = {"side": Side(str(found["side"])), "state": RoundState(str(found["state"]))}
    return Round(**found | sides)  # type: ignore[arg-type]

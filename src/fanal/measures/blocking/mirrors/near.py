"""Mirrors under decisions of courts that may be the same: the same number, or the same court and day."""

from uuid import UUID

from fanal.casework import queries as casework
from fanal.casework.domain.records import Act
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.measures.blocking.kind import BEFORE_LISTING, BLOCKS
from fanal.measures.blocking.mirrors.kind import MIRROR
from fanal.measures.models import StoredBlocking


def same_decision(act_id: UUID) -> list[UUID]:
    """Return the ids of the desk's other mirrors under the same court decision as a mirror.

    The number of the decision is the same, and the courts do not clearly differ. No right is checked.
    """
    return [other for other, same in _near(act_id) if same]


def open_near(*, actor: Actor, act_id: UUID) -> tuple[tuple[Act, str], ...]:
    """Return the open mirrors that may be under the same decision as a mirror lifted for its early end.

    Each is a pair (act, host name), if the actor may read it. Empty if the mirror `act_id` was not lifted
    because its decision ended.
    """
    if not StoredBlocking.objects.filter(act_id=act_id).exclude(decision_ended="").exists():
        return ()
    states = BEFORE_LISTING | BLOCKS
    return tuple(one for one in _read(actor, act_id) if one[0].state in states)


def ends_near(*, actor: Actor, act_id: UUID) -> tuple[tuple[Act, str], ...]:
    """Return the mirrors, lifted for the early end of their decision, that may share it with an open mirror.

    Each is a pair (act, host name, "" once expired), if the actor may read it. Empty if the mirror `act_id`
    neither blocks its name nor may still come to do so.
    """
    states = [str(state) for state in BEFORE_LISTING | BLOCKS]
    (is_open,) = sql.one(
        "SELECT EXISTS (SELECT FROM casework_act WHERE id = %s AND state = ANY (%s))",
        [act_id, states],
    )
    if not is_open:
        return ()
    found = _read(actor, act_id)
    rows = StoredBlocking.objects.filter(act_id__in=[act.id for act, _ in found])
    ended = set(rows.exclude(decision_ended="").values_list("act_id", flat=True))
    return tuple(one for one in found if one[0].id in ended)


def _read(actor: Actor, act_id: UUID) -> list[tuple[Act, str]]:
    ids = [other for other, _ in _near(act_id)]
    acts = casework.get_acts(actor=actor, lifecycle=MIRROR, act_ids=ids)
    hosts = dict(StoredBlocking.objects.filter(act_id__in=ids).values_list("act_id", "host"))
    return [(acts[one], hosts.get(one, "")) for one in ids if one in acts]


def _near(act_id: UUID) -> list[tuple[UUID, bool]]:
    return [(one, bool(same)) for one, same in sql.rows(_NEAR, [act_id])]


_NEAR = "SELECT other, same FROM measures_mirrors_near(%s)"

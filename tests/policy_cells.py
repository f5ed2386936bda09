"""The cells of the rights matrix, and the table of what each one must answer.

`policy_table.txt` is written by hand, apart from `policy.toml`: the policy is what Fanal does, the table is
what was agreed. Both the unit test and the walk over every route compare the two, so that a rule that
is deleted, widened or narrowed turns them red. A change of rights is a change of both files.
"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from uuid import UUID

from fanal.accounts.domain.policy import NOTHING, Policy, Resource, allows
from fanal.kernel.actors import Actor, Role

TABLE = Path(__file__).with_name("policy_table.txt")

PERSON = UUID(int=1)
SOMEBODY = UUID(int=2)
OWN_PARTNER = UUID(int=10)
OTHER_PARTNER = UUID(int=11)

CELLS: dict[str, Resource] = {
    "none": NOTHING,
    "own": Resource(desk_id=1, owner_id=SOMEBODY),
    "other_desk": Resource(desk_id=2, owner_id=SOMEBODY),
    "own_partner": Resource(desk_id=3, partner_id=OWN_PARTNER, owner_id=SOMEBODY),
    "other_partner": Resource(desk_id=3, partner_id=OTHER_PARTNER, owner_id=SOMEBODY),
    "sealed": Resource(desk_id=1, owner_id=SOMEBODY, sealed=True),
    "mine": Resource(desk_id=1, owner_id=PERSON),
}

DESK_ROLES = {Role.ANALYST, Role.SUPERVISOR, Role.JUDICIAL_OFFICER, Role.MEASURES_OFFICER}
OF_A_BODY = {Role.PARTNER, Role.LABORATORY}


def actor_as(role: Role, *, motive: str = "a stated motive") -> Actor:
    """Return a person of desk 1 or of the own partner, who holds one role."""
    return Actor(
        person_id=PERSON,
        roles=frozenset({role}),
        role_desks=frozenset({(role, 1)}) if role in DESK_ROLES else frozenset(),
        partner_id=OWN_PARTNER if role in OF_A_BODY else None,
        motive=motive,
    )


def table_of(policy: Policy, actions: Iterable[str] | None = None) -> list[str]:
    """Return the lines of the table for `policy`: `action ROLE cell,cell`; those of some actions, or of all."""
    lines = []
    for action in sorted(policy.actions if actions is None else actions):
        for role in Role:
            cells = [
                name
                for name, resource in CELLS.items()
                if allows(actor_as(role), action, resource, policy=policy).allowed
            ]
            if cells:
                lines.append(f"{action} {role} {','.join(cells)}")
    return lines


@cache
def agreed() -> dict[tuple[str, Role], frozenset[str]]:
    """Return the cells that each role is allowed under each action, as agreed."""
    answers = {}
    for line in TABLE.read_text("utf-8").splitlines():
        action, role, cells = line.split(" ")
        answers[action, Role(role)] = frozenset(cells.split(","))
    return answers

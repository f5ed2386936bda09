"""What a walker holds: one role at desk 1, or different roles at two desks, and the cells that they reach."""

from fanal.kernel.actors import Role
from tests.policy_cells import OF_A_BODY, agreed

TWO_DESKS: dict[str, tuple[tuple[Role, int], ...]] = {
    "measures-1-supervisor-2": ((Role.MEASURES_OFFICER, 1), (Role.SUPERVISOR, 2)),
    "supervisor-1-judicial-2": ((Role.SUPERVISOR, 1), (Role.JUDICIAL_OFFICER, 2)),
    "laboratory-analyst-2": ((Role.LABORATORY, 1), (Role.ANALYST, 2)),
}
"""People with different roles at two desks; a laboratory's role is of no desk."""

Walker = Role | str | None
AT_DESK_2 = frozenset({"other_desk", "other_partner"})


def held(walker: Walker) -> tuple[tuple[Role, int], ...]:
    """Return the roles of a walker and their desks."""
    if isinstance(walker, Role):
        return ((walker, 1),)
    return TWO_DESKS[walker] if walker is not None else ()


def rights(walker: Walker, action: str) -> frozenset[str]:
    """Return the cells of the world on which a walker may do `action`, as agreed."""
    return frozenset[str]().union(*(_of(role, desk, action) for role, desk in held(walker)))


def _of(role: Role, desk: int, action: str) -> frozenset[str]:
    """Return the cells of a role at a desk: the table is that of desk 1, or of the own body."""
    cells = agreed().get((action, role), frozenset())
    if role in OF_A_BODY:
        return cells | {"own"} if "own_partner" in cells else cells
    if desk == 1:
        return cells
    there = AT_DESK_2 if "own" in cells else frozenset[str]()
    return there | cells if "other_desk" in cells else there | (cells & {"none", "mine"})

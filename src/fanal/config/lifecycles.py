"""The lifecycles of official acts as PostgreSQL's guards read them; `fanal migrate` writes them."""

from collections.abc import Iterator

import psycopg

from fanal.accounts.domain.policy import roles_at_desk
from fanal.casework.domain.lifecycle import Lifecycle
from fanal.judicial.domain.kinds import REFERRAL, SHEET
from fanal.measures.notice.kind import NOTICE

LIFECYCLES: tuple[Lifecycle, ...] = (REFERRAL, SHEET, NOTICE)
"""Every kind of act."""


def apply_lifecycles(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Make kinds and transitions those of the program, in one transaction. `connection` is the owner's."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO casework_kind (kind, initial, proposers) VALUES (%s, %s, %s) ON CONFLICT (kind)"
            " DO UPDATE SET initial = excluded.initial, proposers = excluded.proposers",
            [(one.kind, one.states.initial, _roles(one.proposes)) for one in LIFECYCLES],
        )
        cursor.execute("DELETE FROM casework_transition")
        cursor.executemany(
            "INSERT INTO casework_transition (kind, name, source, target, roles, proof, approved, sends,"
            " outcomes, in_force) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [row for one in LIFECYCLES for row in transitions_of(one)],
        )


def transitions_of(lifecycle: Lifecycle) -> Iterator[tuple[object, ...]]:
    """Yield a row of `casework_transition` for each transition and state that it leaves."""
    for transition in lifecycle.states.transitions:
        needs = lifecycle.requirements[transition.name]
        for source in sorted(transition.sources):
            yield (
                lifecycle.kind,
                transition.name,
                source.value,
                transition.target.value,
                _roles(needs.right, *needs.also),
                needs.proof,
                needs.approved,
                needs.sends,
                list(needs.outcomes),
                needs.in_force,
            )


def _roles(*rights: str) -> list[str]:
    return sorted({role.value for right in rights for role in roles_at_desk(right)})

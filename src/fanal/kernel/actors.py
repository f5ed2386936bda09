"""The actor on whose behalf code runs: first argument of queries and operations, input of access control."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """A role of a person at the desk or outside it; each requires a personal authorisation (habilitation).

    Four roles belong to a desk: ANALYST, SUPERVISOR, JUDICIAL_OFFICER (officier de police judiciaire, who
    sends referrals) and MEASURES_OFFICER (who records the sending and receipt of removal requests). OVERSEER
    is the qualified person (personnalité qualifiée) who reviews measures. LABORATORY and PARTNER are people
    of another organisation. A STATISTICIAN reads figures only, an ADMINISTRATOR manages accounts. SYSTEM
    (worker and commands) and PUBLIC (public form) are not granted to people. `accounts/domain/policy.toml`
    says what each role may do.
    """

    ANALYST = "ANALYST"
    SUPERVISOR = "SUPERVISOR"
    JUDICIAL_OFFICER = "JUDICIAL_OFFICER"
    MEASURES_OFFICER = "MEASURES_OFFICER"
    OVERSEER = "OVERSEER"
    LABORATORY = "LABORATORY"
    PARTNER = "PARTNER"
    STATISTICIAN = "STATISTICIAN"
    ADMINISTRATOR = "ADMINISTRATOR"
    SYSTEM = "SYSTEM"
    PUBLIC = "PUBLIC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The person (never the account) on whose behalf code runs.

    `role_desks` pairs a role with the desk where the person holds it: a person may hold different roles at
    different desks, and a role without a desk gives access to none. `partner_id` is set for a partner's
    programs and staff, and limits them to their own reports; it is None for all others. `motive` is the
    purpose of a consultation (Loi 78-17, art. 101).
    """

    person_id: UUID
    roles: frozenset[Role]
    partner_id: UUID | None = None
    motive: str = ""
    role_desks: frozenset[tuple[Role, int]] = frozenset()

    def desks_as(self, roles: Iterable[Role]) -> frozenset[int]:
        """Return the desks where the actor holds one of `roles`."""
        held = self.roles.intersection(roles)
        return frozenset(desk for role, desk in self.role_desks if role in held)

    def has(self, *roles: Role) -> bool:
        """Return whether the actor holds one of `roles`."""
        return not self.roles.isdisjoint(roles)


SYSTEM_PERSON = UUID("00000000-0000-7000-8000-000000000001")
PUBLIC_PERSON = UUID("00000000-0000-7000-8000-000000000002")


def system_actor(motive: str) -> Actor:
    """Return the actor of the worker and of commands; `motive` is the purpose of its access."""
    return Actor(person_id=SYSTEM_PERSON, roles=frozenset({Role.SYSTEM}), motive=motive)


def public_actor() -> Actor:
    """Return the actor of the public form, which may only submit and follow reports."""
    return Actor(person_id=PUBLIC_PERSON, roles=frozenset({Role.PUBLIC}))

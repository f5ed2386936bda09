"""The reading door of accounts: actors, partners, habilitations, names, standing instructions."""

from fanal.accounts.queries.people import (
    actor_for,
    addresses_of,
    authenticate_partner_basic,
    authenticate_partner_bearer,
    demo_logins,
    desk_names,
    find_partner,
    find_user,
    get_habilitation,
    has_demo_mark,
    list_accounts,
    list_candidates,
    list_credentials,
    list_habilitations,
    own_habilitations,
    partner_names,
    person_names,
)
from fanal.accounts.queries.standing import (
    get_instruction,
    list_instructions,
    standing_id,
    standing_in_force,
)
from fanal.accounts.queries.usage import list_uses

__all__ = [
    "actor_for",
    "addresses_of",
    "authenticate_partner_basic",
    "authenticate_partner_bearer",
    "demo_logins",
    "desk_names",
    "find_partner",
    "find_user",
    "get_habilitation",
    "get_instruction",
    "has_demo_mark",
    "list_accounts",
    "list_candidates",
    "list_credentials",
    "list_habilitations",
    "list_instructions",
    "list_uses",
    "own_habilitations",
    "partner_names",
    "person_names",
    "standing_id",
    "standing_in_force",
]

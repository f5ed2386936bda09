"""The writing door of accounts: people, habilitations, partners, standing instructions, demo."""

from fanal.accounts.operations.counters import (
    add_counter,
    drop_counter,
    forget_counters,
    get_counter,
    set_counter,
)
from fanal.accounts.operations.demo import (
    DEMO_ACCOUNTS,
    DemoAccount,
    NotADemo,
    ensure_demo_accounts,
)
from fanal.accounts.operations.desks import DeskRefused, add_desk, edit_desk
from fanal.accounts.operations.expiry import forget_instructions, forget_people
from fanal.accounts.operations.habilitations import (
    APPROVING,
    AT_A_DESK,
    GRANT_NOTICE,
    LONGEST,
    HabilitationRefused,
    approve_habilitation,
    grant_habilitation,
    review_habilitation,
    revoke_habilitation,
)
from fanal.accounts.operations.partners import (
    NameRefused,
    add_partner,
    ensure_partner,
    forget_usage,
    revoke_credential,
    spend_quota,
)
from fanal.accounts.operations.people import (
    FACTOR_NOTICE,
    LoginTaken,
    close_account,
    create_account,
    end_sessions,
    ensure_desk,
    ensure_organisation,
    record_factor_change,
    record_refusal,
    record_sign_in,
)
from fanal.accounts.operations.standing import (
    propose_instruction,
    revoke_instruction,
    second_instruction,
)

__all__ = [
    "APPROVING",
    "AT_A_DESK",
    "DEMO_ACCOUNTS",
    "FACTOR_NOTICE",
    "GRANT_NOTICE",
    "LONGEST",
    "DemoAccount",
    "DeskRefused",
    "HabilitationRefused",
    "LoginTaken",
    "NameRefused",
    "NotADemo",
    "add_counter",
    "add_desk",
    "add_partner",
    "approve_habilitation",
    "close_account",
    "create_account",
    "drop_counter",
    "edit_desk",
    "end_sessions",
    "ensure_demo_accounts",
    "ensure_desk",
    "ensure_organisation",
    "ensure_partner",
    "forget_counters",
    "forget_instructions",
    "forget_people",
    "forget_usage",
    "get_counter",
    "grant_habilitation",
    "propose_instruction",
    "record_factor_change",
    "record_refusal",
    "record_sign_in",
    "review_habilitation",
    "revoke_credential",
    "revoke_habilitation",
    "revoke_instruction",
    "second_instruction",
    "set_counter",
    "spend_quota",
]

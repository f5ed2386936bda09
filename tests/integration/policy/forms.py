"""Filled-in forms, by the name of their route: what a person sends who does the act.

**A route that takes a POST needs one line here**, in `FORMS`, or in `STEPS` when its act follows others of a
sequence that a test of its own plays.
"""

from collections.abc import Callable

from tests.integration.policy.world import World

Form = Callable[[World, str], dict[str, object]]
REASON = "Asked for by a magistrate in a case."


def _words(_world: World, _cell: str) -> dict[str, object]:
    return {"words": REASON}


def _nothing(_world: World, _cell: str) -> dict[str, object]:
    return {}


def _other(world: World, cell: str) -> object:
    """Return another report of the cell's desk."""
    others = {"own": "sealed", "sealed": "own", "other_desk": "other_partner"}
    return world.report_ids[others.get(cell, "other_desk")]


FORMS: dict[str, Form] = {
    "desk:alarm": _nothing,
    "desk:note": _words,
    "desk:dossier-note": _words,
    "desk:identity": lambda world, cell: {"motive": REASON},
    "desk:judge": lambda world, cell: {"act": "REJECT", "reason": REASON},
    "desk:suggestion": lambda world, cell: {
        "answer": "REJECT", "other": _other(world, cell), "motive": REASON,
    },
    "desk:dossier-withhold": lambda world, cell: {
        "act": "WITHHOLD", "counterpart": world.counterpart_id, "words": REASON,
    },
    "desk:hit-move": lambda world, cell: {"move": "close", "words": REASON},
    "desk:view": lambda world, cell: {"act": "rename", "name": f"view {cell}"},
    "desk:view-shared": lambda world, cell: {"act": "rename", "name": f"view {cell}"},
    "desk:list-vote": lambda world, cell: {"vote": "UP.CONFIRMED"},
    "desk:source-switch": lambda world, cell: {"enabled": "no"},
    "account_review": lambda world, cell: {"verdict": "KEEP"},
    "account_revoke": lambda world, cell: {"reason": "MOVED"},
    "account_add": lambda world, cell: {"login": "newcomer", "name": "New Comer", "email": ""},
    "account_close": lambda world, cell: {"login": "colleague-own"},
    "oversight:recommend": lambda world, cell: {"kind": "CORRECT", "words": REASON},
    "oversight:opening-seen": _nothing,
    "oversight:answer": lambda world, cell: {"verdict": "DECLINED", "words": REASON},
    "desk:counterpart-close": _nothing,
    "desk:instruction-revoke": lambda world, cell: {"reason": REASON},
    "desk:instruction-second": _nothing,
    "desk:feedback": lambda world, cell: {"verdict": "USEFUL"},
    "desk:measure-withdraw": lambda world, cell: {"cause": REASON},
}  # fmt: skip

UNJOURNALED = frozenset({"account_review", "desk:view", "desk:view-shared"})
"""Acts that leave no entry in the ledger: what a person keeps of the queue."""

STEPS: dict[str, str] = {
    name: file
    for file, names in {
        "integration/accounts/test_reading.py": "account_motive",
        "integration/accounts/test_sign_in.py": "account_end_sessions",
        "integration/accounts/test_factor_changes.py": "account_change_password account_reauthenticate",
        "integration/accounts/test_granting.py": "account_grant account_approve",
        "integration/accounts/test_standing.py": "desk:instruction-propose",
        "integration/deconfliction/test_pages.py": "desk:counterpart-add desk:counterpart-limits",
        "integration/exchange/test_sources_page.py": "desk:source-add desk:source-test",
        "integration/desk/test_work.py": "desk:claim desk:close desk:decide desk:question desk:release desk:renew desk:reopen",
        "integration/desk/test_folds.py": "desk:unfold",
        "integration/desk/test_pages.py": "desk:replay",
        "integration/desk/test_lists_page.py": "desk:list-release",
        "integration/desk/test_rulesets.py": "desk:ruleset-activate desk:ruleset-draft desk:ruleset-dry-run",
        "integration/desk/test_payments.py": "desk:sheet-amend desk:sheet-draft desk:sheet-move",
        "integration/desk/test_saved_views.py": "desk:views desk:views-shared",
        "integration/judicial/test_referrals.py": "desk:referral-amend desk:referral-move",
        "integration/measures/test_two_people.py": "desk:measure-amend desk:measure-approve desk:measure-refuse desk:measure-submit",
        "integration/measures/test_following.py": "desk:measure-contact desk:measure-step",
        "integration/oversight/test_groups.py": "oversight:group",
        "integration/oversight/test_oversight.py": "oversight:note oversight:start",
    }.items()
    for name in names.split()
}
"""Acts that follow others of a sequence, or rest on what another test sets up, and the test that plays them."""

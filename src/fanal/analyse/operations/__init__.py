"""The writing door of analyse: batches, lists, rule sets, erasure."""

from fanal.analyse.operations.batch import analyse_batch, prioritise_batch
from fanal.analyse.operations.erase import erase
from fanal.analyse.operations.lists import (
    add_addresses,
    load_list,
    withdraw_item,
)
from fanal.analyse.operations.material import renew_index
from fanal.analyse.operations.rulesets import (
    RuleSetRefused,
    activate_ruleset,
    draft_ruleset,
    dry_run_ruleset,
    load_shipped,
)

__all__ = [
    "RuleSetRefused",
    "activate_ruleset",
    "add_addresses",
    "analyse_batch",
    "draft_ruleset",
    "dry_run_ruleset",
    "erase",
    "load_list",
    "load_shipped",
    "prioritise_batch",
    "renew_index",
    "withdraw_item",
]

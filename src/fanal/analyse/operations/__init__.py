"""Write operations of analyse: batches, lists, votes, rule sets, erasure."""

from fanal.analyse.operations.asides import (
    ASIDE_NOTICE,
    MAX_REASON,
    forget_matches,
    release_item,
    withdraw_aside,
)
from fanal.analyse.operations.batch import analyse_batch, prioritise_batch
from fanal.analyse.operations.erase import erase, forget_withdrawn
from fanal.analyse.operations.list_imports import LoadedFile, create_list, describe_list, take_items
from fanal.analyse.operations.lists import (
    add_addresses,
    add_items,
    end_values,
    load_list,
    withdraw_item,
    withdraw_items,
)
from fanal.analyse.operations.material import renew_index
from fanal.analyse.operations.rulesets import (
    RULES_JOB,
    RuleSetRefused,
    activate_ruleset,
    draft_ruleset,
    dry_run_ruleset,
    finish_trial,
    hold_rerank,
    hold_trial,
    load_shipped,
    start_trial,
    try_portion,
    wake,
    write_rerank,
)
from fanal.analyse.operations.votes import cast_vote, take_vote_back

__all__ = [
    "ASIDE_NOTICE",
    "MAX_REASON",
    "RULES_JOB",
    "LoadedFile",
    "RuleSetRefused",
    "activate_ruleset",
    "add_addresses",
    "add_items",
    "analyse_batch",
    "cast_vote",
    "create_list",
    "describe_list",
    "draft_ruleset",
    "dry_run_ruleset",
    "end_values",
    "erase",
    "finish_trial",
    "forget_matches",
    "forget_withdrawn",
    "hold_rerank",
    "hold_trial",
    "load_list",
    "load_shipped",
    "prioritise_batch",
    "release_item",
    "renew_index",
    "start_trial",
    "take_items",
    "take_vote_back",
    "try_portion",
    "wake",
    "withdraw_aside",
    "withdraw_item",
    "withdraw_items",
    "write_rerank",
]

"""The reading door of analyse: findings, priorities, their history, lists and rule sets."""

from fanal.analyse.queries.asides import AsideRecord, get_asides, list_asides, match_rates
from fanal.analyse.queries.feed import entries_changed, get_items
from fanal.analyse.queries.lists import (
    ListedChange,
    ListState,
    find_list,
    get_lists,
    list_changes,
    list_lists,
)
from fanal.analyse.queries.material import (
    ListChange,
    changed_hashes,
    count_changed,
    entries_by_id,
    entries_of,
    get_standings,
    is_change_known,
    lists_version,
    newest_change,
)
from fanal.analyse.queries.results import (
    Version,
    analysed_after,
    count_analysed,
    get_analyses,
    get_priorities,
    list_analyses,
    list_priorities,
    newest_analysed,
)
from fanal.analyse.queries.rulesets import (
    StoredRuleSet,
    current_rules,
    get_ruleset,
    list_rulesets,
)
from fanal.analyse.queries.votes import count_votes, list_votes, newest_votes, votes_of
from fanal.analyse.queries.whole import items_of_list

__all__ = [
    "AsideRecord",
    "ListChange",
    "ListState",
    "ListedChange",
    "StoredRuleSet",
    "Version",
    "analysed_after",
    "changed_hashes",
    "count_analysed",
    "count_changed",
    "count_votes",
    "current_rules",
    "entries_by_id",
    "entries_changed",
    "entries_of",
    "find_list",
    "get_analyses",
    "get_asides",
    "get_items",
    "get_lists",
    "get_priorities",
    "get_ruleset",
    "get_standings",
    "is_change_known",
    "items_of_list",
    "list_analyses",
    "list_asides",
    "list_changes",
    "list_lists",
    "list_priorities",
    "list_rulesets",
    "list_votes",
    "lists_version",
    "match_rates",
    "newest_analysed",
    "newest_change",
    "newest_votes",
    "votes_of",
]

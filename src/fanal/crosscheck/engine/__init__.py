"""The linkage rule, compiled: cards of reports in, pairs with points out. `domain.rule` is its entry."""

"""The linkage rule, compiled: comparable data of reports (cards) in, pairs with points out.

`domain.rule` is its entry point.
"""

"""Folding (duplicate detection): equivalent reports become one row of the desk's queue.

The report of that row is the head of the fold; the others are folded into it.
"""

"""How the tables of the index are cut: sixteen of them, a bucket for each value of a 16-bit word."""

TABLES = 16
BUCKETS = 1 << 16
SKETCH = 3
"""Words of 32 bits that a table keeps of each hash."""

"""Transfers of money-transfer operators in CSV, in the layouts of `layouts/`."""

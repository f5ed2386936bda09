"""Transfers of money-transfer operators, CSV in the layouts of `layouts/`."""

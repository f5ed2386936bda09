"""Payments at the desk: scored payers, one payer's transfers, intelligence sheets."""

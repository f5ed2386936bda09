"""Writes that join the rooms: link a batch, record judgements, rebuild, erase."""

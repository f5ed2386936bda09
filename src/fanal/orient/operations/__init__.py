"""Writes that join the rooms: orient a batch, decide, note, erase."""

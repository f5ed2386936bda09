"""Writes of intake: reception, files, transitions, work queue, retention."""

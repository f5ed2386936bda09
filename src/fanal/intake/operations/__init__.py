"""Writes of the reception of reports: submissions, files, transitions, work queue, retention."""

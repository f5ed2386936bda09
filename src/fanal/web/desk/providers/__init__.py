"""Providers at the desk: figures of each, the quality of their reports, and feedback on a report."""

"""Writes of measures: drafts, milestones, expiry, groups, oversight, the issuing authority."""

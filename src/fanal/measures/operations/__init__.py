"""Writes of removal requests: drafts, milestones, expiry, groups, oversight, the issuing authority."""

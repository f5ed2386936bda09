"""Removal request to a host (LCEN art. 6-1): the lifecycle of this kind of official act."""

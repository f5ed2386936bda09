"""Feedback to a provider about its reports."""

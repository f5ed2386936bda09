"""Signals: phrases that a report's texts hold, and what weakens them."""

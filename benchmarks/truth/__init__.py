"""Labelled reports and their judge, independent of the code under test."""

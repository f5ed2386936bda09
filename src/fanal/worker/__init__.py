"""Runs the stages, the schedule and the sends."""

"""Rechecks: is what a measure asked to remove still at its address?"""

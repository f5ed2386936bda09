"""Casework: the shared basis of every kind of official act, such as referrals, notices and removal requests.

It provides their lifecycle, document, steps, approval by a second person, and expiry.
"""

"""Payments: published typologies as data, applied to the transfers of each payer."""

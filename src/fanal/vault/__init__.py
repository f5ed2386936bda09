"""Encrypted evidence store: any node of the desk can seal (encrypt) objects; only key holders can open them.

Public nodes hold public keys only, and can never open (decrypt) what they have sealed.
"""

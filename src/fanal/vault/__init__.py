"""Encrypted evidence store: any node of the desk can seal (encrypt) objects, only key holders open them.

Public nodes hold public keys only, so they cannot open (decrypt) what they have sealed.
"""

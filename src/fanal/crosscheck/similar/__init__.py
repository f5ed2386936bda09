"""Similarity without equality: texts, pages, pictures, postal addresses, identifiers; suggestions."""

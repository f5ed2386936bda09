"""The kernel that every official act stands on: lifecycle, document, steps, approval, expiry."""

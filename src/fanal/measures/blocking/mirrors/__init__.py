"""Mirrors of a condemned service: blocked while the court's decision lasts (LCEN article 6-4)."""

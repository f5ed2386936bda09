"""The removal request (LCEN art. 6-1): the act that measures draft, follow and lift."""

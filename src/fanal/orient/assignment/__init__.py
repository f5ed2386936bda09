"""Assignment: who is in charge of a report until it is decided, handed over, returned or withdrawn from
them.
"""

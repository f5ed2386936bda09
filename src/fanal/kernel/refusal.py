"""The exception for acts that violate a rule: `code` names the rule, and pages render it as a message."""


class Refusal(Exception):
    """An act violates a rule. `kind` is the family of the code: its labels have the kind `<kind>_refusal`."""

    def __init__(self, kind: str, code: str) -> None:
        super().__init__(code)
        self.kind, self.code = kind, code

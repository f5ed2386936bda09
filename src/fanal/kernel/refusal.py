"""One exception for acts that break a rule: `code` names the rule, and pages say it in words."""


class Refusal(Exception):
    """An act breaks a rule. `kind` says whose codes these are: the label kind is `<kind>_refusal`."""

    def __init__(self, kind: str, code: str) -> None:
        super().__init__(code)
        self.kind, self.code = kind, code

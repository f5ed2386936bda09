"""The exception for operations that violate a rule: pages render its `code` as a message."""


class Refusal(Exception):
    """An operation violates a rule, which `code` names; `kind` is the family of the code.

    Pages render the code by the labels of kind `<kind>_refusal`.
    """

    def __init__(self, kind: str, code: str) -> None:
        super().__init__(code)
        self.kind, self.code = kind, code

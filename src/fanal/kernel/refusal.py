"""The exception for acts, values and files that violate a rule; pages, commands and the API render it."""

Parameter = str | int | tuple[str, ...]


class Refusal(Exception):
    """A rule is violated: `code` names it, `kind` is the family of the code, `parameters` fill its message.

    A family is mostly that of a package, such as `deconfliction`. The messages are the labels of kind
    `<kind>_refusal` (`reference.explain_refusal`).
    """

    def __init__(self, kind: str, code: str, **parameters: Parameter) -> None:
        super().__init__(code)
        self.kind, self.code, self.parameters = kind, code, parameters

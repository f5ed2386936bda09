"""The exception for acts, values and files that violate a rule; pages, commands and the API render it."""

Parameter = str | int | tuple[str, ...]


class Refusal(Exception):
    """A rule is violated: `code` names the rule, `kind` the family of the code.

    A family is usually the name of a package, such as `deconfliction`. `parameters` fill the message;
    messages are the labels of kind `<kind>_refusal` in the reference data (`reference.explain_refusal`).
    """

    def __init__(self, kind: str, code: str, **parameters: Parameter) -> None:
        super().__init__(code)
        self.kind, self.code, self.parameters = kind, code, parameters

"""Why something of de-confliction cannot be done."""


class DeconflictionRefused(ValueError):
    """Nothing was done; `code` says why (labels of kind `deconfliction_refused`), never what was sent."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

"""Why a package, an answer or a key is not taken."""


class PackageRefused(ValueError):
    """Nothing was taken; the text is a code, `parameters` what its sentence quotes.

    KEY, SEALED_FOR_ANOTHER, TOO_LARGE, NO_PACKAGE, CHANGED, RECIPIENT, SIGNATURE; and, where it is taken:
    UNSIGNED, UNKNOWN, REVOKED, INSTANT, FUTURE, TAKEN, SECOND.
    """

    def __init__(self, code: str, **parameters: str) -> None:
        super().__init__(code)
        self.code, self.parameters = code, parameters

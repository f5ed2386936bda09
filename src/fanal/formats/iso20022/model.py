"""Where fields of a transfer stand in `pacs.008` and `camt.053`; any other leaf is kept with its path."""

from collections.abc import Mapping
from functools import cache
from typing import Final

# Paths below the party's prefix, first one that holds something wins; what is taken is not kept again.
PARTY: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("{p}/Nm", "{p}/Pty/Nm"),
    "country": ("{p}/PstlAdr/Ctry", "{p}/Pty/PstlAdr/Ctry", "{p}/CtryOfRes", "{p}/Pty/CtryOfRes"),
    "postcode": ("{p}/PstlAdr/PstCd", "{p}/Pty/PstlAdr/PstCd"),
    "birth_date": (
        "{p}/Id/PrvtId/DtAndPlcOfBirth/BirthDt",
        "{p}/Pty/Id/PrvtId/DtAndPlcOfBirth/BirthDt",
    ),
    "customer": ("{p}/Id/PrvtId/Othr/Id", "{p}/Pty/Id/PrvtId/Othr/Id"),
    "phone": (
        "{p}/CtctDtls/MobNb", "{p}/Pty/CtctDtls/MobNb", "{p}/CtctDtls/PhneNb", "{p}/Pty/CtctDtls/PhneNb",
    ),
    "email": ("{p}/CtctDtls/EmailAdr", "{p}/Pty/CtctDtls/EmailAdr"),
    "iban": ("{p}Acct/Id/IBAN",),
    "account": ("{p}Acct/Id/Othr/Id",),
    "bank": ("{p}Agt/FinInstnId/BICFI", "{p}Agt/FinInstnId/BIC"),
}  # fmt: skip
"""Where each field of a party stands, below `Dbtr` and `Cdtr`; `Pty` since version 8."""
PACS: Final[Mapping[str, tuple[str, ...]]] = {
    "reference": ("PmtId/UETR", "PmtId/TxId", "PmtId/EndToEndId"),
    "at": ("AccptncDtTm", "IntrBkSttlmDt"),
    "amount": ("InstdAmt", "IntrBkSttlmAmt"),
}
CAMT: Final[Mapping[str, tuple[str, ...]]] = {
    "reference": ("Refs/UETR", "Refs/TxId", "Refs/EndToEndId", "Refs/AcctSvcrRef"),
    "at": ("RltdDts/AccptncDtTm", "RltdDts/TxDtTm"),
    "amount": ("Amt", "AmtDtls/InstdAmt/Amt", "AmtDtls/TxAmt/Amt"),
}
ENTRY_AT: Final = ("BookgDt/DtTm", "BookgDt/Dt", "ValDt/DtTm", "ValDt/Dt")
LABEL: Final = "RmtInf/Ustrd"


@cache
def party_paths(path: str, agents: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return where each field of a party stands; agents may stand under another element."""
    found = []
    for name, patterns in PARTY.items():
        prefix = agents + path.rpartition("/")[2] if name == "bank" and agents else path
        found.append((name, tuple(pattern.format(p=prefix) for pattern in patterns)))
    return tuple(found)

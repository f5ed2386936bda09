"""Payment accounts: IBAN (ISO 13616, check digits by ISO 7064) and cryptocurrency addresses with checksum."""

import hashlib
import re

from fanal.harmonise.domain.datafiles import DataRecord, load

# Keccak-256 as Ethereum uses it: the original padding, which `hashlib.sha3_256` does not have.
#
# Written from the Keccak reference, version 3.0 (Bertoni, Daemen, Peeters, Van Assche). Needed for the
# checksum of EIP-55 only: short inputs, so plain Python is fast enough.

_MASK = (1 << 64) - 1
_RATE = 136
_ROUNDS = 24


def _round_constants() -> tuple[int, ...]:
    constants = []
    register = 1
    for _ in range(_ROUNDS):
        constant = 0
        for power in range(7):
            if register & 1:
                constant |= 1 << ((1 << power) - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
        constants.append(constant)
    return tuple(constants)


def _rotations() -> tuple[int, ...]:
    offsets = [0] * 25
    x, y = 1, 0
    for step in range(24):
        offsets[x + 5 * y] = ((step + 1) * (step + 2) // 2) % 64
        x, y = y, (2 * x + 3 * y) % 5
    return tuple(offsets)


_CONSTANTS = _round_constants()
_OFFSETS = _rotations()


def keccak_256(content: bytes) -> bytes:
    """Return the 32-byte Keccak-256 digest of `content`, the hash of Ethereum (not SHA3-256)."""
    padding = bytearray(_RATE - len(content) % _RATE)
    padding[0] = 0x01
    padding[-1] |= 0x80
    padded = content + bytes(padding)
    state = [0] * 25
    for start in range(0, len(padded), _RATE):
        for lane in range(_RATE // 8):
            state[lane] ^= int.from_bytes(padded[start + 8 * lane : start + 8 * lane + 8], "little")
        state = _permute(state)
    return b"".join(lane.to_bytes(8, "little") for lane in state[:4])


def _permute(state: list[int]) -> list[int]:
    for constant in _CONSTANTS:
        columns = [
            state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20]
            for x in range(5)
        ]
        mixed = [columns[(x + 4) % 5] ^ _rotate(columns[(x + 1) % 5], 1) for x in range(5)]
        moved = [0] * 25
        for y in range(5):
            for x in range(5):
                lane = state[x + 5 * y] ^ mixed[x]
                moved[y + 5 * ((2 * x + 3 * y) % 5)] = _rotate(lane, _OFFSETS[x + 5 * y])
        state = [
            moved[x + 5 * y] ^ (~moved[(x + 1) % 5 + 5 * y] & moved[(x + 2) % 5 + 5 * y] & _MASK)
            for y in range(5)
            for x in range(5)
        ]
        state[0] ^= constant
    return state


def _rotate(lane: int, by: int) -> int:
    return ((lane << by) | (lane >> (64 - by))) & _MASK if by else lane


class _Iban(DataRecord, frozen=True):
    version: str
    source: str
    length: dict[str, int]


IBAN_LENGTH = load("iban.toml", _Iban).length
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[0-9A-Z]{11,30}")
_SPACES = re.compile(r"[\s\u00a0\u202f.\-]")
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE58_VALUE = {letter: value for value, letter in enumerate(_BASE58)}
_BASE58_TEXT = re.compile(r"[1-9A-HJ-NP-Za-km-z]{25,36}")
# First byte of a base58check address: Bitcoin, Litecoin, Dogecoin, Dash, Tron.
_BASE58_VERSIONS = frozenset({0x00, 0x05, 0x30, 0x32, 0x1E, 0x16, 0x4C, 0x10, 0x41})
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_VALUE = {letter: value for value, letter in enumerate(_BECH32)}
_BECH32_PREFIXES = ("bc1", "ltc1")
_BECH32_CONSTANTS = {1: "bech32", 0x2BC830A3: "bech32m"}  # BIP 173, BIP 350
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_ETHEREUM = re.compile(r"0[xX][0-9a-fA-F]{40}")


def read_iban(text: str) -> str | None:
    """Return an IBAN in electronic form (capitals, no spaces, dots, hyphens); None if `text` is no such.

    Its check digits and, for a known country, its length are verified.
    """
    plain = _SPACES.sub("", text).upper() if len(text) <= 64 else ""
    if _IBAN.fullmatch(plain) is None:
        return None
    length = IBAN_LENGTH.get(plain[:2])
    if length is not None and length != len(plain):
        return None
    moved = plain[4:] + plain[:4]
    digits = "".join(str(int(letter, 36)) for letter in moved)
    return plain if int(digits) % 97 == 1 else None


def read_wallet(text: str) -> str | None:
    """Return the canonical form of a cryptocurrency address with a valid checksum, or None.

    Bech32 and Ethereum addresses are lower-cased; base58 ones are case-sensitive and stay as written.
    An Ethereum address in a single letter case carries no checksum (EIP-55) and is accepted.
    """
    plain = text.strip()
    if len(plain) > 96:
        return None
    if _ETHEREUM.fullmatch(plain) is not None:
        return plain.lower() if _eip55_holds(plain[2:]) else None
    if plain.lower().startswith(_BECH32_PREFIXES):
        return plain.lower() if _bech32_holds(plain) else None
    if _BASE58_TEXT.fullmatch(plain) is not None and _base58_holds(plain):
        return plain
    return None


def _eip55_holds(digits: str) -> bool:
    if digits.islower() or digits.isupper() or digits.isdigit():
        return True
    digest = keccak_256(digits.lower().encode()).hex()
    return all(
        letter.isdigit() or letter.isupper() == (int(nibble, 16) >= 8)
        for letter, nibble in zip(digits, digest, strict=False)
    )


def _base58_holds(text: str) -> bool:
    number = 0
    for letter in text:
        number = number * 58 + _BASE58_VALUE[letter]
    zeros = len(text) - len(text.lstrip("1"))
    content = b"\x00" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")
    if len(content) != 25 or content[0] not in _BASE58_VERSIONS:
        return False
    digest = hashlib.sha256(hashlib.sha256(content[:21]).digest()).digest()
    return content[21:] == digest[:4]


def _bech32_holds(text: str) -> bool:
    if text.lower() != text and text.upper() != text:
        return False
    prefix, _, data = text.lower().rpartition("1")
    if len(data) < 8 or len(text) > 90 or any(letter not in _BECH32_VALUE for letter in data):
        return False
    values = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    values += [_BECH32_VALUE[c] for c in data]
    variant = _BECH32_CONSTANTS.get(_polymod(values))
    # Witness version 0 uses bech32, the later ones bech32m (BIP 350).
    return variant == ("bech32" if data[0] == "q" else "bech32m")


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(_GENERATOR):
            check ^= generator if (top >> place) & 1 else 0
    return check

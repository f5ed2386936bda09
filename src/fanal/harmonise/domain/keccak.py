"""Keccak-256 as Ethereum uses it: the original padding, which `hashlib.sha3_256` does not have.

Written from the Keccak reference, version 3.0 (Bertoni, Daemen, Peeters, Van Assche). Needed for the
checksum of EIP-55 only: short inputs, so plain Python is fast enough.
"""

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
    """Return the 32-byte Keccak-256 digest of `content`."""
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

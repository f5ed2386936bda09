"""Receipt codes as people type them, and messages that only their holder opens."""

import re

import pytest
from hypothesis import given, strategies as st

from fanal.intake.domain import receipt
from fanal.intake.domain.receipt import CodeRefused, MessageClosed


class TestCode:
    def test_holds_ninety_random_bits_in_groups_of_four(self) -> None:
        codes = {receipt.new_code() for _ in range(500)}
        assert len(codes) == 500
        assert all(
            re.fullmatch(r"(?:[0-9A-HJKMNP-TV-Z]{4}-){4}[0-9A-HJKMNP-TV-Z]{4}", c) for c in codes
        )
        assert receipt.RANDOM_BITS >= 80

    @pytest.mark.parametrize(
        "change",
        [
            str.lower,
            lambda c: c.replace("-", ""),
            lambda c: c.replace("-", " "),
            lambda c: c.replace("0", "O").replace("1", "l"),
            lambda c: c.replace("0", "o").replace("1", "I"),
            lambda c: f"  {c}\n",
            lambda c: c.replace("-", " – "),
            lambda c: c.replace("-", "\u202f"),
        ],
    )
    def test_is_read_as_people_write_it(self, change: object) -> None:
        for _ in range(200):
            code = receipt.new_code()
            assert receipt.read_code(change(code)) == code  # type: ignore[operator]

    def test_every_wrong_character_is_noticed(self) -> None:
        code = receipt.new_code()
        for position, character in enumerate(code):
            for other in receipt.ALPHABET:
                if character not in ("-", other):
                    with pytest.raises(CodeRefused):
                        receipt.read_code(code[:position] + other + code[position + 1 :])

    def test_every_swap_of_two_characters_is_noticed(self) -> None:
        for _ in range(20):
            digits = receipt.new_code().replace("-", "")
            for one in range(17):
                for two in range(one + 1, 18):
                    swapped = list(digits)
                    swapped[one], swapped[two] = swapped[two], swapped[one]
                    if swapped != list(digits):
                        with pytest.raises(CodeRefused):
                            receipt.read_code("".join(swapped))

    @given(st.text(max_size=60))
    def test_anything_else_is_refused(self, typed: str) -> None:
        with pytest.raises(CodeRefused):
            receipt.read_code(typed + "!")

    def test_what_is_stored_does_not_give_the_code_away(self) -> None:
        code, other = receipt.new_code(), receipt.new_code()
        part = receipt.public_part(code)
        assert part == receipt.public_part(code.lower())
        assert part.lookup_hash == receipt.lookup_hash(code)
        assert part.lookup_hash != receipt.lookup_hash(other)
        assert part.public_key != receipt.public_part(other).public_key
        assert len(part.lookup_hash) == len(part.public_key) == 32


class TestMessages:
    def test_only_the_holder_of_the_code_reads_them(self) -> None:
        code = receipt.new_code()
        public = receipt.public_part(code).public_key
        sealed = receipt.seal_message(public_key=public, plaintext=b"one more question")
        assert b"question" not in sealed
        assert receipt.open_message(code=code, sealed=sealed) == b"one more question"
        with pytest.raises(MessageClosed):
            receipt.open_message(code=receipt.new_code(), sealed=sealed)
        assert receipt.seal_message(public_key=public, plaintext=b"") != receipt.seal_message(
            public_key=public, plaintext=b""
        )

    def test_every_changed_bit_is_refused(self) -> None:
        code = receipt.new_code()
        sealed = receipt.seal_message(
            public_key=receipt.public_part(code).public_key, plaintext=b"hello"
        )
        for position in range(len(sealed)):
            changed = bytearray(sealed)
            changed[position] ^= 1
            # The top bit of an X25519 public key is ignored by RFC 7748; the key derivation is not.
            with pytest.raises(MessageClosed):
                receipt.open_message(code=code, sealed=bytes(changed))
        for cut in range(len(sealed)):
            with pytest.raises(MessageClosed):
                receipt.open_message(code=code, sealed=sealed[:cut])

"""The mail of an act: a stranger's marks of direction turn none of its lines; the attached bytes stay exact."""

from email import message_from_bytes, policy

from fanal.casework.domain.letters import LetterText, Mail, message_of


def test_a_letter_writes_marks_of_direction_out() -> None:
    turned = "Page : https://host.example/\u202egpj.exe\u2066"
    mail = Mail(
        sender="desk@example.test",
        recipient="abuse@example.test",
        subject="Acte",
        text=LetterText(fr=turned, en=turned),
        attachment="acte.json",
    )
    content = '{"a": "\u202e"}'.encode()
    message = message_from_bytes(message_of(mail, content), policy=policy.default)
    body, attached = message.iter_parts()
    assert body.get_content().count("https://host.example/⟨U+202E⟩gpj.exe⟨U+2066⟩") == 2
    assert attached.get_content() == content

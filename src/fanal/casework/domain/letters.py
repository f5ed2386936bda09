"""Letters that accompany official acts: their text in both languages, and the e-mail that carries them."""

from email.message import EmailMessage

from msgspec import Struct

from fanal.kernel.texts import written_out


class LetterText(Struct, frozen=True):
    """The text of a letter that accompanies an official act, in French and in English."""

    fr: str
    en: str


class Mail(Struct, frozen=True, kw_only=True):
    """The fields of an e-mail that sends an official act; `subject` is in both languages, as `text` is.

    `sender` and `recipient` are mail addresses; an empty `recipient` means that the addressee receives the
    act through a web form. `attachment` is the name of the file that holds the exact bytes of the act's
    document.
    """

    sender: str
    recipient: str
    subject: str
    text: LetterText
    attachment: str


def message_of(mail: Mail, content: bytes) -> bytes:
    """Return the e-mail message (RFC 5322) as bytes: both texts, and `content` (JSON) attached unchanged.

    Bidirectional control characters in the texts are written out as code points. The header `X-Unsent` makes
    mail programs open it as a draft.
    """
    message = EmailMessage()
    message["From"] = mail.sender
    if mail.recipient:
        message["To"] = mail.recipient
    message["Subject"] = mail.subject
    message["X-Unsent"] = "1"  # mail programs open it as a draft
    message.set_content(written_out(f"{mail.text.fr}\n\n----\n\n{mail.text.en}\n"))
    message.add_attachment(
        content, maintype="application", subtype="json", filename=mail.attachment
    )
    return message.as_bytes()

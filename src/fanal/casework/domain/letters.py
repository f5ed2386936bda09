"""Letters of acts: their text in both languages, and the message in which one leaves by mail."""

from email.message import EmailMessage

from msgspec import Struct


class LetterText(Struct, frozen=True):
    """What a letter says, in French and in English."""

    fr: str
    en: str


class Mail(Struct, frozen=True, kw_only=True):
    """How a letter leaves by mail. Without a `recipient` a form of the addressee's takes it.

    `attachment` names the file that holds the exact bytes of the act's document.
    """

    sender: str
    recipient: str
    subject: str
    text: LetterText
    attachment: str


def message_of(mail: Mail, content: bytes) -> bytes:
    """Return the message (RFC 5322): both texts, and `content` (JSON) as it was approved."""
    message = EmailMessage()
    message["From"] = mail.sender
    if mail.recipient:
        message["To"] = mail.recipient
    message["Subject"] = mail.subject
    message["X-Unsent"] = "1"  # mail programs open it as a draft
    message.set_content(f"{mail.text.fr}\n\n----\n\n{mail.text.en}\n")
    message.add_attachment(
        content, maintype="application", subtype="json", filename=mail.attachment
    )
    return message.as_bytes()

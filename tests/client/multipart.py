"""A client of the multipart style, which knows nothing of Fanal."""

import contextlib
from http.client import HTTPConnection

from lxml import etree

from tests.live import Live, Partner


class OtherClient:
    """A client of the multipart style, as command-line tools and older programs send."""

    boundary = "----------------------------5a0f"

    def __init__(self, server: Live, partner: Partner) -> None:
        self.port, self.partner = server.port, partner

    def post(self, path: str, body: bytes, content_type: str) -> tuple[int, etree._Element]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            headers = self.partner.basic | {"Content-Type": content_type, "Accept": "*/*"}
            connection.request("POST", f"/ispws/{path}", body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, etree.fromstring(answer.read())

    def xml(self, path: str, body: bytes, content_type: str = "text/xml; charset=utf-8"):
        return self.post(path, body, content_type)

    def multipart(self, path: str, file: bytes | None = None, **fields: str):
        parts = [
            f'--{self.boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        ]
        if file is not None:
            head = (
                f'--{self.boundary}\r\nContent-Disposition: form-data; name="file"; '
                'filename="drawing é.png"\r\nContent-Type: image/png\r\n\r\n'
            )
            parts.append(head.encode() + file + b"\r\n")
        body = b"".join(parts) + f"--{self.boundary}--\r\n".encode()
        return self.post(path, body, f"multipart/form-data; boundary={self.boundary}")

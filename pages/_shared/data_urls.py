"""Photos in addresses of their own, as components of the browser send them."""

import base64
import binascii


def decoded(url: str) -> bytes:
    """The bytes of a data URL; invalid ones become a file that cannot be read as a photo."""
    try:
        return base64.b64decode(url.partition(",")[2], validate=True)
    except binascii.Error:
        return b""


def encoded(jpeg: bytes) -> str:
    """The data URL of a JPEG."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"

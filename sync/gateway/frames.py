"""WebSocket frames as a client sends them (RFC 6455, section 5.2)."""

from __future__ import annotations

# The first byte of a frame that is a whole message, and the bit of the second that says masked.
WHOLE_TEXT, WHOLE_BINARY = 0x81, 0x82
MASKED = 0x80


def bounds_of(data: bytes, at: int) -> tuple[int, int] | None:
    """Return where the payload of the frame that begins at `at` starts and stops; None where its
    head has not come whole."""
    start = at + 2
    if start > len(data):
        return None
    second = data[at + 1]
    size = second & 0x7F
    if size > 125:
        wide = start
        start += 2 if size == 126 else 8
        if start > len(data):
            return None
        size = int.from_bytes(data[wide:start])
    if second >= MASKED:
        start += 4
    return start, start + size


def is_utf8(text: bytes) -> bool:
    """Whether these bytes are text; most are ASCII, and seen to be so at once."""
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True

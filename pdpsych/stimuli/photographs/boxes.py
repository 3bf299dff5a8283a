"""Boxes of files of the ISO family: AVIF, HEIC and JPEG 2000."""

from __future__ import annotations

from collections.abc import Iterator

# Those that hold other boxes, and how many bytes of their own come before these.
_HOLDERS = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"jp2h": 0}


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the type and the content of each box, and of those inside of headers."""
    place = 0
    while place + 8 <= len(data):
        size, kind, head = int.from_bytes(data[place : place + 4], "big"), data[place + 4 :][:4], 8
        if size == 1:
            size, head = int.from_bytes(data[place + 8 : place + 16], "big"), 16
        end = len(data) if size == 0 else place + size
        if end < place + head:
            return
        content = data[place + head : end]
        yield kind, content
        if kind in _HOLDERS:
            yield from boxes(content[_HOLDERS[kind] :])
        place = end

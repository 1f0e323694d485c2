"""Answers read block by block: streams come as thousands of chunks of one event each."""

from __future__ import annotations

import http.client
import re

from .headers import begin

BLOCK_SIZE = 65536
"""Bytes asked of a socket at a time."""
LONGEST_FRAMING_LINE = 65536
"""Bytes of a line between chunks."""
_SIZE = re.compile(rb"\s*+([0-9a-fA-F]{1,15})\s*?(?:;.*)?\n")
"""The line with the size of a chunk, and the end of the chunk before it."""


class BlockResponse(http.client.HTTPResponse):
    """Reads a chunked body block by block, however small its chunks: one call, many events."""

    _unparsed = b""
    _left_in_chunk = 0
    _in_trailer = False
    _failure: http.client.HTTPException | None = None

    begin = begin

    def _read_status(self) -> tuple[str, int, str]:
        """The status line of the answer; interim ones (102, 103) are passed over.

        Source: RFC 9110, section 15.2. `http.client` itself passes over 100 alone.
        """
        version, status, reason = super()._read_status()  # type: ignore[misc]
        while 102 <= status < 200:
            http.client.parse_headers(self.fp)
            version, status, reason = super()._read_status()  # type: ignore[misc]
        return version, status, reason

    def flush(self) -> None:
        """Do nothing: nothing is written here, and what is read from may be closed already."""

    def read1(self, n: int = -1) -> bytes:
        """What has arrived, at most `n` bytes, waiting only when nothing has.

        Source of the chunked format: RFC 9112, section 7.1.
        """
        if not self.chunked or self.fp is None:
            return super().read1(n)
        content = b""
        while not content and self.fp is not None:
            if self._failure is not None:
                raise self._failure
            block = self.fp.read1(n if n > 0 else BLOCK_SIZE)
            if not block:
                raise http.client.IncompleteRead(b"")
            content = self._unchunk(self._unparsed + block)
        return content

    def _unchunk(self, block: bytes) -> bytes:
        pieces = []
        at = 0
        while at < len(block) and self._failure is None and self.fp is not None:
            if self._left_in_chunk:
                piece = block[at : at + self._left_in_chunk]
                pieces.append(piece)
                at += len(piece)
                self._left_in_chunk -= len(piece)
                continue
            size = None if self._in_trailer else _SIZE.match(block, at)
            if size is not None:
                self._left_in_chunk = int(size[1], 16)
                self._in_trailer = self._left_in_chunk == 0
                at = size.end()
                continue
            line_end = block.find(b"\n", at)
            if line_end < 0:
                break
            self._take_other_line(block[at:line_end].strip())
            at = line_end + 1
        self._unparsed = block[at:]
        if len(self._unparsed) > LONGEST_FRAMING_LINE:
            self._fail("an endless line")
        return b"".join(pieces)

    def _take_other_line(self, line: bytes) -> None:
        if not self._in_trailer:
            if line:  # else it ends the chunk before, and what follows is still to come
                self._fail("a malformed chunk size")
        elif not line:
            self._close_conn()  # type: ignore[attr-defined]  # the body is complete

    def _fail(self, what: str) -> None:
        # Raised by the next read: what came before it in the same block is good.
        self._failure = http.client.HTTPException(f"the chunked body has {what}")

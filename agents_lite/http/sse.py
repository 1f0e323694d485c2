"""Bytes to server-sent events; knows neither HTTP nor models.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

import re

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_DATA = re.compile(rb"\ndata(?:: ?|(?=\n))(.*(?:\n.+)*+)")
"""An event from its first line of data on."""


class EventDecoder:
    """Cuts a byte stream, fed in blocks of any size, into the data of its events.

    Lines end with LF, CR or CRLF; nothing else ends one, U+2028 least of all. Only `data` counts:
    the events of the Responses API name their type in there. For servers that name it nowhere else,
    the `event` lines can be looked up.
    """

    def __init__(self) -> None:
        self._unfinished: list[bytes] = []  # joined only once: events may have many megabytes
        self._last_byte = b""
        self._text = b""  # the events that the last block completed, each line with an LF before it
        self._at_start = True
        self._after_carriage_return = False

    def feed(self, block: bytes) -> list[bytes]:
        """The data of each event that this block completes, the lines of one joined by LF."""
        if self._after_carriage_return and block:
            self._after_carriage_return = False
            block = block.removeprefix(b"\n")  # the other half of a CRLF
        if not block:
            return []
        if b"\r" in block:
            self._after_carriage_return = block.endswith(b"\r")
            block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        ends_a_line, self._last_byte = self._last_byte == b"\n", block[-1:]
        self._unfinished.append(block)
        if b"\n\n" not in block and not (ends_a_line and block.startswith(b"\n")):
            return []
        text = b"".join(self._unfinished)
        if self._at_start:
            self._at_start = False
            text = b"\n" + text.removeprefix(BYTE_ORDER_MARK)
        end = text.rindex(b"\n\n") + 1
        text, self._unfinished = text[: end + 1], [text[end:]]
        self._text = text.replace(b"\nerror: {", b"\ndata: {")  # as llama.cpp told of them
        return self._events(self._text)

    def name_of(self, data: bytes) -> str:
        """What an `event` line calls the event of that data, which the last block completed."""
        name = b""
        first = data.partition(b"\n")[0]
        for line in self._text.split(b"\n"):
            if line[:6] == b"event:":
                name = line[6:].strip()
            elif not line:
                name = b""
            elif line[:5] == b"data:" and line[5:].removeprefix(b" ") == first:
                break
        return name.decode("utf-8", "replace")

    def finish(self) -> list[bytes]:
        """The data of a last event that lacks its empty line, after the last block."""
        return self.feed(b"\n\n")

    def _events(self, text: bytes) -> list[bytes]:
        head, mark, rest = text.partition(b"\ndata: ")
        if mark and b"\ndata" not in head:
            # As a rule all begin like the first one, and have one line of data.
            events = rest[:-2].split(b"\n" + head + mark)
            if b"\n" not in b"".join(events):
                return events
        events = _DATA.findall(text)
        if b"\n" in b"".join(events):
            return [b"\n".join(_lines_of_data(event)) for event in events]
        return events


def _lines_of_data(event: bytes) -> list[bytes]:
    """What an event says, line by line; its first line has lost its name already."""
    first, *others = event.split(b"\n")
    told = [line[5:].removeprefix(b" ") for line in others if line[:5] in (b"data", b"data:")]
    return [first, *told]

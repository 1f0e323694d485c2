"""Bytes to server-sent events; knows neither HTTP nor models.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventDecoder:
    """Cuts a byte stream, fed in blocks of any size, into the data of its events.

    Lines end with LF, CR or CRLF; nothing else ends one, U+2028 least of all. Only `data` counts:
    the events of the Responses API name their type in there. For servers that name it nowhere else,
    the `event` lines can be looked up.
    """

    def __init__(self) -> None:
        self._unfinished_line: list[bytes] = []
        self._data: list[bytes] = []
        self._lines: list[bytes] = []  # of the last block, and of an event that it goes on with
        self._at_start = True
        self._after_carriage_return = False

    def feed(self, block: bytes) -> list[bytes]:
        """The data of each event that this block completes, the lines of one joined by LF."""
        if self._after_carriage_return and block:
            self._after_carriage_return = False
            block = block.removeprefix(b"\n")  # the other half of a CRLF
        if b"\n" not in block and b"\r" not in block:
            self._unfinished_line.append(block)  # joined only once: lines may have many megabytes
            return []
        self._after_carriage_return = block.endswith(b"\r")
        ends_its_line = self._after_carriage_return or block.endswith(b"\n")
        lines = block.splitlines()
        if self._unfinished_line:
            lines[0] = b"".join(self._unfinished_line) + lines[0]
        self._unfinished_line = [] if ends_its_line else [lines.pop()]
        if self._at_start:
            self._at_start = False
            lines[0] = lines[0].removeprefix(BYTE_ORDER_MARK)
        self._lines = [*_after_last_event(self._lines), *lines]
        return self._events(lines)

    def name_of(self, data: bytes) -> str:
        """What an `event` line calls the event of that data, which the last block completed."""
        name = b""
        first = data.partition(b"\n")[0]
        for line in self._lines:
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

    def _events(self, lines: list[bytes]) -> list[bytes]:
        events = []
        data = self._data
        for line in lines:
            if line[:5] == b"data:":
                data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif not line and data:
                events.append(data[0] if len(data) == 1 else b"\n".join(data))
                data.clear()
            elif line == b"data":
                data.append(b"")
        return events


def _after_last_event(lines: list[bytes]) -> list[bytes]:
    """The lines at the end that no empty line has closed yet."""
    for index in range(len(lines) - 1, -1, -1):
        if not lines[index]:
            return lines[index + 1 :]
    return lines

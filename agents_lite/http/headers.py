"""An answer's headers, read line by line.

The standard library has its parser of e-mails read them, which takes a tenth of a turn.
"""

from __future__ import annotations

import http.client
import io
import re
from types import FunctionType
from typing import Any

_PLAIN_LINE = re.compile(r"^([!-9;-~]+):[ \t]*([\t -~]*)\r?\n", re.MULTILINE)


def parse_headers(file: Any, **limits: Any) -> http.client.HTTPMessage:
    """The headers at whose beginning a file is, as `http.client.parse_headers` reads them.

    That is asked itself where one is not plain: folded, not ASCII, without a name or its end.
    """
    read: Any = http.client._read_headers  # type: ignore[attr-defined]
    text = b"".join(read(file, *limits.values())).decode("iso-8859-1")
    lines = _PLAIN_LINE.findall(text)
    if len(lines) + 1 != text.count("\n"):  # the last is the empty one
        whole = io.BytesIO(text.encode("iso-8859-1"))
        return http.client.parse_headers(whole, **limits)  # type: ignore[no-any-return]
    message = http.client.HTTPMessage()
    for name, value in lines:
        message.set_raw(name, value)
    return message


begin: Any = FunctionType(
    http.client.HTTPResponse.begin.__code__, {**vars(http.client), "parse_headers": parse_headers}
)
"""`HTTPResponse.begin`, which reads status and headers, with that function for its headers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents_lite.http.sse import EventDecoder
from tests.support.recordings import CUTS, RECORDINGS, load_exchanges


def decode(blocks: list[bytes]) -> list[bytes]:
    decoder = EventDecoder()
    events = [data for block in blocks for data in decoder.feed(block)]
    return events + decoder.finish()


def cut(content: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(content), *(place % (len(content) + 1) for place in places)})
    return [content[start:end] for start, end in zip(edges, edges[1:], strict=False)]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        pytest.param(b"data: a\n\ndata: b\n\n", [b"a", b"b"], id="line feeds"),
        pytest.param(b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"], id="CRLF"),
        pytest.param(b"data: a\r\rdata: b\r\r", [b"a", b"b"], id="CR"),
        pytest.param(b"\xef\xbb\xbfdata: a\n\n", [b"a"], id="byte order mark"),
        pytest.param(b": hello\n\n:\n\ndata: a\n\n", [b"a"], id="comments"),
        pytest.param(b"data: {\ndata: }\n\n", [b"{\n}"], id="several data lines are joined"),
        pytest.param(b"data: {\r\ndata: }\r\n\r\n", [b"{\n}"], id="also where CRLF ends them"),
        pytest.param(b"data\n\n", [b""], id="a data field without a colon"),
        pytest.param(b"data:a\n\n", [b"a"], id="no space after the colon"),
        pytest.param(b"data:  a\n\n", [b" a"], id="only one space is taken off"),
        pytest.param(b"event: x\nid: 1\nretry: 5\nx\ndata: a\n\n", [b"a"], id="other fields"),
        pytest.param(b"event: x\n\ndata: a\n\n", [b"a"], id="an event without data is none"),
        pytest.param(b"event: x\ndata: a\n\nevent: x\ndata: b\n\n", [b"a", b"b"], id="alike"),
        pytest.param(b"data:a\n\ndata: b\n\ndata:c\n\n", [b"a", b"b", b"c"], id="not alike"),
        pytest.param(b"data\n\ndata: b\n\n", [b"", b"b"], id="without a colon, then with one"),
        pytest.param(b"data: a\n\ndata:  b\n\n", [b"a", b" b"], id="another space"),
        pytest.param(b": x\n\ndata: a\n\n: x\n\ndata: b\n\n", [b"a", b"b"], id="pings between"),
        pytest.param(b"data: a\n\ndata: b\ndata: c\n\n", [b"a", b"b\nc"], id="more lines later"),
        pytest.param(b"data: a\nid: 1\n\ndata: b\nid: 2\n\n", [b"a", b"b"], id="fields behind it"),
        pytest.param(b"data: a\n\n\n\n", [b"a"], id="empty lines at the end"),
        pytest.param(b"data: a", [b"a"], id="the last event may lack its end"),
        pytest.param("data: \u2028\x85\x0b\n\n".encode(), ["\u2028\x85\x0b".encode()],
                     id="other line separators are text"),
        pytest.param(b"database: a\n\n", [], id="a field that only begins like data"),
        pytest.param(b"", [], id="nothing"),
    ],
)  # fmt: skip
def test_events_of_a_stream(stream: bytes, events: list[bytes]):
    assert decode([stream]) == events
    assert decode([bytes([byte]) for byte in stream]) == events


def test_an_event_is_there_as_soon_as_its_empty_line_is():
    decoder = EventDecoder()

    assert decoder.feed(b"data: a\r\n") == []
    assert decoder.feed(b"\r") == [b"a"]
    assert decoder.feed(b"\ndata: b\n\n") == [b"b"]


json_values = st.dictionaries(st.text(max_size=5), st.text() | st.integers(), max_size=3)
line_ends = st.sampled_from([b"\n", b"\r", b"\r\n"])
places = st.lists(st.integers(min_value=0), max_size=30)


@given(st.lists(json_values), line_ends, st.booleans(), places)
def test_any_chunking_of_a_good_stream_gives_its_events(values, line_end, is_ascii, where):
    texts = [json.dumps(value, ensure_ascii=is_ascii).encode() for value in values]
    lines = [line for text in texts for line in (b": note", b"event: e", b"data: " + text, b"")]
    stream = b"".join(line + line_end for line in lines)

    assert decode(cut(stream, where)) == texts


@given(st.lists(st.sampled_from([b"data:", b"data: x", b"\r", b"\n", b"\xef\xbb\xbf", b"\xe2"])
                | st.binary(max_size=8)).map(b"".join), places)  # fmt: skip
def test_any_chunking_of_a_damaged_stream_gives_the_same_events(stream, where):
    assert decode(cut(stream, where)) == decode([stream])


@pytest.mark.parametrize("cut_up", CUTS)
@pytest.mark.parametrize("recording", RECORDINGS)
def test_recorded_streams_give_their_events_however_they_are_cut(recording, cut_up):
    for exchange in load_exchanges(recording):
        if exchange.is_stream:
            found = decode(cut_up(exchange.body.encode()))

            assert [json.loads(data) for data in found if data != b"[DONE]"] == exchange.events


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_the_name_of_an_event_can_be_looked_up_however_it_is_cut(size):
    stream = b"event: one\ndata: 1\n\n: hi\ndata:2\n\nid: 5\nevent:three\ndata: 3\ndata: 3\n\n"
    decoder, names = EventDecoder(), []
    for at in range(0, len(stream), size):
        names += [(data, decoder.name_of(data)) for data in decoder.feed(stream[at : at + size])]

    assert names == [(b"1", "one"), (b"2", ""), (b"3\n3", "three")]

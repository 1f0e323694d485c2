"""A stand-in for a model's server, on both of its APIs: a real HTTP server on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..checks import check_number
from ..concurrency.forks import new_lock
from ..exceptions import APIStatusError, UserError, words_of
from ..local_server.messages import CutConnection, HTTPReply, HTTPRequest, json_reply
from .batches import BATCHES as BATCHES_PATH
from .batches import FILES as FILES_PATH
from .batches import Batches
from .builders import ScriptedTurn, Turn
from .chat_validation import check_chat_request
from .chat_wire import as_responses_request, build_completion, chat_usage, completion_chunks
from .conversations import PATH as CONVERSATIONS_PATH
from .conversations import Conversations
from .rules import answer_by_rules
from .script import Script, ScriptError
from .validation import RequestRejected, check_items, check_parameters, require
from .wire import build_response, encode_sse, new_id, stream_events

if TYPE_CHECKING:
    from ..local_server.server import LocalServer

Json = dict[str, Any]

_PATH = "/v1/responses"
_CHAT_PATH = "/v1/chat/completions"
_EVENT_STREAM = {"Content-Type": "text/event-stream; charset=utf-8"}
_ECHOED = set(
    "background instructions max_output_tokens metadata model parallel_tool_calls "
    "previous_response_id reasoning store temperature text tool_choice tools top_p "
    "truncation".split()
)


@dataclass
class _StoredResponse:
    """A response that later requests may build on."""

    input: list[Json]
    response: Json
    previous: _StoredResponse | None
    ready_at: float = 0.0
    """When a background response is done, on the monotonic clock."""

    def shown(self) -> Json:
        """The response as it stands."""
        return self.response if time.monotonic() >= self.ready_at else self.so_far("in_progress")

    def so_far(self, status: str) -> Json:
        """The response without an output."""
        return {**self.response, "status": status, "output": [], "usage": None}


class ResponsesServer:
    """Speaks the Responses API on 127.0.0.1, as JSON and as Server-Sent Events.

    It speaks Chat Completions as well; scripts are the same for both.

    With a script it gives prepared answers. Without one it answers by simple rules: it calls the
    tools and handoffs whose names or descriptions match the user's message, with arguments read
    out of the message, then answers from their outputs. It refuses what the real API refuses and
    keeps responses, so that `previous_response_id` and `conversation` work. A background response
    that is not streamed is queued, and done when the delay of its turn is over.

    ```python
    with ResponsesServer(["Hello!"]) as server:
        client = ResponsesClient(base_url=server.base_url, api_key="any")
    ```

    Its threads are daemons: a script may start a server and never close it.

    Args:
        script: What to answer, in the order of the requests (see `ScriptedTurn`), or one function
            that is given each `HTTPRequest`; None answers by rules. An `APIStatusError` is sent
            as its status and body, any other error as a 500; `CutConnection` drops the connection.
            What a function raises, instead of returning it, is a 400.
        api_key: The key that requests must bear; None lets anyone in.
        models: The models there are; None takes any name.
        delay: Seconds to wait before each answer whose turn names no delay of its own.
        port: The port; 0 picks a free one.

    Attributes:
        requests: Every request so far, in order, refused ones included.
        batches: The batches of the Batch API; `batches.are_held = True` keeps them in progress.
    """

    def __init__(
        self,
        script: Sequence[ScriptedTurn] | Callable[[HTTPRequest], ScriptedTurn] | None = None,
        *,
        api_key: str | None = None,
        models: Collection[str] | None = None,
        delay: float = 0.0,
        port: int = 0,
    ) -> None:
        self.requests: list[HTTPRequest] = []
        self._script = None if script is None else Script(script)
        self._api_key = api_key
        self._models = models
        check_number(delay, "ResponsesServer: delay")
        self._delay = delay
        self._port = port
        self._http: LocalServer | None = None
        self._responses: dict[str, _StoredResponse] = {}
        self._conversations = Conversations()
        self.batches = Batches(self._create)
        self._lock = new_lock()

    @property
    def base_url(self) -> str:
        """The base URL for clients, such as "http://127.0.0.1:50123/v1"."""
        if self._http is None:
            raise UserError("The server is not running: use it in a with block, or call start().")
        return self._http.url + "/v1"

    def start(self) -> ResponsesServer:
        """Begin to serve, unless it does; returns the server itself."""
        from ..local_server.server import LocalServer

        if self._http is None or self._http.is_closed:
            self._http = LocalServer(self._answer, port=self._port)
        return self

    def close(self) -> None:
        """Stop serving and cut all connections. The recorded requests stay."""
        if self._http is not None:
            self._http.close()

    def assert_finished(self) -> None:
        """Raise a `ScriptError` unless the script's turns were used up, and not more."""
        if self._script is not None:
            self._script.assert_finished()

    def __enter__(self) -> ResponsesServer:
        return self.start()

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _answer(self, request: HTTPRequest) -> HTTPReply:
        with self._lock:
            self.requests.append(request)
        try:
            self._check_key(request)
            reply = self._route(request)
        except RequestRejected as rejected:
            reply = rejected.reply
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            # What should be an object is none, for example.
            words = f"This cannot be answered: {type(error).__name__}: {error}"
            reply = RequestRejected(words).reply
        return replace(reply, headers={"x-request-id": new_id("req"), **reply.headers})

    def _check_key(self, request: HTTPRequest) -> None:
        if self._api_key is None:
            return
        if request.headers.get("authorization") != f"Bearer {self._api_key}":
            raise RequestRejected("Incorrect API key provided.", None, "invalid_api_key", 401)

    def _route(self, request: HTTPRequest) -> HTTPReply:
        if (request.method, request.path) == ("POST", _PATH):
            return self._create(request)
        if (request.method, request.path) == ("POST", _CHAT_PATH):
            return self._complete_chat(request)
        if request.path.startswith(CONVERSATIONS_PATH):
            return self._conversations.answer(request)
        if request.path.startswith((FILES_PATH, BATCHES_PATH)):
            return self.batches.answer(request)
        if request.path.startswith(_PATH + "/"):
            response_id, _, action = request.path.removeprefix(_PATH + "/").partition("/")
            if (request.method, action) == ("GET", ""):
                return self._retrieve(response_id, request.query)
            if (request.method, action) == ("POST", "cancel"):
                return self._cancel(response_id)
        raise RequestRejected(
            f"Invalid URL ({request.method} {request.path})", None, "unknown_url", 404
        )

    def _create(self, request: HTTPRequest) -> HTTPReply:
        body = request.body
        check_parameters(body, self._models)
        previous = self._find_previous(body)
        new_items = _input_items(body.get("input"))
        conversation = _conversation_id(body)
        history = _history(previous) or self._conversations.items(conversation)
        check_items(new_items, history)
        turn = self._next_turn(request, body, history + new_items)
        if isinstance(turn, HTTPReply):
            return turn
        response = build_response(turn, _echoed(body))
        stored = _StoredResponse(new_items, response, previous)
        self._store(body, stored)
        if conversation:
            self._conversations.add(conversation, new_items + response["output"])
        delay = self._delay if turn.delay is None else turn.delay
        if body.get("background") and not body.get("stream"):
            stored.ready_at = time.monotonic() + delay
            return json_reply(stored.so_far("queued"))
        reply = _stream(response, turn.pause) if body.get("stream") else json_reply(response)
        reply.delay = delay
        return reply

    def _complete_chat(self, request: HTTPRequest) -> HTTPReply:
        check_chat_request(request.body)
        body = as_responses_request(request.body)
        check_parameters(body, self._models)
        check_items(body["input"], [])
        turn = self._next_turn(request, body, body["input"])
        if isinstance(turn, HTTPReply):
            return turn
        response = build_response(turn, {"model": body["model"]})
        completion = build_completion(response, chat_usage(turn.usage))
        reply = json_reply(completion)
        if request.body.get("stream"):
            options = request.body.get("stream_options") or {}
            chunks = completion_chunks(completion, bool(options.get("include_usage")))
            reply = HTTPReply(200, _paced(chunks, turn.pause), _EVENT_STREAM)
        reply.delay = self._delay if turn.delay is None else turn.delay
        return reply

    def _retrieve(self, response_id: str, query: dict[str, str]) -> HTTPReply:
        stored = self._stored(response_id)
        if query.get("include[]") == "reasoning.encrypted_content":
            raise RequestRejected("Encrypted content cannot be requested for persisted responses.")
        if query.get("stream") == "true":
            return _stream(stored.response, after=int(query.get("starting_after", -1)))
        return json_reply(stored.shown())

    def _cancel(self, response_id: str) -> HTTPReply:
        stored = self._stored(response_id)
        if time.monotonic() < stored.ready_at:
            stored.response, stored.ready_at = stored.so_far("cancelled"), 0.0
        return json_reply(stored.response)

    def _stored(self, response_id: str) -> _StoredResponse:
        if response_id not in self._responses:
            raise RequestRejected(f"Response with id '{response_id}' not found.", status=404)
        return self._responses[response_id]

    def _next_turn(self, request: HTTPRequest, body: Json, items: list[Json]) -> Turn | HTTPReply:
        if self._script is None:
            return answer_by_rules(body, items)
        try:
            turn = self._script.take(request)
        except ScriptError as error:  # a 400, since clients try again after a 500
            raise RequestRejected(str(error), None, "script_ran_out") from error
        except CutConnection:
            raise
        except Exception as error:  # of a function in the script
            text = f"The script raised {type(error).__name__}: {words_of(error)}"
            raise RequestRejected(text, None, "script_failed") from error
        if isinstance(turn, CutConnection):
            raise turn
        if isinstance(turn, APIStatusError):
            body = turn.body or {"error": {"message": str(turn), "code": turn.code}}
            return json_reply(body, turn.status_code, turn.headers)
        if isinstance(turn, BaseException):
            return json_reply({"error": {"message": str(turn), "type": "server_error"}}, 500)
        return turn

    def _find_previous(self, body: Json) -> _StoredResponse | None:
        response_id = body.get("previous_response_id")
        if response_id is None:
            return None
        if response_id not in self._responses:
            raise RequestRejected(
                f"Previous response with id '{response_id}' not found.",
                "previous_response_id",
                "previous_response_not_found",
            )
        return self._responses[response_id]

    def _store(self, body: Json, stored: _StoredResponse) -> None:
        if body.get("store") is not False:
            self._responses[stored.response["id"]] = stored


def _input_items(given: Any) -> Any:
    if given is None:
        return []
    return [{"role": "user", "content": given}] if isinstance(given, str) else given


def _history(stored: _StoredResponse | None) -> list[Json]:
    turns = []
    while stored is not None:
        turns.append(stored.input + stored.response["output"])
        stored = stored.previous
    return [item for turn in reversed(turns) for item in turn]


def _conversation_id(body: Json) -> str:
    conversation = body.get("conversation") or ""
    if isinstance(conversation, dict):
        require(conversation, "id", "conversation.")
        return str(conversation["id"])
    return str(conversation)


def _echoed(body: Json) -> Json:
    echoed = {name: value for name, value in body.items() if name in _ECHOED}
    if body.get("conversation"):
        echoed["conversation"] = {"id": _conversation_id(body)}
    return echoed


def _stream(response: Json, pause: float = 0.0, after: int = -1) -> HTTPReply:
    """The response as Server-Sent Events, from the one after that sequence number on."""
    events = (
        encode_sse(event)
        for event in stream_events(response)
        if event["sequence_number"] > after
    )
    return HTTPReply(200, _paced(events, pause), _EVENT_STREAM)


def _paced(chunks: Iterable[bytes], pause: float) -> Iterator[bytes | float]:
    for chunk in chunks:
        yield chunk
        if pause:
            yield pause

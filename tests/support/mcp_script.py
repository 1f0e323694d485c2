"""A server on standard input and output that plays faults: `python mcp_script.py JSON`.

The JSON names what it does otherwise than a good server:

* `modern`: speaks the revision without sessions
* `hang`: methods, or tools, that are never answered
* `die`: methods, or tools, at which it ends, each with its exit code
* `stays`: goes on when its input is closed and when it is told to end
* `pages`: how many pages the tools are listed on; `same_cursor`: all with one cursor
* `spawn`: starts a process of its own, which stays
* `capabilities`: in place of its own
* `seals`: knows a state that it gave only as long as its process lives
* `answers`: results, or `{"error": ...}`, by method, in place of its own
* `log`: a file that gets a line of JSON for each message that comes in
* `banner`: what it writes before all else
* `dialect`: what is odd about its lines: `mark`, `windows`, `text_ids`, `bytes`
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

ANNOTATIONS = {
    "echo": {"readOnlyHint": True},
    "big": {"readOnlyHint": True},
    "write": {"readOnlyHint": False, "destructiveHint": True},
}
TOOLS = "echo write big flood fail ask chat late env pid grow rpc".split()
TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}

plan: dict[str, Any] = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
SEAL = f"s{os.getpid()}" if plan.get("seals") else "s"
tools = list(plan.get("tools") or TOOLS)
held_back: list[dict[str, Any]] = []
unread: list[dict[str, Any]] = []


def write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def answer_those_held_back() -> None:
    while held_back:
        send(held_back.pop())


def send(message: dict[str, Any]) -> None:
    dialect = plan.get("dialect")
    if dialect == "text_ids" and "method" not in message:
        message = {**message, "id": str(message["id"])}
    line = json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n"
    if dialect == "mark":
        line = b"\xef\xbb\xbf" + line
    elif dialect == "windows":
        line = line[:-1] + b"\r\n"
    elif dialect == "bytes":
        line = line.replace(b'"here"', b'"here\xff"')
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def read() -> dict[str, Any] | None:
    line = sys.stdin.readline()
    if not line:
        return None
    message: dict[str, Any] = json.loads(line)
    if "log" in plan:
        with open(plan["log"], "a") as log:
            log.write(line)
    return message


def ask(id: str, method: str, **more: Any) -> dict[str, Any]:
    """The client's answer; calls that come before it are served, as it may wait for theirs."""
    send({"id": id, "method": method, **more})
    while (message := read()) is not None:
        if message.get("id") == id and "method" not in message:
            return message
        if "method" in message:
            serve(message)
        else:
            unread.append(message)
    return {}


def text(value: Any, **more: Any) -> dict[str, Any]:
    shown = value if isinstance(value, str) else json.dumps(value)
    return {"content": [{"type": "text", "text": shown}], **more}


def capabilities() -> dict[str, Any]:
    return plan.get("capabilities", {"tools": {"listChanged": True}, "prompts": {}})


def describe(name: str) -> dict[str, Any]:
    schema = TEXT if name in ("echo", "write") else {"type": "object"}
    if name == "odd":
        schema = {"type": "array"}
    tool = {"name": name, "description": f"The tool {name}.", "inputSchema": schema}
    return {**tool, "annotations": ANNOTATIONS.get(name, {})}


def list_tools(params: dict[str, Any]) -> dict[str, Any]:
    pages = plan.get("pages", 1)
    page = int(params.get("cursor") or 0)
    size = -(-len(tools) // pages)
    found = {"tools": [describe(name) for name in tools[page * size : (page + 1) * size]]}
    if plan.get("same_cursor"):
        return {**found, "nextCursor": "0"}
    return {**found, "nextCursor": str(page + 1)} if page + 1 < pages else found


def call(name: str, arguments: dict[str, Any], id: Any, params: dict[str, Any]) -> Any:
    if name in ("echo", "write"):
        return text(arguments.get("text", ""))
    if name == "big":
        return text("é" * arguments.get("size", 1_000_000))
    if name == "flood":
        sys.stderr.write("flood\n" * 200_000)
        sys.stderr.flush()
        return text("flooded")
    if name == "fail":
        return text("the moon is full", isError=True)
    if name == "env":
        return text(sorted(os.environ))
    if name == "pid":
        return text(os.getpid())
    if name == "grow":
        tools.append(f"tool_{len(tools)}")
        send({"method": "notifications/tools/list_changed"})
        return text("grown")
    if name == "chat":  # notifications, a question, an answer that nobody asked for, and noise
        send({"method": "notifications/message", "params": {"level": "info", "data": "hello"}})
        send({"id": 999_999, "result": {}})
        write("this is no JSON\n\n[1, 2]\n")
        answer = ask("p1", "ping")
        whole = json.dumps({"jsonrpc": "2.0", "id": id, "result": text(answer.get("result"))})
        for piece in (whole[:7], whole[7:20], whole[20:] + "\n" + '{"jsonrpc": "2.0",'):
            write(piece)
        write('"method": "notifications/unheard"}\n')
        return None
    if name == "late":  # answered when another call has come
        held_back.append({"id": id, "result": text("late")})
        if len(held_back) > 1:
            answer_those_held_back()
        return None
    if name == "book":
        return book(id, params)
    if name == "quiz":
        return quiz(id, arguments)
    if name == "farewell":  # the last line has no end
        write(json.dumps({"jsonrpc": "2.0", "id": id, "result": text("farewell")}))
        os._exit(0)
    if name == "slow":  # answered after a moment, while other messages are read
        threading.Timer(0.3, send, [{"id": id, "result": text("slow")}]).start()
        return None
    return question(name, id, params)


WHO = {
    "message": "Who comes?",
    "requestedSchema": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name"],
    },
}
WHEN = {
    "message": "Which day?",
    "requestedSchema": {
        "type": "object",
        "properties": {
            "day": {"type": "string", "enum": ["Monday", "Friday"]},
            "meals": {"type": "array", "items": {"type": "string", "enum": ["lunch", "dinner"]}},
        },
        "required": ["day"],
    },
}


def book(id: Any, params: dict[str, Any]) -> Any:
    """Asks two questions: at once in the newest revision, one after the other in those before."""
    if not plan.get("modern"):
        answers = []
        for number, form in enumerate((WHO, WHEN)):
            answers.append(ask(f"q{id}.{number}", "elicitation/create", params=form)["result"])
            if answers[-1]["action"] != "accept":
                return text("nothing booked")
    elif "inputResponses" not in params:
        asked = {"who": WHO, "when": WHEN}
        requests = {n: {"method": "elicitation/create", "params": f} for n, f in asked.items()}
        return {"resultType": "input_required", "inputRequests": requests, "requestState": SEAL}
    elif params.get("requestState") != SEAL:
        data = {"reason": "invalid_request_state"}
        return {"error": {"code": -32602, "message": "Invalid requestState", "data": data}}
    else:
        answers = [params["inputResponses"][name] for name in ("who", "when")]
        if any(answer["action"] != "accept" for answer in answers):
            return text("nothing booked")
    who, when = (answer["content"] for answer in answers)
    meals = " and ".join(["", *when.get("meals", ())])
    return text(f"booked for {who['name']} on {when['day']}{meals}")


quizzes: list[tuple[Any, dict[str, Any]]] = []
asked: dict[str, tuple[Any, str]] = {}


def quiz(id: Any, arguments: dict[str, Any]) -> None:
    """Asks in the middle of a call, while others go on; of two calls, the later one asks first."""
    quizzes.append((id, arguments))
    if len(quizzes) == 2:
        ask_all()
    else:
        threading.Timer(0.3, ask_all).start()


def ask_all() -> None:
    while quizzes:
        id, arguments = quizzes.pop()
        name = arguments["name"]
        asked[f"z{id}"] = id, name
        words = "How old?" if arguments.get("same") else f"How old is {name}?"
        form = {"message": words, "requestedSchema": {"type": "object"}}
        send({"id": f"z{id}", "method": "elicitation/create", "params": form})


def take_answer(message: dict[str, Any]) -> None:
    id, name = asked.pop(message["id"])
    answer = message["result"]
    said = f"{name} is {answer['content']['age']}" if "content" in answer else answer["action"]
    send({"id": id, "result": text(said)})


def question(name: str, id: Any, params: dict[str, Any]) -> Any:
    form = {"message": "How old are you?", "requestedSchema": {"type": "object"}}
    if name == "rpc":
        return {"error": {"code": -32602, "message": "no such thing", "data": {"a": 1}}}
    if not plan.get("modern"):
        answer = ask("e1", "elicitation/create", params=form)
        return text(answer.get("result") or answer.get("error"))
    if "inputResponses" not in params:
        asked = {"method": "elicitation/create", "params": form}
        return {
            "resultType": "input_required",
            "inputRequests": {"age": asked},
            "requestState": "opaque",
        }
    return text([params["inputResponses"]["age"], params.get("requestState")])


def answer(message: dict[str, Any]) -> Any:
    method, params = message["method"], message.get("params") or {}
    if method in plan.get("answers", {}):
        return plan["answers"][method]
    if method == "server/discover" and plan.get("modern"):
        versions = plan.get("versions", ["2026-07-28"])
        return {"supportedVersions": versions, "capabilities": capabilities()}
    if method == "initialize" and not plan.get("modern"):
        version = plan.get("version") or params["protocolVersion"]
        facts = {"protocolVersion": version, "capabilities": capabilities()}
        return {**facts, "serverInfo": {"name": "script"}, "instructions": "Be kind."}
    if method == "tools/list":
        return list_tools(params)
    if method == "prompts/list":
        return {"prompts": [{"name": "greet"}]}
    if method == "prompts/get":
        said = {"type": "text", "text": f"Greet {params['arguments']['name']}."}
        return {"messages": [{"role": "user", "content": said}]}
    if method == "tools/call":
        return call(params["name"], params.get("arguments") or {}, message["id"], params)
    if method == "subscriptions/listen":
        return None
    return {"error": {"code": -32601, "message": f"no method {method}"}}


def serve(message: dict[str, Any]) -> None:
    if message.get("id") in asked:
        take_answer(message)
        return
    name = message.get("method", "")
    if name == "tools/call":
        name = message["params"]["name"]
    if name in plan.get("die", {}):
        sys.stderr.write(f"dying of {name} with {os.environ.get('API_TOKEN', 'no token')}\n")
        sys.stderr.flush()
        os._exit(plan["die"][name])
    if name in plan.get("hang", ()) or "id" not in message or "method" not in message:
        return
    result = answer(message)
    if isinstance(result, dict):
        body = result if "error" in result else {"result": result}
        send({"id": message["id"], **body})
        answer_those_held_back()


def main() -> None:
    if plan.get("stays"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if plan.get("spawn"):
        child = subprocess.Popen(["sleep", "1000"])
        sys.stderr.write(f"spawned {child.pid}\n")
        sys.stderr.flush()
    write(plan.get("banner", ""))
    while (message := unread.pop(0) if unread else read()) is not None:
        serve(message)
    while plan.get("stays"):
        time.sleep(1)


main()

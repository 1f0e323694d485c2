"""A server of the Model Context Protocol that costs next to nothing: canned answers on a pipe."""

from __future__ import annotations

import json
import sys


def answer(method: str, params: dict[str, object]) -> dict[str, object]:
    if method == "initialize":
        info = {"name": "echo", "version": "1"}
        told = {"protocolVersion": params["protocolVersion"], "serverInfo": info}
        return {"result": {**told, "capabilities": {"tools": {}}}}
    if method == "tools/call":
        return {"result": {"content": [{"type": "text", "text": "3"}], "isError": False}}
    return {"error": {"code": -32601, "message": f"There is no {method}"}}


def main() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message:
            told = answer(message["method"], message.get("params", {}))
            print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **told}), flush=True)


if __name__ == "__main__":
    main()

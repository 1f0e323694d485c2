"""Tools of an MCP server: a program that is spoken to over its standard input and output.

The server here is this file itself, in plain Python, so that the example runs offline. Others are
started in the same way: {"command": "npx", "args": ["-y", "@modelcontextprotocol/server-memory"]}.

Run it: python examples/19_mcp.py
"""

import json
import sys

from agents_lite import Agent, MCPServerStdio, Runner
from agents_lite.testing import offline_unless_configured

TOOL = {
    "name": "find_price",
    "description": "Find the price of a product.",
    "inputSchema": {
        "type": "object",
        "properties": {"product": {"type": "string"}},
        "required": ["product"],
    },
}


def serve() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        params = request.get("params") or {}
        product = params.get("arguments", {}).get("product")
        answers = {
            "initialize": {
                "protocolVersion": params.get("protocolVersion"),
                "capabilities": {"tools": {}},
            },
            "tools/list": {"tools": [TOOL]},
            "tools/call": {"content": [{"type": "text", "text": f"A {product} costs 24.90 EUR."}]},
        }
        if request["method"] in answers:
            answer = {"result": answers[request["method"]]}
        else:
            answer = {"error": {"code": -32601, "message": "There is no such method."}}
        if "id" in request:
            print(json.dumps({"jsonrpc": "2.0", "id": request["id"], **answer}), flush=True)


def main() -> None:
    shop = MCPServerStdio({"command": sys.executable, "args": [__file__, "serve"]}, name="shop")
    agent = Agent(name="Clerk", instructions="Tell prices.", mcp_servers=[shop])
    with offline_unless_configured(), shop:
        print([tool.name for tool in shop.list_tools()])
        print(Runner.run_sync(agent, "Find the price of the product 'bell'").final_output)


if __name__ == "__main__":
    serve() if "serve" in sys.argv else main()

# Output:
# ['find_price']
# A bell costs 24.90 EUR.

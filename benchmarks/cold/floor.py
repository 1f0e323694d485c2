"""The floor: one tool, two replies, by hand."""

import os

import requests
from pydantic import BaseModel
from pydantic_core import from_json


class Arguments(BaseModel):
    a: int
    b: int


def add(a: int, b: int) -> int:
    return a + b


tool = {
    "type": "function",
    "name": "add",
    "description": "Add two numbers.",
    "parameters": {**Arguments.model_json_schema(), "additionalProperties": False},
    "strict": True,
}
session = requests.Session()
session.headers["Authorization"] = f"Bearer {os.environ['OPENAI_API_KEY']}"
items = [{"role": "user", "content": "hi"}]
while True:
    answer = session.post(
        f"{os.environ['OPENAI_BASE_URL']}/responses",
        json={"model": "m", "input": items, "tools": [tool]},
        timeout=60,
    )
    answer.raise_for_status()
    output = from_json(answer.content)["output"]
    items += output
    calls = [item for item in output if item["type"] == "function_call"]
    if not calls:
        break
    for call in calls:
        arguments = Arguments.model_validate_json(call["arguments"])
        result = add(arguments.a, arguments.b)
        items.append(
            {"type": "function_call_output", "call_id": call["call_id"], "output": str(result)}
        )
print(output[0]["content"][0]["text"])

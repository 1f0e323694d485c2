from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from agents_lite.testing import ResponsesServer
from agents_lite.testing.rules import answer_by_rules

TEXT, INT = {"type": "string"}, {"type": "integer"}


def function(name: str, description: str = "", /, **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {
        "type": "function",
        "name": name,
        "description": description,
        "parameters": schema,
        "strict": False,
    }


def handoff(agent: str, description: str = "") -> dict[str, Any]:
    name = "transfer_to_" + agent.lower().replace(" ", "_")
    return function(name, f"Handoff to the {agent} agent to handle the request. {description}")


WEATHER = function("get_weather", "Get the current weather for a city.", city=TEXT)
TIME = function("get_time", "What time it is in a city.", city=TEXT)
ADD = function("add", "Add two numbers.", a=INT, b=INT)


def output_of(made: dict[str, Any], value: str) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": made["call_id"], "output": value}


def asked(message: str, *tools: dict[str, Any], work: Any = (), **body: Any) -> list[Any]:
    """What is answered: (name, arguments) for each call, and the text of each message."""
    items = [{"role": "user", "content": message}, *work]
    items = [{"call_id": f"call_{at}", **item} for at, item in enumerate(items)]
    turn = answer_by_rules({"tools": list(tools), **body}, items)
    return [
        (item["name"], json.loads(item["arguments"]))
        if item["type"] == "function_call"
        else item["content"][0]["text"]
        for item in turn.output
    ]


def made(name: str, **arguments: Any) -> dict[str, Any]:
    """A call as the rules make it."""
    arguments_text = json.dumps(arguments, separators=(",", ":"))
    return {"type": "function_call", "call_id": name, "name": name, "arguments": arguments_text}


def test_the_tool_that_fits_is_called():
    tools = [ADD, WEATHER, function("list_cities", "List the cities whose weather is known.")]
    assert asked("What's the weather in Oslo?", *tools) == [("get_weather", {"city": "Oslo"})]
    assert asked("What is 2 plus 3?", *tools) == [("add", {"a": 2, "b": 3})]


def test_words_match_by_their_stem_and_in_the_description():
    jokes = function("how_many_jokes", "Says how many.")
    assert asked("Tell me a joke", jokes, WEATHER) == [("how_many_jokes", {})]
    lookup = function("db_query_7", "Find invoices of a customer.", customer=TEXT)
    assert asked("Show me the invoice of Miller", lookup) == [
        ("db_query_7", {"customer": "Miller"})
    ]


def test_several_calls_are_made_at_once():
    assert asked("Weather in Paris and Tokyo?", WEATHER) == [
        ("get_weather", {"city": "Paris"}),
        ("get_weather", {"city": "Tokyo"}),
    ]
    assert asked("What's the weather and the time in Rome?", WEATHER, TIME) == [
        ("get_weather", {"city": "Rome"}),
        ("get_time", {"city": "Rome"}),
    ]


def test_one_call_at_a_time_where_parallel_calls_are_off():
    message = "Weather in Paris and Tokyo?"
    first = [("get_weather", {"city": "Paris"})]
    assert asked(message, WEATHER, parallel_tool_calls=False) == first
    work = [made("get_weather", city="Paris"), output_of(made("get_weather"), "sunny")]
    second = [("get_weather", {"city": "Tokyo"})]
    assert asked(message, WEATHER, parallel_tool_calls=False, work=work) == second


def test_the_answer_is_made_of_the_outputs():
    call = made("add", a=2, b=3)
    assert asked("What is 2 plus 3?", ADD, work=[call, output_of(call, "5")]) == [
        "add(2, 3) gives 5."
    ]
    call = made("get_weather", city="Oslo")
    work = [call, output_of(call, "The weather in Oslo is sunny")]
    assert asked("Weather in Oslo?", WEATHER, work=work) == ["The weather in Oslo is sunny."]


def test_outputs_may_be_parts():
    call = made("get_weather", city="Oslo")
    parts = [{"type": "input_text", "text": "It is sunny there."}]
    assert asked("Weather in Oslo?", WEATHER, work=[call, output_of(call, parts)]) == [
        "It is sunny there."
    ]


def test_a_new_message_asks_anew():
    call = made("get_weather", city="Oslo")
    work = [call, output_of(call, "sunny"), {"role": "assistant", "content": "Sunny."}]
    again = [*work, {"role": "user", "content": "And the weather in Oslo now?"}]
    assert asked("Weather in Oslo?", WEATHER, work=again) == [("get_weather", {"city": "Oslo"})]


def test_a_handoff_is_made_when_it_fits_best():
    agents = [handoff("Spanish"), handoff("Billing", "Invoices and payments.")]
    assert asked("Hola, ¿cómo estás?", *agents) == [("transfer_to_spanish", {})]
    assert asked("A question about my invoice", *agents) == [("transfer_to_billing", {})]
    assert asked("The weather for my payment?", WEATHER, *agents)[0][0] == "get_weather"


def test_only_one_handoff_is_made():
    agents = [handoff("Refund"), handoff("Billing")]
    assert len(asked("Billing or refund?", *agents)) == 1


def test_after_a_handoff_the_next_agents_tools_count():
    call = made("transfer_to_weather_agent")
    work = [call, output_of(call, '{"assistant": "Weather agent"}')]
    assert asked("Weather in Oslo?", WEATHER, work=work) == [("get_weather", {"city": "Oslo"})]
    call_back = [*work, made("get_weather", city="Oslo"), output_of(made("get_weather"), "sunny")]
    assert asked("Weather in Oslo?", WEATHER, work=call_back) == ["get_weather(Oslo) gives sunny."]


def test_tool_choice_is_honoured():
    assert asked("Weather in Oslo?", WEATHER, tool_choice="none")[0].startswith("I am an offline")
    assert asked("Hello", ADD, WEATHER, tool_choice="required") == [("add", {"a": 0, "b": 0})]
    named = {"type": "function", "name": "add"}
    assert asked("Weather for 1 or 2?", WEATHER, ADD, tool_choice=named) == [
        ("add", {"a": 1, "b": 2})
    ]


LIST = function("list_directory", "List a directory.", path=TEXT)
MAKE = function("create_directory", "Create a new directory.", path=TEXT)
TREE = function("directory_tree", "Show a directory as a tree.", path=TEXT)


@pytest.mark.parametrize("tools", [(LIST, MAKE, TREE), (MAKE, TREE, LIST)])
@pytest.mark.parametrize("place", ["this folder", "the current directory"])
def test_a_question_what_is_somewhere_is_answered_by_looking(tools: Any, place: str):
    assert asked(f"What is in {place}?", *tools) == [("list_directory", {"path": "."})]


def test_a_question_changes_nothing_unless_it_says_so():
    assert "offline stand-in" in asked("Is there a directory?", MAKE)[0]
    made = ("create_directory", {"path": "a"})
    assert asked("Can you create the directory 'a'?", MAKE) == [made]
    [(name, _)] = asked("Is there a directory?", MAKE, tool_choice="required")
    assert name == "create_directory"


def test_nothing_is_called_twice_even_if_required():
    call = made("add", a=0, b=0)
    work = [call, output_of(call, "0")]
    assert asked("Hello", ADD, tool_choice="required", work=work) == ["add(0, 0) gives 0."]


def test_without_a_fitting_tool_the_stand_in_says_what_it_is():
    (answer,) = asked("Write a haiku", WEATHER)
    assert "offline stand-in" in answer
    assert "Write a haiku" in answer


@pytest.mark.parametrize(
    ("instructions", "message", "expected"),
    [
        ("Respond with 'OK'", "Health check", "OK"),
        ('Always reply with "It\'s done."', "Hi", "It's done."),
        ("", "Reply exactly: streamed", "streamed"),
        (None, "Answer only with 'yes'!", "yes"),
    ],
)
def test_literal_answers_are_given(instructions: str, message: str, expected: str):
    assert asked(message, instructions=instructions) == [expected]


def test_structured_output_is_filled_from_outputs_and_message():
    city = {
        "type": "object",
        "properties": {"city": TEXT, "degrees": INT, "summary": TEXT},
        "required": ["city", "degrees", "summary"],
    }
    text = {"format": {"type": "json_schema", "name": "final_output", "schema": city}}
    call = made("get_weather", city="Oslo")
    work = [call, output_of(call, '{"degrees": 21, "summary": "fine"}')]
    (answer,) = asked("Weather in Oslo?", WEATHER, work=work, text=text)
    assert json.loads(answer) == {"city": "Oslo", "degrees": 21, "summary": "fine"}


def test_usage_grows_with_what_was_said():
    short, long = (
        answer_by_rules({}, [{"role": "user", "content": content}]).usage
        for content in ("Hi", "Hi " * 500)
    )
    assert 0 < short["input_tokens"] < 20
    assert long["input_tokens"] > 500
    assert long["total_tokens"] == long["input_tokens"] + long["output_tokens"]


def test_a_whole_run_over_http():
    """A client that makes every call it is asked for comes to an end."""
    functions = {
        "get_weather": lambda city: f"It is sunny in {city} today.",
        "transfer_to_weather_agent": lambda: '{"assistant": "Weather agent"}',
    }
    items: list[Any] = [{"role": "user", "content": "What's the weather in Paris and Rome?"}]
    tools = [handoff("Weather agent")]
    names = []
    with ResponsesServer() as server:
        for _ in range(5):
            body = {"model": "m", "input": items, "tools": tools}
            reply = requests.post(server.base_url + "/responses", json=body, timeout=60)
            output = reply.json()["output"]
            items += output
            calls = [item for item in output if item["type"] == "function_call"]
            if not calls:
                break
            names.append([call["name"] for call in calls])
            for call in calls:
                result = functions[call["name"]](**json.loads(call["arguments"]))
                items.append(output_of(call, result))
            tools = [WEATHER, handoff("Triage agent")]
    assert names == [["transfer_to_weather_agent"], ["get_weather", "get_weather"]]
    assert output[0]["content"][0]["text"] == (
        "It is sunny in Paris today. It is sunny in Rome today."
    )

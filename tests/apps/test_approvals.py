"""A call that waits for its visitor, over HTTP."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from agents_lite.testing import call, turn
from tests.apps.test_chat import events, parsed
from tests.support.sites import Site, Visitor
from tests.support.waiting import wait_until

REFUND = call("refund", call_id="c1", repair="7", euros=20)
OTHER = call("refund", call_id="c2", repair="8", euros=5)
NOTHING = [("decided", None)]


def ask(site: Site, *turns: Any) -> Visitor:
    """A visitor whose message has led to the first of these turns."""
    site.turns.extend(turns)
    visitor = site.visitor()
    assert events(visitor, "My money back, please.")[-1][0] == "waiting"
    return visitor


def outputs(visitor: Visitor) -> list[str]:
    return [item["output"] for item in visitor.history() if "output" in item]


def number(output: str) -> int:
    """Refunds are numbered: made twice, they would leave a gap."""
    found = re.match(r"Refund (\d+): ", output)
    assert found
    return int(found[1])


def next_number(site: Site) -> int:
    """Of the refund made now."""
    visitor = ask(site, [call("refund", call_id="next", repair="1", euros=1)], "Done.")
    parsed(visitor.decide("next", "approve"))
    return number(outputs(visitor)[0])


def test_a_call_waits_with_its_arguments_and_is_made_when_it_was_approved(site: Site) -> None:
    visitor = ask(site, [call("opening_hours", day="Sunday"), REFUND], "It is on its way.")
    [waiting] = visitor.waiting()
    arguments = '{"repair":"7","euros":20}'
    assert waiting == {
        "agent": "Front desk", "call_id": "c1", "name": "refund", "arguments": arguments
    }  # fmt: skip
    assert [item.get("type", "user") for item in visitor.history()] == [
        "user", "function_call", "function_call", "function_call_output"
    ]  # fmt: skip
    answer = parsed(visitor.decide("c1", "approve"))
    kinds = [content["type"] for name, content in answer if name == "item"]
    assert kinds == ["function_call_output", "message"]  # the page has the others
    assert answer[-1] == ("done", "It is on its way.")
    assert visitor.waiting() == []
    assert outputs(visitor)[1].endswith("20.00 euros for repair 7 are on their way.")
    site.turns.append("Bye.")
    events(visitor, "Thank you")
    assert len(visitor.history()) == 8


def test_the_model_is_told_why_a_call_was_rejected(site: Site) -> None:
    visitor = ask(site, [REFUND], "I see.")
    assert parsed(visitor.decide("c1", "reject", "I would rather have a voucher."))[-1][0] == "done"
    assert outputs(visitor) == ["I would rather have a voucher."]


def test_a_click_twice_makes_the_call_once(site: Site) -> None:
    before = next_number(site)
    visitor = ask(site, [REFUND], turn("Done.", delay=0.2))
    with ThreadPoolExecutor(4) as pool:
        clicks = [pool.submit(lambda: parsed(visitor.decide("c1", "approve"))) for _ in range(4)]
        answers = sorted((click.result() for click in clicks), key=len)
    assert answers[:3] == [NOTHING] * 3
    assert answers[3][-1] == ("done", "Done.")
    assert parsed(visitor.decide("c1", "reject")) == NOTHING
    assert number(outputs(visitor)[0]) == before + 1
    assert next_number(site) == before + 2


def test_only_the_visitor_whose_run_it_is_decides(site: Site) -> None:
    ada = ask(site, [REFUND])
    grace = site.visitor()
    assert grace.waiting() == []
    assert parsed(grace.decide("c1", "approve")) == NOTHING
    assert len(ada.waiting()) == 1


def test_two_visitors_decide_each_for_themselves(site: Site) -> None:
    ada, grace = ask(site, [REFUND]), ask(site, [REFUND])
    site.turns.extend(["For Ada.", "For Grace."])
    assert parsed(ada.decide("c1", "approve"))[-1] == ("done", "For Ada.")
    assert parsed(grace.decide("c1", "reject"))[-1] == ("done", "For Grace.")


def test_calls_of_one_turn_are_decided_one_by_one(site: Site) -> None:
    visitor = ask(site, [REFUND, OTHER], "Done.")
    answer = parsed(visitor.decide("c2", "approve"))
    assert [name for name, _ in answer] == ["item", "waiting"]
    assert [waiting["call_id"] for waiting in visitor.waiting()] == ["c1"]
    assert parsed(visitor.decide("c2", "approve")) == NOTHING
    assert parsed(visitor.decide("c1", "reject"))[-1] == ("done", "Done.")


def test_no_message_is_taken_while_a_call_waits_and_a_new_conversation_forgets_it(
    site: Site,
) -> None:
    visitor = ask(site, [REFUND])
    refused = visitor.ask("Hello?")
    assert (refused.status_code, refused.json()["error"]) == (409, "A call waits for a decision.")
    assert len(visitor.waiting()) == 1
    visitor.post("clear")
    assert (visitor.waiting(), visitor.history()) == ([], [])
    assert parsed(visitor.decide("c1", "approve")) == NOTHING
    site.turns.append("Hello.")
    assert events(visitor, "Hello?")[-1] == ("done", "Hello.")


def test_what_was_done_before_the_visitor_left_is_known_to_the_next_message(site: Site) -> None:
    before = next_number(site)
    visitor = ask(site, [REFUND], turn("Too late.", delay=60), "It is on its way.")
    asked = len(site.model.requests)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(parsed, visitor.decide("c1", "approve"))
        wait_until(lambda: len(site.model.requests) > asked)
        visitor.post("stop")
        assert answer.result(60)[-1] == ("done", None)
    assert number(outputs(visitor)[0]) == before + 1
    assert events(visitor, "Well?")[-1] == ("done", "It is on its way.")
    said = [item.get("content", "") for item in visitor.history() if item.get("role") == "user"]
    assert said == ["My money back, please.", "Well?"]
    assert next_number(site) == before + 2

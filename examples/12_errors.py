"""Errors: one class for each thing that may go wrong, with what the run had done so far.

Run it: python examples/12_errors.py
"""

from agents_lite import (
    Agent,
    AgentsException,
    APIConnectionError,
    MaxTurnsExceeded,
    OpenAIResponsesModel,
    ResponsesClient,
    Runner,
    SQLiteSession,
    function_tool,
)
from agents_lite.testing import offline_unless_configured


@function_tool
def open_door(number: int) -> str:
    """Open the door with that number."""
    raise PermissionError(f"door {number} is locked")


agent = Agent(name="Porter", tools=[open_door])
nowhere = ResponsesClient(base_url="http://127.0.0.1:9/v1", max_retries=0)


def main() -> None:
    with offline_unless_configured():
        # A tool that fails does not end the run: the model is told.
        print(Runner.run_sync(agent, "Open door 5").final_output)
        try:
            Runner.run_sync(agent, "Open door 6", max_turns=1)
        except MaxTurnsExceeded as error:
            done = error.run_data.new_items if error.run_data else []
            print(f"{error}, after {[item.type for item in done]}")
    try:
        Runner.run_sync(Agent("Lost", model=OpenAIResponsesModel("any", nowhere)), "Hello?")
    except APIConnectionError:
        print("There is no server on that port.")
    try:
        Runner.run_sync(agent, "Hi", session=SQLiteSession("a"), conversation_id="conv_1")
    except AgentsException as error:  # the root of them all
        print(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()

# Output:
# An error occurred while running the tool. Please try again. Error: door 5 is locked.
# Max turns (1) exceeded, after ['tool_call_item', 'tool_call_output_item']
# There is no server on that port.
# UserError: Session persistence keeps the history ...

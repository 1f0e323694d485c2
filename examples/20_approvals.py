"""Approvals: a call waits for a person, the run is kept as text, and goes on after the decision.

Run it in a terminal and it asks you; elsewhere it says yes: python examples/20_approvals.py
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from agents_lite import Agent, Runner, RunState, ToolApprovalItem, function_tool
from agents_lite.testing import offline_unless_configured

KEY = b"keep this one secret"


@function_tool(needs_approval=True)
def refund(order: str, euros: float) -> str:
    """Refund an order."""
    return f"{euros:.2f} euros for order {order} are paid back."


agent = Agent(name="Cashier", instructions="You help customers.", tools=[refund])


def decide(state: RunState, call: ToolApprovalItem) -> None:
    print(f"{call.agent.name} wants to call {call.tool_name} with {call.arguments}")
    answer = input("y, n, or why not: ") if sys.stdin.isatty() else "y"
    if answer == "y":
        state.approve(call)
    else:
        state.reject(call, rejection_message=answer if answer != "n" else None)


def main() -> None:
    with offline_unless_configured(), TemporaryDirectory() as folder:
        file = Path(folder, "run.json")
        result = Runner.run_sync(agent, "Please refund 20 euros for order 'A-7'")
        while result.interruptions:
            file.write_text(result.to_state().to_string(key=KEY))
            # From here on it could be another process, on another day.
            state = RunState.from_string(agent, file.read_text(), key=KEY)
            for call in state.get_interruptions():
                decide(state, call)
            result = Runner.run_sync(agent, state)
        print(result.final_output)


if __name__ == "__main__":
    main()

# Output:
# Cashier wants to call refund with {"order":"A-7","euros":20}
# 20.00 euros for order A-7 are paid back.

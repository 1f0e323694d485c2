"""The same loop in async code: `await Runner.run`, many at a time, and cancelled like any task.

Run it: python examples/14_async.py
"""

import asyncio

from agents_lite import Agent, Runner, function_tool
from agents_lite.testing import offline_unless_configured


@function_tool
async def look_up_population(city: str) -> str:
    """Look up the population of a city."""
    await asyncio.sleep(0.1)  # awaits on the caller's own event loop
    return {"Oslo": "717,000", "Lima": "10,092,000"}[city] + f" people live in {city}."


agent = Agent(name="Statistician", tools=[look_up_population])


async def main() -> None:
    questions = [f"What is the population of {city}?" for city in ("Oslo", "Lima")]
    results = await asyncio.gather(*(Runner.run(agent, question) for question in questions))
    for result in results:
        print(result.final_output)

    run = Runner.run_streamed(agent, questions[0])
    async for event in run.stream_events():
        if event.type == "run_item_stream_event":
            print(event.name)

    try:
        await asyncio.wait_for(Runner.run(agent, questions[0]), timeout=0.05)
    except TimeoutError:
        print("Too late: the run was stopped, and its connection closed.")


if __name__ == "__main__":
    with offline_unless_configured():
        asyncio.run(main())

# Output:
# 717,000 people live in Oslo.
# 10,092,000 people live in Lima.
# tool_called
# tool_output
# message_output_created
# Too late: the run was stopped, and its connection closed.

"""Hosted tools run at the model's server: searching the web and your files, running code.

The stand-in has none of them, so this one is more fun with a real model.
Run it: python examples/15_hosted_tools.py
"""

from agents_lite import Agent, CodeInterpreterTool, Runner, ToolCallItem, WebSearchTool
from agents_lite.testing import offline_unless_configured

agent = Agent(
    name="Researcher",
    instructions="Look things up, and compute with code.",
    tools=[
        WebSearchTool(),
        CodeInterpreterTool({"type": "code_interpreter", "container": {"type": "auto"}}),
        # FileSearchTool(vector_store_ids=["vs_..."]) searches files that you have uploaded.
    ],
)


def main() -> None:
    print("offered:", ", ".join(tool.name for tool in agent.tools))
    with offline_unless_configured():
        result = Runner.run_sync(agent, "How old is the youngest Nobel laureate, in days?")
    for item in result.new_items:
        if isinstance(item, ToolCallItem):
            print("used:", item.raw_item.type)
    print(result.final_output)


if __name__ == "__main__":
    main()

# Output:
# offered: web_search, code_interpreter
# ...offline stand-in...

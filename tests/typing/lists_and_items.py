"""Checked by mypy, never run: lists that grow, items that narrow, hooks that take less, inputs."""

from typing import Any, TypedDict

from pydantic import BaseModel

from agents_lite import (
    Agent,
    HandoffOutputItem,
    ImageGenerationTool,
    ImageGenerationToolConfig,
    RunContextWrapper,
    RunHooks,
    RunItem,
    Runner,
    Span,
    ToolCallOutputItem,
    Trace,
    TracingExporter,
    WebSearchTool,
    function_tool,
    handoff,
)


@function_tool
def count(word: str) -> int:
    return len(word)


assert count.function("word") == 4


class Quiet(RunHooks[None]):
    def on_agent_start(self, context: RunContextWrapper[None], agent: Agent[None]) -> None:
        print(agent.name)


class Curious(RunHooks[None]):
    async def on_agent_start(
        self, context: RunContextWrapper[None], agent: Agent[None], input_data: Any
    ) -> None:
        print(agent.name, input_data)


class Confused(RunHooks[None]):
    def on_agent_start(self, context: RunContextWrapper[None]) -> None:  # wrong: override
        print(context)


class Collector(TracingExporter):
    def export(self, items: list[Trace | Span[Any]]) -> None:
        print(len(items))


class Message(TypedDict):
    role: str
    content: str


others = [Agent[None](name="B")]
tools = [count]
agent = Agent[None](name="A", handoffs=others, tools=tools)
agent.handoffs.append(handoff(others[0]))
agent.tools.append(WebSearchTool())
agent.tools += tools
agent.input_guardrails.clear()
agent.output_guardrails.clear()
agent.tools.append("count")  # wrong: arg-type
Agent[None](name="C", handoffs=(agent,), tools=(count,))

for item in Runner.run_sync(agent, "Hi", hooks=Quiet()).new_items:
    print(item.agent.name, item.raw_item, item.to_input_item())
    if item.type == "tool_call_output_item":
        narrowed: ToolCallOutputItem = item
        print(item.output)
    elif item.type == "handoff_output_item":
        handed: HandoffOutputItem = item
        print(item.target_agent.name)
    else:
        print(item.output)  # wrong: union-attr


messages: list[Message] = [{"role": "user", "content": "Hi"}]
Runner.run_sync(agent, messages)
Runner.run_sync(agent, [Message(role="user", content="Hi"), {"type": "item_reference", "id": "1"}])
Runner.run_sync(agent, ["Hi"])  # wrong: list-item


def output_of(item: RunItem) -> Any:
    return item.output if isinstance(item, ToolCallOutputItem) else None


image: ImageGenerationToolConfig = {"type": "image_generation", "size": "auto"}
agent.tools += [ImageGenerationTool(image), ImageGenerationTool({"type": "image_generation"})]


class Sites(BaseModel):
    allowed_domains: list[str]


class Place(TypedDict):
    type: str
    city: str


here = Place(type="approximate", city="Rome")
agent.tools.append(WebSearchTool(user_location=here, filters=Sites(allowed_domains=["it"])))
agent.tools.append(WebSearchTool(filters={"allowed_domains": ["it"]}))

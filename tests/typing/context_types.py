"""Checked by mypy, never run: what fits one context type, and what does not."""

from dataclasses import dataclass
from typing import Any

from agents_lite import (
    Agent,
    AgentHooks,
    CallModelData,
    GuardrailFunctionOutput,
    Handoff,
    ModelInputData,
    RunConfig,
    RunContextWrapper,
    RunHooks,
    Runner,
    ToolContext,
    function_tool,
    handoff,
    input_guardrail,
)


@dataclass
class User:
    name: str


@dataclass
class Other:
    number: int


@function_tool
def plain(count: int) -> int:
    return count


@function_tool
async def for_users(ctx: RunContextWrapper[User], query: str) -> str:
    return ctx.context.name + query


@function_tool(name_override="for_others")
def for_others(ctx: ToolContext[Other]) -> int:
    return ctx.context.number


class UserHooks(RunHooks[User]):
    def on_agent_end(
        self, context: RunContextWrapper[User], agent: Agent[User], output: Any
    ) -> None:
        print(context.context.name, agent.name, output)


class OtherHooks(RunHooks[Other]):
    pass


class OtherAgentHooks(AgentHooks[Other]):
    pass


@input_guardrail
async def others_only(
    ctx: RunContextWrapper[Other], agent: Agent[Any], input: Any
) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(ctx.context.number, False)


def other_instructions(context: RunContextWrapper[Other], agent: Agent[Other]) -> str:
    return str(context.context.number)


def for_user(data: CallModelData[User]) -> ModelInputData:
    greeting = f"You talk with {data.context.name}."
    return ModelInputData(data.model_data.input, greeting + data.context.nme)  # wrong: attr-defined


specialist = Agent[User](name="Specialist", tools=[plain, for_users])
offer: Handoff[User, Agent[User]] = handoff(specialist)
triage = Agent[User](name="Triage", handoffs=[specialist, offer])
result = Runner.run_sync(triage, "Hi", context=User("Ada"), hooks=UserHooks())
Runner.run_sync(triage, "Hi", run_config=RunConfig(call_model_input_filter=for_user))
text: str = result.final_output_as(str)

Agent[User](name="A", tools=[for_others])  # wrong: list-item
Agent[User](name="A", hooks=OtherAgentHooks())  # wrong: arg-type
Agent[User](name="A", input_guardrails=[others_only])  # wrong: list-item
Agent[User](name="A", instructions=other_instructions)  # wrong: arg-type
Runner.run_sync(triage, "Hi", hooks=OtherHooks())  # wrong: misc
Runner.run_sync(triage, "Hi", context=Other(1))  # wrong: misc

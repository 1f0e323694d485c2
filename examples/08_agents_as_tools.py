"""Agents as tools: one agent stays in charge and asks others.

Run it: python examples/08_agents_as_tools.py
"""

from agents_lite import Agent, Runner
from agents_lite.testing import offline_unless_configured

spanish_agent = Agent(
    name="Spanish agent", instructions="Translate to Spanish. Reply with 'Hola, ¿cómo estás hoy?'"
)
french_agent = Agent(
    name="French agent", instructions="Translate to French. Reply with 'Bonjour, comment ça va ?'"
)
orchestrator = Agent(
    name="Orchestrator",
    instructions="Translate with your tools, with several if several languages are wanted.",
    tools=[
        spanish_agent.as_tool("translate_to_spanish", "Translate the message to Spanish"),
        french_agent.as_tool("translate_to_french", "Translate the message to French"),
    ],
)


def main() -> None:
    with offline_unless_configured():
        result = Runner.run_sync(orchestrator, "Say 'Hello, how are you?' in Spanish and French.")
    print(result.final_output)
    print(result.usage.requests, "requests:", ", ".join(sorted(result.usage_by_agent)))


if __name__ == "__main__":
    main()

# Output:
# Hola, ¿cómo estás hoy? Bonjour, comment ça va ?
# 4 requests: French agent, Orchestrator, Spanish agent

"""One agent, one question, one answer. Run it: python examples/01_hello.py"""

from agents_lite import Agent, Runner
from agents_lite.testing import offline_unless_configured

agent = Agent(name="Greeter", instructions="Reply with 'Hello, world!'")

if __name__ == "__main__":
    with offline_unless_configured():
        print(Runner.run_sync(agent, "Say hello.").final_output)

# Output:
# Hello, world!

"""Guardrails: checks of what goes in and what comes out; one that trips ends the run.

Run it: python examples/10_guardrails.py
"""

from typing import Any

from agents_lite import (
    Agent,
    GuardrailFunctionOutput,
    InputGuardrailTripwireTriggered,
    OutputGuardrailTripwireTriggered,
    RunContextWrapper,
    Runner,
    input_guardrail,
    output_guardrail,
)
from agents_lite.testing import offline_unless_configured

Context = RunContextWrapper[None]


@input_guardrail
def no_homework(context: Context, agent: Agent[Any], question: Any) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput("homework", tripwire_triggered="homework" in str(question))


@output_guardrail
def no_secrets(context: Context, agent: Agent[Any], answer: str) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput("a secret", tripwire_triggered="swordfish" in answer)


agent = Agent(name="Helper", input_guardrails=[no_homework], output_guardrails=[no_secrets])


def main() -> None:
    with offline_unless_configured():
        for question in (
            "Please do my homework.",
            "Reply with 'The password is swordfish.'",
            "Reply with 'Good morning.'",
        ):
            try:
                print("answered:", Runner.run_sync(agent, question).final_output)
            except InputGuardrailTripwireTriggered as trip:
                print("not asked:", trip.guardrail_result.output.output_info)
            except OutputGuardrailTripwireTriggered as trip:
                print("not told:", trip.guardrail_result.output.output_info)


if __name__ == "__main__":
    main()

# Output:
# not asked: homework
# not told: a secret
# answered: Good morning.

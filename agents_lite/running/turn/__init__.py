"""The phases of a turn, in order: request, model call, plan, calls, handoff, final output.

Guardrails stand beside them.
"""

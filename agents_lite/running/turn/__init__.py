"""The phases of one turn, in order: request, model call, plan, calls, handoff, final output."""

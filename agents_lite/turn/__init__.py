"""The phases of one turn: request, model call, tool calls, handing over, what comes next."""

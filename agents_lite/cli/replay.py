"""Play a recorded run again, or step through it and go on live from any moment."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..exceptions import AgentsException, UserError
from ..run import RunConfig, Runner
from ..shown import escaped
from .agent_options import chosen_server
from .answer import write_output
from .approval import decided_state
from .find_agent import find_agent


class RunsDiffer(AgentsException):
    """A replay is not the same as the run that was recorded."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = (
        "Without --step the run is played and compared with the record: ends with 0 when they are "
        "the same, 1 when they differ or the replay failed. A trace can be stepped through without "
        "an agent."
    )
    add = parser.add_argument
    add("file", metavar="FILE", help="a file of traces, a journal, a state, or a trace as a page")
    add("--agent", metavar="MODULE:AGENT", help="the agent that began the run")
    add("--run", metavar="ID", help="which trace or run of the file; ID#2: a trace's second run")
    add("--step", action="store_true", help="walk through it, turn by turn")
    sides = ("recorded", "live")
    add("--model", choices=sides, default="recorded", help="where answers come from (%(default)s)")
    add("--tools", choices=sides, default="recorded", help="where outputs come from (%(default)s)")
    add(
        "--on-missing",
        choices=("raise", "live", "ask"),
        default="raise",
        help="what becomes of questions without a recorded answer (%(default)s)",
    )
    add("--offline", action="store_true", help="let a stand-in on this machine answer, by rules")


def execute(options: argparse.Namespace) -> None:
    """Play the run, or step through it.

    Raises:
        RunsDiffer: What was played is not what was recorded.
        Exception: What the replay failed with.
    """
    path = Path(options.file)
    if not path.exists():
        raise UserError(f"There is no file {options.file}")
    agent = None if options.agent is None else find_agent(options.agent)
    with chosen_server(options):
        if options.step:
            from ..replay.walk import walk_through
            from .show import RunView
            from .stepping import step_through

            view = RunView(in_full=True)
            config = RunConfig(workflow_name="agents-lite replay")
            walk = walk_through(
                agent, path, run_id=options.run, on_event=view.show_event, run_config=config
            )
            step_through(walk, view)
            return
        if agent is None:
            raise UserError("Which agent began it? --agent MODULE:AGENT; or look at it with --step")
        played = Runner.replay(
            agent,
            path,
            run_id=options.run,
            model=options.model,
            tools=options.tools,
            on_missing=options.on_missing,
        )
        print(escaped(str(played.comparison)))
        if played.error is not None:
            raise played.error
        result = played.result
        if result.interruptions and options.on_missing == "ask":
            while result.interruptions:
                result = Runner.run_sync(agent, decided_state(result))
            write_output(result.final_output)
    if not played.comparison.is_same:
        raise RunsDiffer("The replay is not the same as the run that was recorded")

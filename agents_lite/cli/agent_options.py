"""The options that `run` and `chat` share: which agent, on which model, with which memory."""

from __future__ import annotations

import argparse
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ..agent import Agent
from ..run import RunConfig
from .find_agent import find_agent


def add_agent_options(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument("--agent", metavar="MODULE:AGENT", help="the same, as an option")
    parser.add_argument("--model", help="the model, for every agent that comes to work")
    parser.add_argument("--instructions", metavar="TEXT", help="instructions of the first agent")
    parser.add_argument("--session", metavar="FILE", help="keep the conversation in this file")
    parser.add_argument(
        "--session-id", metavar="ID", default="default", help="one of several conversations there"
    )
    parser.add_argument(
        "--offline", action="store_true", help="let a stand-in on this machine answer, by rules"
    )


def choose_agent(options: argparse.Namespace) -> Agent[Any]:
    """The agent that the command line names, or a plain assistant."""
    name = options.agent or options.place
    agent = find_agent(name) if name else Agent("Assistant", "You are a helpful assistant.")
    if options.instructions is None:
        return agent
    return agent.clone(instructions=options.instructions)


def run_config(options: argparse.Namespace) -> RunConfig:
    """Options of the run."""
    return RunConfig(model=options.model, workflow_name=f"agents-lite {options.command}")


def chosen_server(options: argparse.Namespace) -> AbstractContextManager[Any]:
    """For a `with` block, have a stand-in answer if the command line asks for that."""
    if not options.offline:
        return nullcontext()
    from ..testing.offline import NOTICE, offline

    print(NOTICE, file=sys.stderr)
    return offline()

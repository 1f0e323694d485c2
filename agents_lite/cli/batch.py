"""Run an agent on every line of a file; start it again to go on."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..exceptions import AgentsException, UserError
from ..run import Runner, RunOptions
from ..run_config import DEFAULT_MAX_TURNS
from .agent_options import chosen_server, run_config
from .batch_input import FORMATS, BatchInput
from .batch_lines import line_name_of, run_id_of
from .batch_progress import Tally, progress_bar
from .batch_work import BatchWork
from .find_agent import find_agent
from .line_file import LineFile


class LinesFailed(AgentsException):
    """Not every line of a batch is done."""


class LinesWait(AgentsException):
    """Lines wait for answers of the Batch API."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    add = parser.add_argument
    add("input", metavar="FILE", help='JSON lines: strings, or objects with "input"; - for stdin')
    add(
        "--format", choices=FORMATS,
        help="csv: a table with a header; text: a line is an input (by the ending: .csv, .txt)",
    )  # fmt: skip
    add("--template", metavar="TEXT", help="what to ask about each line: 'Translate {column}'")
    add("--limit", metavar="N", type=_count, help="only the first lines of the file")
    add("--agent", metavar="MODULE:AGENT", required=True, help="in a module, or in a FILE.py")
    add("--out", metavar="FILE", required=True, help="gets a line for each that is done")
    add("--errors", metavar="FILE", help="gets those that failed this time (OUT.errors.jsonl)")
    add("--ordered", action="store_true", help="put OUT in the order of the input at the end")
    add("--max-failures", metavar="N", type=_count, help="give up when so many lines have failed")
    add("--workers", metavar="N", type=_count, default=8, help="lines at a time (%(default)s)")
    add(
        "--max-turns", metavar="N", type=_count, default=DEFAULT_MAX_TURNS,
        help="most model calls for a line (%(default)s)",
    )  # fmt: skip
    add("--timeout", metavar="SECONDS", type=_seconds, help="most time for a line (no limit)")
    add("--journal", metavar="DB", help="an SQLite file; a line that was killed goes on there")
    add("--model", help="the model, for every agent that comes to work")
    add("--price-input", metavar="PRICE", type=float, help="of a million input tokens")
    add("--price-output", metavar="PRICE", type=float, help="of a million output tokens")
    add(
        "--batch-api", action="store_true",
        help="submit requests by the Batch API, and leave; the next start collects the answers",
    )  # fmt: skip
    add("--quiet", action="store_true", help="print errors only")
    add("--offline", action="store_true", help="let a stand-in on this machine answer, by rules")
    parser.epilog = (
        "Gives up at once where each line would fail alike: no API key, or a wrong one, no such "
        "model, no server. Ends with 0 when all lines are done; 1 when some failed, or after an "
        "error; 2 for wrong usage; 4 when lines wait for the Batch API; 130 after Ctrl-C."
    )


def execute(options: argparse.Namespace) -> None:
    """Run the lines that are not done yet.

    Raises:
        LinesFailed: Some could not be done.
        LinesWait: The rest waits for the Batch API.
        UserError: There is no such agent, or a file is not what it should be.
    """
    errors = options.errors or f"{options.out}.errors.jsonl"
    _check_paths(options.input, options.out, errors)
    tally = Tally(options.price_input, options.price_output)
    lines = BatchInput(options.input, options.format, options.template, options.limit)
    with (
        lines.open() as source,
        LineFile(options.out) as done,
        LineFile(errors) as failed,
        chosen_server(options),
    ):
        agent = find_agent(options.agent)
        name = os.path.abspath(options.out)
        work = BatchWork(lines, source, done, failed, tally, name, options.max_failures)
        failed.clear()
        with _progress(options, tally, lines) as show_progress:
            run = _run_by_batch_api if options.batch_api else _run
            run(work, agent, options, show_progress)
        if options.ordered:
            done.sort(work.place_of)
    _end(work, tally, errors, options.quiet)


def _end(work: BatchWork, tally: Tally, errors: str, is_quiet: bool) -> None:
    """Tell what has come of it."""
    if not is_quiet:
        print(tally, file=sys.stderr)
        if len(work.kinds) > 1:
            kinds = (f"{number:,} {kind}" for kind, number in work.kinds.most_common())
            print(f"failed with: {', '.join(kinds)}", file=sys.stderr)
    if tally.failed:
        lines = f"{tally.failed} of {tally.done + tally.failed} lines failed"
        how = f"the first with {work.first_error}"
        if work.given_up:
            lines, how = f"given up, since {tally.failed} of the lines failed", work.given_up
        raise LinesFailed(f"{lines}, {how} (see {errors}; the next start tries them again)")
    Path(errors).unlink()
    if tally.waiting:
        lines = "1 line waits" if tally.waiting == 1 else f"{tally.waiting} lines wait"
        raise LinesWait(f"{lines} for answers of the Batch API: start again to collect them")


def _run_by_batch_api(
    work: BatchWork, agent: Any, options: argparse.Namespace, show_progress: Callable[[], None]
) -> None:
    """Collect what the Batch API has answered, go on from there, submit what comes of it."""
    from ..models.default_client import default_client
    from .batch_answers import BatchAnswers
    from .batch_api import Batches

    if options.offline:
        raise UserError("--batch-api needs a server that is still there at the next start")
    options.journal = options.journal or f"{options.out}.runs.db"
    with LineFile(f"{options.out}.batches.jsonl") as record:
        batches = Batches(record, default_client())
        batches.collect()
        with BatchAnswers(batches) as answers:
            _run(work, agent, options, show_progress)
        if work.given_up:
            return
        if options.limit is None:  # else lines behind it may have answers that are not in use
            batches.note_collected()
        batches.submit(answers.wanted)


def _run(
    work: BatchWork, agent: Any, options: argparse.Namespace, show_progress: Callable[[], None]
) -> None:
    config = replace(run_config(options), group_id=line_name_of)
    if options.journal is not None:
        from ..journal import SQLiteJournal

        config.journal, config.run_id = SQLiteJournal(options.journal), run_id_of
    run_options = RunOptions[Any](
        max_turns=options.max_turns, timeout=options.timeout, run_config=config
    )
    for outcome in Runner.run_many(
        agent, work.inputs(), max_workers=options.workers, **run_options
    ):
        work.record(outcome)
        show_progress()


def _progress(
    options: argparse.Namespace, tally: Tally, lines: BatchInput
) -> AbstractContextManager[Callable[[], None]]:
    if options.quiet or not sys.stderr.isatty():
        return nullcontext(lambda: None)
    return progress_bar(tally, lines.count())


def _check_paths(*paths: str) -> None:
    if len({Path(path).resolve() for path in paths}) < len(paths):
        raise UserError("The input, --out and --errors must be three different files")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return seconds

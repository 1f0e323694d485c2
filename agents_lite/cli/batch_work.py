"""What of a batch is still to be done, and what becomes of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO

from pydantic_core import to_jsonable_python

from ..exceptions import UserError, words_of
from ..prices import known_cost
from ..running.many import RunOutcome
from ..usage import Usage
from .approval import NobodyToAsk
from .batch_input import BatchInput
from .batch_lines import Line, line_key, named_input
from .batch_progress import Tally
from .hopeless import is_hopeless
from .line_file import LineFile


class BatchWork:
    """Gives the inputs that are not done yet, and writes down what comes of them.

    Attributes:
        first_error: What was wrong with the first line that failed, or None.
        given_up: Why the lines that are left are not tried, or None when they are.
        kinds: How many lines failed with which class of error.
    """

    def __init__(
        self,
        input: BatchInput,
        source: BinaryIO,
        done: LineFile,
        failed: LineFile,
        tally: Tally,
        name: str = "",
        max_failures: int | None = None,
    ) -> None:
        """Take the work up where earlier starts have left it.

        Args:
            input: Tells the lines of the source.
            source: The input, open.
            done: Holds an entry for each line that is done, and gets those to come.
            failed: Gets an entry for each line that fails.
            tally: Counts them.
            name: Tells the runs of this batch from others, in a journal.
            max_failures: After so many failed lines the rest is not tried; None: any number.

        Raises:
            UserError: `done` holds something that no batch has written.
        """
        self.first_error: str | None = None
        self.given_up: str | None = None
        self.kinds: Counter[str] = Counter()
        self._input = input
        self._source = source
        self._done = done
        self._failed = failed
        self._tally = tally
        self._name = name
        self._max_failures = max_failures
        self._given = 0
        self._running: dict[int, Line] = {}
        self._seen: dict[str, int] = {}
        self._blames: set[str] = set()
        self._earlier = {line_key(entry): _summarise(entry) for entry in done.entries()}

    def inputs(self) -> Iterator[Any]:
        """The inputs to run, drawn from the source one by one."""
        for unread in self._input.lines(self._source):
            if self.given_up:
                return
            try:
                line = self._input.read(unread)
                if self._is_done(line):
                    continue
            except UserError as error:
                self._record_failure({"index": unread.index, "line": unread.words}, error)
                continue
            self._running[self._given] = line
            self._given += 1
            yield named_input(line, self._name)

    def record(self, outcome: RunOutcome) -> None:
        """Write down what became of one of the inputs."""
        entry = self._running.pop(outcome.index).entry
        if outcome.error is not None:
            self._record_failure(entry, outcome.error)
            self._consider(outcome.error)
            return
        result = outcome.unwrap()
        if result.pause_reason == "answer":
            self._tally.waiting += 1
            return
        if result.is_paused:
            self._record_failure(entry, NobodyToAsk(result))
            return
        output, usage = result.final_output, _count_tokens(result.usage)
        if not isinstance(output, str):
            output = to_jsonable_python(output, fallback=str)
        self._done.append({**entry, "output": output, "usage": usage})
        self._tally.done += 1
        self._tally.done_now += 1
        self._tally.add_tokens(usage)

    def place_of(self, entry: dict[str, Any]) -> int:
        """Where the line of an entry stands in the input; behind all when it is not there."""
        return self._seen.get(line_key(entry), len(self._seen))

    def _is_done(self, line: Line) -> bool:
        """Whether an earlier start has done the line.

        Raises:
            UserError: The line cannot be told from another one.
        """
        key = line_key(line.entry)
        if key in self._seen:
            raise UserError(f"An earlier line has the id {line.fields['id']!r} too")
        self._seen[key] = len(self._seen)
        if key not in self._earlier:
            return False
        digest, usage = self._earlier[key]
        if digest != _digest(line.fields["input"]):
            raise UserError(
                "The output file has an answer to another input in this line's place: has the "
                "input file changed? Name another --out, or give lines an id"
            )
        self._tally.done += 1
        self._tally.add_tokens(usage)
        return True

    def _record_failure(self, entry: dict[str, Any], error: Exception) -> None:
        told = {"type": type(error).__name__, "message": words_of(error)}
        self._failed.append({**entry, "error": told})
        self._tally.failed += 1
        self.kinds[told["type"]] += 1
        done = getattr(error, "run_data", None)
        if done is not None:
            self._tally.add_tokens(_count_tokens(done.usage))
        if self.first_error is None:
            self.first_error = "{type}: {message}".format(**told)
        if self._tally.failed == self._max_failures and not self.given_up:
            self.given_up = f"as many as --max-failures allows, the first with {self.first_error}"

    def _consider(self, error: Exception) -> None:
        """Give up where all other lines would fail like this one."""
        words = f"{type(error).__name__}: {words_of(error)}"
        is_known, none_done = words in self._blames, not self._tally.done_now
        if is_hopeless(error, none_done=none_done, is_known=is_known) and not self.given_up:
            self.given_up = f"as all others would, with {words}"
        self._blames.add(words)


def _summarise(entry: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """What must be remembered of a line that is done: a digest of its input, and its usage."""
    if not {"index", "input", "output", "usage"} <= entry.keys():
        raise UserError("The output file was not written by a batch: name another --out")
    return _digest(entry["input"]), entry["usage"]


def _digest(input: Any) -> int:
    return hash(json.dumps(input, sort_keys=True))


def _count_tokens(usage: Usage) -> dict[str, Any]:
    return {**usage.model_dump(exclude={"request_usage_entries"}), "cost": known_cost(usage)}

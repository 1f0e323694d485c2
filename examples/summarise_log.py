"""Tells by mail, through cron, what is new in a log: nothing new, no mail.

    15 7 * * * . /etc/digest.env && python summarise_log.py /var/log/shop.log

A file beside the log, LOG.read, holds how far it was read; it moves on only with a summary, so a
night without a model is made up for in the next. Exit codes: 0 all well, 75 not now, 1 failed.
"""

from __future__ import annotations

import logging
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from agents_lite import Agent, AgentsException, APIConnectionError, Runner, RunTimeout
from agents_lite.testing import offline_unless_configured

WORTH_TELLING = re.compile(r"\b(WARNING|ERROR|CRITICAL)\b")
MOST_KINDS = 100

log = logging.getLogger("summarise_log")


class Digest(BaseModel):
    severity: Literal["CRITICAL", "ERROR", "WARNING"] = Field(description="The worst that happened")
    summary: str = Field(description="For whoever is on duty: a few lines, the worst first")


agent = Agent(
    name="Log reader",
    instructions=(
        "You read kinds of log lines, each with how often it came; # stands for any number. Say "
        "what happened and where to look first. Leave out what comes every day and harms nobody."
    ),
    output_type=Digest,
)


def new_lines(path: Path, mark: Path) -> tuple[list[str], int]:
    """The whole lines behind the mark, and where they end, in bytes."""
    start = int(mark.read_text()) if mark.exists() else 0
    if start > path.stat().st_size:  # the log was rotated
        start = 0
    with path.open("rb") as file:
        file.seek(start)
        text = file.read()
    whole = text[: text.rfind(b"\n") + 1]  # the last line may still be written
    return whole.decode(errors="replace").splitlines(), start + len(whole)


def kinds_of(lines: list[str]) -> Counter[str]:
    """Lines worth telling, without their time, and alike where only numbers differ."""
    told = (line[found.start() :] for line in lines if (found := WORTH_TELLING.search(line)))
    return Counter(re.sub(r"\d+", "#", each) for each in told)


def main(path: Path) -> int:
    logging.basicConfig(format="%(name)s: %(message)s")
    mark = path.with_name(f"{path.name}.read")
    lines, end = new_lines(path, mark)
    kinds = kinds_of(lines)
    if kinds:
        told = "\n".join(f"{count} x {kind}" for kind, count in kinds.most_common(MOST_KINDS))
        try:
            with offline_unless_configured():
                digest = Runner.run_sync(agent, told, timeout=120).final_output_as(Digest)
        except (RunTimeout, APIConnectionError) as error:
            log.error("%s; the next run reads these lines again", error)
            return 75  # EX_TEMPFAIL
        except AgentsException as error:
            log.error("%s: %s", type(error).__name__, error)
            return 1
        print(f"{path.name}: {digest.severity}, {kinds.total()} of {len(lines)} lines\n")
        print(digest.summary)
    unfinished = mark.with_name(f"{mark.name}.new")
    unfinished.write_text(str(end))
    unfinished.replace(mark)  # whole or not at all, on a full disk too
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))

"""A script for cron: a time limit, a log on standard error, an exit code, no output unless asked.

A crontab line: 0 7 * * * OPENAI_API_KEY=... python /path/to/18_cron_script.py >> digest.txt
"""

import logging
import sys

from agents_lite import Agent, AgentsException, Runner, RunTimeout, function_tool
from agents_lite.testing import offline_unless_configured

log = logging.getLogger("digest")


@function_tool
def read_error_log(limit: int) -> str:
    """Read the newest lines of the error log."""
    return "\n".join([f"{limit} lines read: disk almost full on db-1."])


agent = Agent(name="Digest", instructions="Summarise the error log.", tools=[read_error_log])


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    try:
        with offline_unless_configured():
            result = Runner.run_sync(agent, "Read the newest 50 lines of the log", timeout=120)
    except RunTimeout:
        log.error("no answer in time, the next run will try again")
        return 75  # EX_TEMPFAIL
    except AgentsException as error:
        log.error("%s: %s", type(error).__name__, error)
        return 1
    log.info("%d requests, %d tokens", result.usage.requests, result.usage.total_tokens)
    print(result.final_output)
    return 0


if __name__ == "__main__":
    sys.exit(main())

# Output:
# 50 lines read: disk almost full on db-1.

"""What processes that are forked for generated runs need not load and make, each for itself."""

import gc
import sqlite3 as sqlite3
from pathlib import Path

from agents_lite import Usage
from agents_lite import mcp as mcp
from agents_lite import output_schema as output_schema
from agents_lite.concurrency import aio as aio
from agents_lite.running import agent_tool as agent_tool
from agents_lite.schema import adapter as adapter
from agents_lite.schema import plain_meaning as plain_meaning
from tests.support import generated_runs as generated_runs

Usage().model_dump()
generated_runs.GeneratedRun(0, generated_runs.Notes(Path("nowhere")))
gc.disable()  # none lives long
gc.freeze()

"""What processes that are forked for generated runs need not load and make, each for itself."""

import sqlite3 as sqlite3

from agents_lite import Usage
from tests.support import generated_runs as generated_runs

Usage().model_dump()

"""The tables of a journal in SQLite."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS agent_runs (
    run_id TEXT PRIMARY KEY,
    about TEXT NOT NULL,
    status TEXT NOT NULL,
    note TEXT NOT NULL,
    holder TEXT,
    lease_until REAL NOT NULL,
    started_at REAL NOT NULL,
    changed_at REAL NOT NULL,
    entries INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS agent_runs_by_change ON agent_runs (status, changed_at);
CREATE TABLE IF NOT EXISTS agent_run_entries (
    run_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (run_id, number)
) WITHOUT ROWID;
"""

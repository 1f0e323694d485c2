"""A run: its loop, its record, and what starts and ends it."""

"""Recorded runs, played again: each side, models and tools, from the record or live."""

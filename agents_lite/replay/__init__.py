"""Recorded runs: played again, from the record or live, compared, and made into tests."""

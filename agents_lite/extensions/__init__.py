"""Optional extras: each part loads when it is first imported."""

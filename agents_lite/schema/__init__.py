"""From Python signatures and types to JSON schemas that the API takes."""

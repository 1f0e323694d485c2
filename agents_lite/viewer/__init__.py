"""Looking at stored traces: as a tree in the terminal, as one HTML file, live in a browser."""

from __future__ import annotations

"""Bytes to a server and back: connections, retries, streams and errors; knows no agents."""

"""Requests for responses, sent and read: connections, retries, streams; knows no agents."""

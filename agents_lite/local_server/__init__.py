"""A small HTTP server on loopback, which the stand-in, the viewer and the chat page share."""

"""A small HTTP server on loopback, which the stand-in and the viewer share."""

"""Cassettes: what models and tools answered, kept in a file and answered again in a test.

Importing this room loads nothing, since pytest looks into it wherever the package is installed.
"""

"""Connections through a SOCKS proxy, for which PySocks is needed."""

from __future__ import annotations

import socket

from urllib3.contrib.socks import SOCKSConnection
from urllib3.exceptions import NewConnectionError, ProxyError

from ..concurrency.workers import let_others_begin
from .connections import _keep_alive, _Pool, _TLSPool, _Watched, _WatchedTLS


class _ThroughProxy(_Watched, SOCKSConnection):
    def _new_conn(self) -> socket.socket:
        """Connect, within the seconds for that: until then nothing cuts it short."""
        let_others_begin()
        try:
            connected: socket.socket = SOCKSConnection._new_conn(self)
        except NewConnectionError as error:
            cause = error.__context__ or error
            raise ProxyError("No connection", cause) from error  # type: ignore[arg-type]
        _keep_alive(connected)
        return connected


class _TLSThroughProxy(_ThroughProxy, _WatchedTLS):
    pass


class _ProxiedPool(_Pool):
    _watched = _ThroughProxy


class _ProxiedTLSPool(_TLSPool):
    _watched = _TLSThroughProxy


POOLS: dict[str, type[_Pool]] = {"http": _ProxiedPool, "https": _ProxiedTLSPool}
"""The classes of pools by the schemes of what is beyond the proxy."""

from __future__ import annotations

import socket

import pytest

from agents_lite.http.connections import Exchange


def test_a_request_cut_short_during_its_dns_lookup_does_not_connect():
    exchange = Exchange()
    exchange.cut()

    with socket.socket() as sock, pytest.raises(ConnectionAbortedError):
        exchange.watch(sock)

"""What the environment names for connections: proxies, and certificates to trust."""

from __future__ import annotations

import os
import re
from typing import Any

import requests
from requests.utils import select_proxy
from urllib3.util import parse_url

from ..exceptions import UserError
from .address import without_login

_SCHEMES = (None, "http", "https", "socks4", "socks4a", "socks5", "socks5h")


def session_settings(session: requests.Session, url: str) -> dict[str, Any]:
    """What counts for a request to this URL: what a session names, else what the environment does.

    Raises:
        UserError: A proxy, or certificates, that cannot be used; no login is shown.
    """
    # Given as those of a request, else the environment would count before the session's own.
    own, verify = dict(session.proxies or {}), session.verify
    settings: Any = session.merge_environment_settings(url, own, None, verify, None)
    proxy, verify = select_proxy(url, settings["proxies"]), settings["verify"]
    if proxy and not _is_proxy(proxy):
        shown = proxy = without_login(proxy if "//" in proxy else f"//{proxy}")
        settings.clear()  # or an error tracker records the login
        raise UserError(
            f"The proxy {shown!r} is no address such as 'http://host:3128'; see the variables "
            "HTTPS_PROXY, HTTP_PROXY and ALL_PROXY"
        )
    if isinstance(verify, str | os.PathLike) and url.startswith("https:"):
        if not os.access(verify, os.R_OK):
            raise UserError(
                f"The certificates at {os.fspath(verify)!r} cannot be read; see the variables "
                "REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE"
            )
    return settings  # type: ignore[no-any-return]


def _is_proxy(text: str) -> bool:
    try:
        parts = parse_url(text)
        host = parts.host or ""
        host.encode("idna")
    except ValueError:
        return False
    is_host = re.fullmatch(r"\S+", host) is not None  # older urllib3 lets spaces pass
    return is_host and parts.scheme in _SCHEMES

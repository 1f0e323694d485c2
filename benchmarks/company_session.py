"""A session of `requests` as companies have them: with a login, a header and a hook."""

from __future__ import annotations

import requests
from requests.auth import AuthBase


class Login(AuthBase):
    """Puts a token into each request."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = "Bearer token"
        return request


def company_session() -> requests.Session:
    session = requests.Session()
    session.auth = Login()
    session.headers["X-Team"] = "shop"
    session.hooks["response"].append(lambda answer, **_: answer.raise_for_status())
    return session

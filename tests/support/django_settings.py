"""The Django example's settings, with its database wherever CHAT_DATABASE says: a path or a URL."""

import os
from urllib.parse import urlsplit

from project.settings import *  # noqa: F403
from project.settings import DATABASES

_place = urlsplit(os.environ["CHAT_DATABASE"])
if _place.scheme:
    DATABASES["default"] = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _place.path.removeprefix("/"),
        "USER": _place.username,
        "HOST": _place.hostname,
        "PORT": _place.port,
    }

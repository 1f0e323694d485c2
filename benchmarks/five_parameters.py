"""The function of five parameters that becomes a tool."""

from __future__ import annotations

from collections.abc import Callable

ARGUMENTS = '{"city":"Oslo","days":3,"ratio":0.5,"exact":true,"tags":["a","b"]}'


def declare() -> Callable[..., str]:
    """A new function each time, so that nothing can be remembered of the last one."""

    def forecast(city: str, days: int, ratio: float, exact: bool, tags: list[str]) -> str:
        """Forecast the weather of a city."""
        return city

    return forecast

"""Counting requests, tokens and what they cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, fields, replace
from types import NoneType
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from .shown import html_table

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["InputTokensDetails", "OutputTokensDetails", "RequestUsage", "Usage"]

T = TypeVar("T")

_adapters: dict[Any, TypeAdapter[Any]] = {}


class _Counts:
    """Checked, dumped and read as pydantic's models are; a run that asks for none of it does
    without pydantic, which takes longer to load than all that is here.
    """

    _kinds: ClassVar[dict[str, Any]]
    """What the values of the fields are."""
    _none_counts: ClassVar[bool] = False
    """Whether a field that is None counts 0."""

    def __post_init__(self) -> None:
        """Have pydantic see to values of other kinds; details that are None count 0, and what is
        None in them.

        Raises:
            ValidationError: One cannot stand for a value of the right kind.
        """
        if not self._fits():
            given = {
                name: value
                for name, value in vars(self).items()
                if value is not None or not (self._none_counts or name.endswith("_details"))
            }
            vars(self).update(vars(_adapter(type(self)).validate_python(given)))

    def _fits(self) -> bool:
        # By `vars` each would have a dict besides its fields from then on.
        return all(map(isinstance, map(self.__getattribute__, self._kinds), self._kinds.values()))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], Any]) -> Any:
        """As pydantic makes it of the fields; objects of other packages are taken for theirs."""
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(cls._fields_of, handler(source))

    @classmethod
    def _fields_of(cls, given: Any) -> Any:
        if isinstance(given, cls) or not (isinstance(given, dict) or hasattr(given, "__dict__")):
            return given
        found = given
        if not isinstance(given, dict):
            names = [each.name for each in fields(cls) if hasattr(given, each.name)]  # type: ignore[arg-type]
            found = {name: getattr(given, name) for name in names} or given
        if cls._none_counts and isinstance(found, dict):
            return {name: value for name, value in found.items() if value is not None}
        return found

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """The fields as a dict; options as in pydantic."""
        return dict(_adapter(type(self)).dump_python(self, **options))

    def model_dump_json(self, **options: Any) -> str:
        """The fields as JSON; options as in pydantic."""
        return _adapter(type(self)).dump_json(self, **options).decode()

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, some fields changed; a deep one has a list of entries of its own."""
        copied = deepcopy(self) if deep else self
        return replace(copied, **(update or {}))  # type: ignore[type-var]

    @classmethod
    def model_json_schema(cls, **options: Any) -> dict[str, Any]:
        """The JSON schema of the fields; options as in pydantic."""
        return _adapter(cls).json_schema(**options)

    @classmethod
    def model_validate(cls, given: Any, **options: Any) -> Self:
        """Made of a dict of fields; options as in pydantic.

        Raises:
            ValidationError: It is none of these.
        """
        return _adapter(cls).validate_python(given, **options)

    @classmethod
    def model_validate_json(cls, text: str | bytes, **options: Any) -> Self:
        """Made of the JSON of `model_dump_json`; options as in pydantic.

        Raises:
            ValidationError: It is none of these.
        """
        return _adapter(cls).validate_json(text, **options)


@dataclass(frozen=True)
class InputTokensDetails(_Counts):
    """What the input tokens were made of."""

    _kinds = {"cached_tokens": int, "cache_write_tokens": int, "cache_write_1h_tokens": int}
    _none_counts = True
    cached_tokens: int = 0
    """Those that the server had cached."""
    cache_write_tokens: int = 0
    """Those that it has put into its cache, where it counts them."""
    cache_write_1h_tokens: int = 0
    """Those of them that it keeps there for an hour, which costs more."""


@dataclass(frozen=True)
class OutputTokensDetails(_Counts):
    """What the output tokens were made of."""

    _kinds = {"reasoning_tokens": int}
    _none_counts = True
    reasoning_tokens: int = 0


_COUNTS: dict[str, Any] = {
    "input_tokens": int,
    "output_tokens": int,
    "total_tokens": int,
    "input_tokens_details": InputTokensDetails,
    "output_tokens_details": OutputTokensDetails,
}
"""Fields that a request and a sum of them have in common."""
_NEWER_NAMES = {
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "prompt_tokens_details": "input_tokens_details",
    "completion_tokens_details": "output_tokens_details",
}
"""Of fields that servers of both APIs call as the older one does."""


@dataclass(frozen=True)
class RequestUsage(_Counts):
    """Tokens of one model call, and what their price depends on."""

    _kinds = {
        **_COUNTS,
        **dict.fromkeys(("model", "asked_model", "hostname", "service_tier"), (str, NoneType)),
        "reported_cost": (float, NoneType),
    }
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_tokens_details: InputTokensDetails = InputTokensDetails()
    output_tokens_details: OutputTokensDetails = OutputTokensDetails()
    model: str | None = None
    """The model, as its server calls it; None: the server named none."""
    asked_model: str | None = None
    """The model that was asked for, where that is another name; None: it is the same, or not
    known."""
    hostname: str | None = None
    """The server; None: not known."""
    service_tier: str | None = None
    """How the server has served it, "flex" or "batch" for example; None: as it does by default."""
    reported_cost: float | None = None
    """What it cost in US dollars, where the server says so."""

    @property
    def cost(self) -> float | None:
        """What the call has cost, in US dollars. None: there is no price for the model, or the
        server has not counted.

        Raises:
            UserError: The `genai-prices` package is needed, and not there.
        """
        from .prices import cost_of  # only those who ask for it pay for it

        return cost_of(self)


@dataclass(repr=False)
class Usage(_Counts):
    """Requests and tokens, added up.

    `prompt_tokens` and `completion_tokens` are `input_tokens` and `output_tokens` under their
    older names.
    """

    _kinds = {"requests": int, **_COUNTS, "request_usage_entries": list}
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_tokens_details: InputTokensDetails = InputTokensDetails()
    output_tokens_details: OutputTokensDetails = OutputTokensDetails()
    request_usage_entries: list[RequestUsage] = field(default_factory=list)
    """One entry for each model call, in order."""

    @property
    def prompt_tokens(self) -> int:
        """Input tokens, under their older name."""
        return self.input_tokens

    @property
    def completion_tokens(self) -> int:
        """Output tokens, under their older name."""
        return self.output_tokens

    @property
    def cost(self) -> float | None:
        """What all of it has cost, in US dollars. None: of some call that is not known.

        Raises:
            UserError: The `genai-prices` package is needed, and not there.
        """
        from .prices import total_cost  # only those who ask for it pay for it

        return total_cost(self)

    def in_words(self) -> str:
        """Such as "2 requests, 61 tokens in (40 cached), 12 out"."""
        cached = self.input_tokens_details.cached_tokens
        reasoning = self.output_tokens_details.reasoning_tokens
        return (
            f"{self.requests} {'request' if self.requests == 1 else 'requests'}, "
            f"{self.input_tokens} tokens in{f' ({cached} cached)' if cached else ''}, "
            f"{self.output_tokens} out{f' ({reasoning} reasoning)' if reasoning else ''}"
        )

    def __repr__(self) -> str:
        return f"<Usage: {self.in_words()}>"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return html_table(
            self.in_words(),
            [
                (entry.model or "", f"{entry.input_tokens} in, {entry.output_tokens} out")
                for entry in self.request_usage_entries
            ],
        )

    def _fits(self) -> bool:
        return super()._fits() and all(
            isinstance(entry, RequestUsage) for entry in self.request_usage_entries
        )

    def add(self, other: Usage) -> None:
        """Add another count to this one, with its entries."""
        self.requests += other.requests
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.total_tokens += other.total_tokens
        details = other.input_tokens_details
        if details.cached_tokens or details.cache_write_tokens:
            known = self.input_tokens_details
            self.input_tokens_details = InputTokensDetails(
                cached_tokens=known.cached_tokens + details.cached_tokens,
                cache_write_tokens=known.cache_write_tokens + details.cache_write_tokens,
                cache_write_1h_tokens=known.cache_write_1h_tokens + details.cache_write_1h_tokens,
            )
        reasoning_tokens = other.output_tokens_details.reasoning_tokens
        if reasoning_tokens:
            reasoning_tokens += self.output_tokens_details.reasoning_tokens
            self.output_tokens_details = OutputTokensDetails(reasoning_tokens=reasoning_tokens)
        if other.requests == 1 and not other.request_usage_entries:  # one counted by hand
            self.request_usage_entries.append(_entry(other))
        self.request_usage_entries.extend(other.request_usage_entries)


def usage_of_request(
    response: dict[str, Any], asked_model: str | None = None, hostname: str | None = None
) -> Usage:
    """One request, as its response tells of it; what is no count counts 0.

    Source: https://platform.openai.com/docs/api-reference/responses/object

    Args:
        response: With `usage`, `model` and `service_tier`, as far as they are known.
        asked_model: The model that was asked for; None: not known.
        hostname: The server; None: not known.
    """
    reported = response.get("usage")
    counts = reported if isinstance(reported, dict) else {}
    if "input_tokens" not in counts and "prompt_tokens" in counts:
        counts = {_NEWER_NAMES.get(name, name): value for name, value in counts.items()}
    input_tokens, output_tokens = _count(counts, "input_tokens"), _count(counts, "output_tokens")
    counted: dict[str, Any] = {
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "total_tokens": _count(counts, "total_tokens") or input_tokens + output_tokens,
    }
    of_input, of_output = counts.get("input_tokens_details"), counts.get("output_tokens_details")
    if isinstance(of_input, dict) and any(of_input.values()):
        counted["input_tokens_details"] = InputTokensDetails(
            _count(of_input, "cached_tokens"),
            _count(of_input, "cache_write_tokens"),
            _count(of_input, "cache_write_1h_tokens"),
        )
    if isinstance(of_output, dict) and any(of_output.values()):
        counted["output_tokens_details"] = OutputTokensDetails(
            _count(of_output, "reasoning_tokens")
        )
    model = _text(response, "model")
    entry = RequestUsage(
        **counted,
        model=model,
        asked_model=None if asked_model == model else asked_model,
        hostname=hostname,
        service_tier=_text(response, "service_tier"),
        reported_cost=_cost(counts),
    )
    return Usage(requests=1, **counted, request_usage_entries=[entry])


def known_counts(counts: _Counts) -> dict[str, Any]:
    """The fields that are not as by default, in JSON."""
    kind = type(counts)
    return {
        name: _in_json(value)
        for name in kind._kinds
        if (value := getattr(counts, name)) is not (default := getattr(kind, name, []))
        and value != default
    }


def _in_json(value: Any) -> Any:
    if isinstance(value, list):
        return list(map(_in_json, value))
    return known_counts(value) if isinstance(value, _Counts) else value


def _entry(usage: Usage) -> RequestUsage:
    return RequestUsage(**{name: getattr(usage, name) for name in _COUNTS})


def _count(counts: dict[str, Any], name: str) -> int:
    number = counts.get(name)
    if isinstance(number, float | str):  # some servers count in other kinds of numbers
        try:
            number = int(float(number))
        except (ValueError, OverflowError):
            return 0
    return number if isinstance(number, int) else 0


def _text(response: dict[str, Any], name: str) -> str | None:
    value = response.get(name)
    return value if isinstance(value, str) else None


def _cost(counts: dict[str, Any]) -> float | None:
    """What the server says it cost, as OpenRouter does."""
    cost = counts.get("cost")
    return float(cost) if isinstance(cost, int | float) and cost >= 0 else None


def _adapter(kind: type[T]) -> TypeAdapter[T]:
    adapter = _adapters.get(kind)
    if adapter is None:
        from pydantic import TypeAdapter

        from .concurrency.forks import without_fork

        adapter = _adapters[kind] = without_fork(TypeAdapter, kind)
    return adapter

"""From signatures and docstrings to schemas, and from JSON to calls."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import functools
import inspect
import typing
import uuid
import warnings
from collections.abc import Callable
from types import GenericAlias
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Generic,
    Literal,
    NotRequired,
    Optional,
    ParamSpec,
    TypeVar,
    Union,
)

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, Json
from pydantic_core import from_json, to_json, to_jsonable_python
from typing_extensions import TypeAliasType, TypedDict, Unpack

from agents_lite.exceptions import ModelBehaviorError, UserError
from agents_lite.run_context import RunContextWrapper
from agents_lite.schema.function_schema import InvalidToolArguments, function_schema
from agents_lite.tool_context import ToolContext

if TYPE_CHECKING:
    from decimal import Decimal as Unknown  # known to type checkers only

P = ParamSpec("P")
T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    street: str
    number: int = 1


class Person(BaseModel):
    name: str
    address: Address


@dataclasses.dataclass
class Size:
    width: int
    height: int = 2


class Place(TypedDict):
    lat: float
    label: NotRequired[str]


class Tree(BaseModel):
    leaves: list[Tree]


class MyContext(RunContextWrapper[T], Generic[T]):
    pass


def properties_of(function: Callable[..., Any], **options: Any) -> dict[str, Any]:
    schema: dict[str, Any] = function_schema(function, **options).params_json_schema
    properties: dict[str, Any] = schema["properties"]
    return properties


def call(function: Callable[..., Any], json_text: str, **options: Any) -> Any:
    args, kwargs = function_schema(function, **options).bind(json_text)
    return function(*args, **kwargs)


# --- names, descriptions -----------------------------------------------------------------------


def test_name_title_and_schema_of_a_plain_function() -> None:
    def add(a: int, b: float = 2.0) -> float:
        """Add two numbers."""
        return a + b

    schema = function_schema(add)
    assert (schema.name, schema.description) == ("add", "Add two numbers.")
    assert schema.params_json_schema == {
        "title": "add_args",
        "type": "object",
        "properties": {
            "a": {"title": "A", "type": "integer"},
            "b": {"title": "B", "type": "number", "default": 2.0},
        },
        "required": ["a", "b"],
        "additionalProperties": False,
    }


def test_loose_schema_keeps_optional_parameters_optional() -> None:
    def add(a: int, b: float = 2.0) -> float:
        return a + b

    schema = function_schema(add, strict_json_schema=False).params_json_schema
    assert schema["required"] == ["a"]
    assert "additionalProperties" not in schema


def test_given_name_and_description_win_over_the_function_s() -> None:
    def f() -> None:
        """Text."""

    schema = function_schema(f, name_override="other", description_override="")
    assert (schema.name, schema.description) == ("other", "")
    assert schema.params_json_schema["title"] == "other_args"


def google(x: int, y: str = "") -> None:
    """Do a thing.

    With a second paragraph
    of two lines.

    And a third.

    Args:
        x: The x,
            explained at length.
        y (str, optional): The y.

    Returns:
        Nothing.
    """


def numpy(x: int, y: str = "") -> None:
    """Do a thing.

    With a second paragraph
    of two lines.

    And a third.

    Parameters
    ----------
    x : int
        The x,
        explained at length.
    y : str, optional
        The y.
    """


def sphinx(x: int, y: str = "") -> None:
    """Do a thing.

    With a second paragraph
    of two lines.

    And a third.

    :param x: The x,
        explained at length.
    :param str y: The y.
    :returns: Nothing.
    """


def epydoc(x: int, y: str = "") -> None:
    """Do a thing.

    With a second paragraph
    of two lines.

    And a third.

    @param x: The x,
        explained at length.
    @param y: The y.
    """


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("function", [google, numpy, sphinx, epydoc])
def test_docstring_of_each_style_gives_all_paragraphs_and_the_parameters(
    function: Any, named: bool
) -> None:
    schema = function_schema(function, docstring_style=function.__name__ if named else None)
    assert schema.description == (
        "Do a thing.\n\nWith a second paragraph\nof two lines.\n\nAnd a third."
    )
    properties = schema.params_json_schema["properties"]
    words = properties["x"]["description"].split()
    assert words == ["The", "x,", "explained", "at", "length."]
    assert properties["y"]["description"] == "The y."


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("before", ["", "Do a thing.\n\n    "])
@pytest.mark.parametrize("behind", ["", "\n    Returns:\n        A thing.\n    "])
def test_docstring_may_begin_with_arguments_and_have_lines_of_another_system(
    newline: str, before: str, behind: str
) -> None:
    def f(x: int, y: str) -> None: ...

    doc = f"{before}Args:\n        x: The x.\n        y: The y,\n            too.\n    {behind}"
    f.__doc__ = doc.replace("\n", newline)
    schema = function_schema(f)
    assert schema.description == before.strip()
    told = schema.params_json_schema["properties"]
    assert [told[name]["description"] for name in "xy"] == ["The x.", "The y,\ntoo."]


@pytest.mark.parametrize(
    ("main", "case"),
    [("Args", str), ("Arguments", str), ("Parameters", str), ("args", str.lower)],
)
def test_docstring_may_have_further_sections_of_arguments(
    main: str, case: Callable[[str], str]
) -> None:
    def search(query: str, *, limit: int = 3, deep: bool = False) -> None: ...

    search.__doc__ = f"""Search.

    {main}:
        query: The words.

    {case("Keyword Arguments")}:
        limit (int): How many,
            at most.

    {case("Other Parameters")}:
        deep: Whether to dig.

    {case("Returns")}:
        Nothing.
    """
    schema = function_schema(search)
    assert schema.description == "Search."
    assert schema.param_descriptions == {
        "query": "The words.", "limit": "How many,\nat most.", "deep": "Whether to dig."
    }


def test_docstring_may_describe_several_parameters_at_once() -> None:
    def f(x: int, y: int, *rest: int) -> None:
        """Do a thing.

        Parameters
        ----------
        x, y : int
            Where it is.
        *rest
            More.
        """

    told = function_schema(f).params_json_schema["properties"]
    assert [each["description"] for each in told.values()] == ["Where it is."] * 2 + ["More."]


def test_docstring_of_the_overridden_method_counts_where_there_is_no_other() -> None:
    class Shop:
        def find(self, what: str) -> str:
            """Find a thing.

            Args:
                what: What it is called.
            """
            return what

    class Bakery(Shop):
        def find(self, what: str) -> str:
            return what

    schema = function_schema(Bakery().find)
    assert schema.description == "Find a thing."
    told = schema.params_json_schema["properties"]["what"]
    assert told["description"] == "What it is called."
    assert function_schema(Bakery().find, use_docstring_info=False).description == ""


def test_docstring_is_ignored_on_request() -> None:
    schema = function_schema(google, use_docstring_info=False)
    assert schema.description == ""
    assert "description" not in schema.params_json_schema["properties"]["x"]


def test_docstring_without_sections_is_the_description_with_its_indentation_gone() -> None:
    def f() -> None:
        """Look: at this.

        Note: it is
            indented.
        """

    assert function_schema(f).description == "Look: at this.\n\nNote: it is\n    indented."


def test_alias_of_an_annotated_type_describes_a_parameter() -> None:
    def f(words: Words) -> None: ...

    assert properties_of(f)["words"]["description"] == "What to look for."


def test_docstring_wins_over_annotated_string_and_field() -> None:
    def f(
        a: Annotated[int, "annotated a"],
        b: Annotated[int, "annotated b"],
        c: Annotated[int, Field(description="field c", ge=1)],
        d: int = Field(4, description="field d"),
    ) -> None:
        """F.

        Args:
            a: doc a
            d: doc d
        """

    properties = properties_of(f)
    descriptions = [properties[name]["description"] for name in "abcd"]
    assert descriptions == ["doc a", "annotated b", "field c", "doc d"]
    assert properties["c"]["minimum"] == 1


def test_unknown_docstring_style_is_a_user_error() -> None:
    with pytest.raises(UserError, match="'google', 'numpy', 'sphinx', 'epydoc' or None"):
        function_schema(google, docstring_style="markdown")  # type: ignore[arg-type]


# --- types -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "given_json", "value"),
    [
        (str, '"a"', "a"),
        (bool, "true", True),
        (Optional[int], "null", None),  # noqa: UP045  # the older spellings have to work as well
        (Union[int, str], '"a"', "a"),  # noqa: UP007
        (typing.List[int], "[1]", [1]),  # noqa: UP006
        (list[Address], '[{"street": "s", "number": 2}]', [Address(street="s", number=2)]),
        (tuple[int, str], '[1, "a"]', (1, "a")),
        (set[int], "[1]", {1}),
        (Literal["a", "b"], '"b"', "b"),
        (Colour, '"blue"', Colour.BLUE),
        (datetime.date, '"2025-03-01"', datetime.date(2025, 3, 1)),
        (datetime.timedelta, '"PT1M"', datetime.timedelta(minutes=1)),
        (decimal.Decimal, '"1.10"', decimal.Decimal("1.10")),
        (uuid.UUID, f'"{uuid.UUID(int=5)}"', uuid.UUID(int=5)),
        (
            Person,
            '{"name": "n", "address": {"street": "s"}}',
            Person(name="n", address=Address(street="s")),
        ),
        (Size, '{"width": 1}', Size(1)),
        (Place, '{"lat": 1.5}', {"lat": 1.5}),
        (Tree, '{"leaves": [{"leaves": []}]}', Tree(leaves=[Tree(leaves=[])])),
        (bytes, '"ab"', b"ab"),
        (Any, '{"a": [1]}', {"a": [1]}),
        (inspect.Parameter.empty, "[null]", [None]),
        ("list[Colour] | None", '["red"]', [Colour.RED]),
    ],
)
def test_argument_arrives_as_its_annotated_type(
    annotation: Any, given_json: str, value: Any
) -> None:
    def f(x: Any) -> Any:
        return x

    f.__annotations__["x"] = annotation
    if annotation is inspect.Parameter.empty:
        del f.__annotations__["x"]
    received = call(f, f'{{"x": {given_json}}}')
    assert received == value
    assert type(received) is type(value)


def test_types_of_the_function_that_defines_a_tool_are_found_whatever_declares_it() -> None:
    def registered(function: Callable[..., Any]) -> dict[str, Any]:
        schema = function_schema(function).params_json_schema
        return dict(schema["properties"])

    class Parcel(BaseModel):
        weight: int

    def send(parcel: Parcel, more: list[Parcel]) -> None: ...

    assert registered(send)["parcel"] == {"$ref": "#/$defs/Parcel"}


def test_unannotated_parameter_takes_anything() -> None:
    def f(x):  # type: ignore[no-untyped-def]
        return x

    assert properties_of(f)["x"]["title"] == "X"
    assert function_schema(f, strict_json_schema=False).params_json_schema["properties"] == {
        "x": {"title": "X"}
    }


def test_field_constraints_and_defaults_hold() -> None:
    def f(
        size: Annotated[int, Field(ge=1, le=9)],
        unit: Annotated[str, Field(pattern="^[a-z]+$")] = "cm",
        count: int = Field(default=3, gt=0),
        tags: list[str] = Field(default_factory=list),  # noqa: B008
    ) -> tuple[Any, ...]:
        return size, unit, count, tags

    properties = properties_of(f)
    assert (properties["size"]["minimum"], properties["size"]["maximum"]) == (1, 9)
    assert properties["unit"]["pattern"] == "^[a-z]+$"
    assert properties["count"]["default"] == 3
    assert call(f, '{"size": 5}') == (5, "cm", 3, [])
    for wrong in ('{"size": 0}', '{"size": 5, "unit": "A"}', '{"size": 5, "count": 0}'):
        with pytest.raises(ModelBehaviorError):
            call(f, wrong)


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", '"nan"'])
@pytest.mark.parametrize("unit", [str, Literal["cm"] | datetime.date])  # described by us, or not
def test_a_number_is_finite(number: str, unit: Any) -> None:
    def f(size: float, sizes: list[float], unit: Any = "cm") -> Any:
        return size, sizes

    f.__annotations__["unit"] = unit

    assert call(f, '{"size": 5, "sizes": [6]}') == (5, [6])
    for arguments in (f'{{"size": {number}, "sizes": []}}', f'{{"size": 1, "sizes": [{number}]}}'):
        with pytest.raises(ModelBehaviorError, match="finite number"):
            call(f, arguments)


def test_default_that_json_cannot_express_stays_out_of_the_schema_without_a_warning() -> None:
    sentinel = object()

    def f(x: Any = sentinel) -> Any:
        return x

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "default" not in properties_of(f)["x"]
    assert call(f, "{}") is sentinel


def test_parameters_named_like_pydantic_s_own_attributes_are_no_problem() -> None:
    def f(schema: str, json: int, copy: bool, _hidden: int, self: int) -> tuple[Any, ...]:
        return schema, json, copy, _hidden, self

    given_json = '{"schema": "a", "json": 1, "copy": true, "_hidden": 2, "self": 3}'
    assert call(f, given_json) == ("a", 1, True, 2, 3)


# --- kinds of parameters -----------------------------------------------------------------------


def test_every_kind_of_parameter_receives_its_argument() -> None:
    def f(a: int, /, b: int, c: int = 3, *rest: int, d: int, e: int = 5) -> tuple[Any, ...]:
        return a, b, c, rest, d, e

    assert properties_of(f)["rest"] == {
        "title": "Rest",
        "type": "array",
        "items": {"type": "integer"},
        "default": [],
    }
    assert call(f, '{"a": 1, "b": 2, "d": 4}') == (1, 2, 3, (), 4, 5)
    assert call(f, '{"a": 1, "b": 2, "rest": [7, 8], "d": 4}') == (1, 2, 3, (7, 8), 4, 5)


def test_extra_positional_argument_is_described_once_not_per_element() -> None:
    def f(*names: Annotated[str, "who"]) -> None: ...

    def g(*names: str) -> None:
        """G.

        Args:
            *names: Who.
        """

    assert properties_of(f)["names"]["description"] == "who"
    assert properties_of(g)["names"]["description"] == "Who."


def test_named_extras_need_the_loose_mode() -> None:
    def f(a: int, **options: int) -> tuple[Any, ...]:
        return a, options

    with pytest.raises(UserError, match=r"Tool f .*\*\*options.*strict_mode=False"):
        function_schema(f)
    options = properties_of(f, strict_json_schema=False)["options"]
    assert options["additionalProperties"] == {"type": "integer"}
    assert call(f, '{"a": 1, "options": {"b": 2}}', strict_json_schema=False) == (1, {"b": 2})
    assert call(f, '{"a": 1}', strict_json_schema=False) == (1, {})


def test_named_extras_that_would_be_lost_are_refused() -> None:
    def f(a: int, **options: int) -> tuple[Any, ...]:
        return a, options

    def g(a: int, /, **options: int) -> tuple[Any, ...]:
        return a, options

    with pytest.raises(ModelBehaviorError, match="Tool f was given a twice: also in options"):
        call(f, '{"a": 1, "options": {"a": 2}}', strict_json_schema=False)
    assert call(g, '{"a": 1, "options": {"a": 2}}', strict_json_schema=False) == (1, {"a": 2})
    with pytest.raises(InvalidToolArguments, match="b: Extra inputs are not permitted"):
        call(f, '{"a": 1, "b": 2}', strict_json_schema=False)


def test_unpacked_extras_are_described_by_what_they_unpack() -> None:
    def f(**options: Unpack[Place]) -> Any:
        return options

    def g(*pair: Unpack[tuple[int, str]]) -> Any:  # noqa: UP044  (that is told apart from `*`)
        return pair

    place = function_schema(f).params_json_schema["$defs"]["Place"]
    assert list(place["properties"]) == ["lat", "label"]
    assert call(f, '{"options": {"lat": 1, "label": "x"}}') == {"lat": 1.0, "label": "x"}
    assert call(f, '{"options": {"lat": 1}}', strict_json_schema=False) == {"lat": 1.0}
    with pytest.raises(InvalidToolArguments, match=r"options\.lat"):
        call(f, '{"options": {"lat": "x"}}')
    assert call(g, '{"pair": [1, "a"]}') == (1, "a")


def test_annotations_may_hold_what_has_no_hash() -> None:
    def f(
        a: Annotated[int, {"unit": "cm"}], b: list[Annotated[int, ["x"]]], c: Literal[[1]]
    ) -> Any:
        return a, b, c

    def g(*args: P.args, **kwargs: P.kwargs) -> None: ...

    assert properties_of(f)["a"] == {"type": "integer", "title": "A"}
    assert call(f, '{"a": 1, "b": [2], "c": [1]}') == (1, [2], [1])
    with pytest.raises(UserError, match="A parameter of tool g has no JSON schema"):
        function_schema(g, strict_json_schema=False)


# --- kinds of callables ------------------------------------------------------------------------


class Shop:
    """A shop."""

    def find(self, name: str) -> str:
        """Find an article."""
        return f"found {name}"

    def __call__(self, size: Size) -> Size:
        """Buy something."""
        return size

    @classmethod
    def open(cls, hour: int) -> int:
        """Open it."""
        return hour


def test_bound_methods_are_tools() -> None:
    assert function_schema(Shop().find).description == "Find an article."
    assert call(Shop().find, '{"name": "x"}') == "found x"
    assert call(Shop.open, '{"hour": 3}') == 3


def test_callable_object_goes_by_its_class_and_the_docstring_of_its_call() -> None:
    schema = function_schema(Shop())
    assert (schema.name, schema.description) == ("Shop", "Buy something.")
    assert call(Shop(), '{"size": {"width": 1}}') == Size(1)


def test_callable_object_without_a_description_of_its_call_is_described_by_its_class() -> None:
    class Search:
        """Search the shop.

        Args:
            limit: How many.
        """

        def __call__(self, what: str) -> str:
            """
            Args:
                what: What it is called.
            """
            return what

    @dataclasses.dataclass
    class Bare:
        limit: int = 3

        def __call__(self, what: str) -> str:
            return what

    schema = function_schema(Search())
    assert schema.description == "Search the shop."
    assert schema.params_json_schema["properties"]["what"]["description"] == "What it is called."
    assert function_schema(Search(), use_docstring_info=False).description == ""
    assert function_schema(Bare()).description == ""


def test_parameters_of_a_callable_object_may_be_described_by_its_class() -> None:
    class Double:
        """Double a number.

        Args:
            what: The number.
        """

        def __call__(self, what: int) -> int:
            return what * 2

    schema = function_schema(Double())
    assert schema.description == "Double a number."
    assert schema.params_json_schema["properties"]["what"]["description"] == "The number."


def test_partial_goes_by_its_function_and_keeps_settled_arguments_to_itself() -> None:
    def search(index: str, query: str, key: str = "", limit: int = 3) -> tuple[Any, ...]:
        """Search."""
        return index, query, key, limit

    settled = functools.partial(functools.partial(search, "docs"), key="secret")
    schema = function_schema(settled)
    assert (schema.name, schema.description) == ("search", "Search.")
    assert list(schema.params_json_schema["properties"]) == ["query", "limit"]
    assert call(settled, '{"query": "q", "key": "other"}') == ("docs", "q", "secret", 3)


def test_wrapped_function_goes_by_what_it_wraps() -> None:
    def logged(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return "logged", function(*args, **kwargs)

        return wrapper

    @logged
    def f(colour: Colour) -> Colour:
        """Paint."""
        return colour

    assert function_schema(f).description == "Paint."
    assert call(f, '{"colour": "red"}') == ("logged", Colour.RED)


def test_wrapper_that_takes_positions_is_given_them() -> None:
    @functools.singledispatch
    def sized(size: int, unit: str = "cm") -> str:
        return f"{size} {unit}"

    @functools.wraps(sized)
    def wrapper(*args: Any) -> Any:
        return args

    @functools.wraps(sized)
    def by_name(**kwargs: Any) -> Any:
        return kwargs

    assert call(sized, '{"size": 3}') == "3 cm"
    assert call(wrapper, '{"size": 3, "unit": "m"}') == (3, "m")
    assert call(by_name, '{"size": 3}') == {"size": 3, "unit": "cm"}


def test_cached_function_goes_by_what_it_wraps() -> None:
    @functools.cache
    def paint(colour: Colour) -> Colour:
        """Paint."""
        return colour

    schema = function_schema(paint)
    assert (schema.name, schema.description) == ("paint", "Paint.")
    assert call(paint, '{"colour": "red"}') == Colour.RED


@pytest.mark.parametrize("candidate", [dict, 5])
def test_what_has_no_signature_is_a_user_error(candidate: Any) -> None:
    with pytest.raises(UserError, match="Tool (dict|int): .* no signature"):
        function_schema(candidate)


# --- annotations as strings --------------------------------------------------------------------


def test_locally_defined_types_are_found() -> None:
    class Local(BaseModel):
        x: int

    def free(it: Local) -> Any:
        return it

    def closed(it: Local) -> Any:
        return Local, it

    args, kwargs = function_schema(free).bind('{"it": {"x": 1}}')
    assert free(*args, **kwargs) == Local(x=1)

    def elsewhere(function: Callable[..., Any]) -> Any:
        return call(function, '{"it": {"x": 1}}')

    assert elsewhere(closed) == (Local, Local(x=1))


class Shelter:
    class Pet(BaseModel):
        name: str

    Names = list[str]
    str = "no type, though named as one"

    def adopt(self, pet: Pet, also: Names, by: str) -> Any:
        return pet, also, by

    @classmethod
    def describe(cls, pet: Pet) -> Any:
        return pet


class Annex(Shelter):
    class Pet(BaseModel):
        other: int


@dataclasses.dataclass
class Adoption:
    pet: Shelter.Pet
    with_: Card

    class Card(BaseModel):
        number: int


def test_types_of_a_method_s_class_body_are_found() -> None:
    given = '{"pet": {"name": "Rex"}, "also": ["Tom"], "by": "me"}'
    taken = (Shelter.Pet(name="Rex"), ["Tom"], "me")
    for adopt in (Shelter().adopt, Annex().adopt, functools.partial(Annex().adopt)):
        assert call(adopt, given) == taken
    assert call(Shelter.describe, given) == Shelter.Pet(name="Rex")


def test_types_of_a_class_s_body_and_module_are_found_from_elsewhere() -> None:
    class Elsewhere(Adoption): ...

    for kind in (Adoption, Elsewhere):
        taken = call(kind, '{"pet": {"name": "Rex"}, "with_": {"number": 7}}')
        assert isinstance(taken, kind)
        assert (taken.pet, taken.with_) == (Shelter.Pet(name="Rex"), Adoption.Card(number=7))


def test_type_that_only_type_checkers_know_is_a_user_error_naming_function_and_parameter() -> None:
    def f(a: int, b: list[Unknown]) -> None: ...

    with pytest.raises(UserError, match=r"Tool f: .*list\[Unknown\].* parameter 'b'.*Unknown"):
        function_schema(f)


def test_return_annotation_is_nobody_s_business() -> None:
    def f(a: int) -> Unknown:
        raise NotImplementedError

    assert list(properties_of(f)) == ["a"]


# --- the context -------------------------------------------------------------------------------

Alias = RunContextWrapper[int]
Words = TypeAliasType("Words", Annotated[str, "What to look for."])
TypeAlias = TypeAliasType("TypeAlias", ToolContext[int])


@pytest.mark.parametrize(
    "annotation",
    [
        RunContextWrapper,
        RunContextWrapper[Any],
        ToolContext[int],
        MyContext[int],
        Optional[RunContextWrapper[int]],  # noqa: UP045
        RunContextWrapper[int] | None,
        Annotated[ToolContext, "the context"],
        "RunContextWrapper",
        "ToolContext[int] | None",
        "Alias",
        TypeAlias,
        "TypeAlias | None",
        "Optional['RunContextWrapper']",
        "RunContextWrapper[Unknown]",
        "agents_lite.ToolContext[Unknown]",
    ],
)
def test_leading_context_parameter_stays_out_of_the_schema(annotation: Any) -> None:
    def f(ctx: Any, a: int) -> None:
        """F.

        Args:
            ctx: The context.
            a: A number.
        """

    f.__annotations__["ctx"] = annotation
    schema = function_schema(f)
    assert schema.takes_context
    assert list(schema.params_json_schema["properties"]) == ["a"]
    assert schema.bind('{"a": 1}') == ((), {"a": 1})


def test_function_without_context_does_not_take_it() -> None:
    assert not function_schema(google).takes_context


def test_context_parameter_of_a_method_comes_after_self() -> None:
    class Kit:
        def f(self, ctx: RunContextWrapper[Any], a: int) -> None: ...

    assert function_schema(Kit().f).takes_context


def test_context_parameter_elsewhere_is_a_user_error_naming_function_and_parameter() -> None:
    def late(a: int, ctx: RunContextWrapper[Any]) -> None: ...

    def named(*, ctx: RunContextWrapper[Any]) -> None: ...

    for function in (late, named):
        with pytest.raises(UserError, match=f"Tool {function.__name__}: parameter 'ctx'.*first"):
            function_schema(function)


# --- what cannot be ----------------------------------------------------------------------------


class Open(BaseModel, extra="allow"):
    pass


class Opaque:
    pass


@pytest.mark.parametrize("annotation", [dict, dict[str, int], list[dict[str, Any]], Open])
def test_open_type_is_refused_at_once_with_field_and_remedy(annotation: Any) -> None:
    def f(meta: Any) -> None: ...

    f.__annotations__["meta"] = annotation
    with pytest.raises(UserError, match=r"f_args.*strict_mode=False") as caught:
        function_schema(f)
    assert "meta" in str(caught.value) or "Open" in str(caught.value)
    assert function_schema(f, strict_json_schema=False).params_json_schema["properties"]


@pytest.mark.parametrize("annotation", [Opaque, list[Opaque], Callable[[], int]])
def test_type_without_schema_is_refused_at_once(annotation: Any) -> None:
    def f(it: Any) -> None: ...

    f.__annotations__["it"] = annotation
    with pytest.raises(UserError, match="tool f "):
        function_schema(f, strict_json_schema=False)


def test_constraint_that_does_not_apply_is_a_user_error() -> None:
    def f(it: Annotated[list[int], Field(pattern="[")]) -> None: ...

    with pytest.raises(UserError, match="tool f "):
        _ = function_schema(f).params_json_schema


# --- arguments ---------------------------------------------------------------------------------


def test_empty_arguments_are_an_empty_object() -> None:
    def f(a: int = 1) -> int:
        return a

    assert call(f, "") == 1


def test_unknown_names_are_dropped() -> None:
    def f(a: int) -> int:
        return a

    assert call(f, '{"a": 1, "b": 2, "a": 3}') == 3


def test_argument_that_holds_bad_json_text_is_well_formed_itself() -> None:
    def f(inner: Json[int]) -> int:
        return inner

    assert call(f, '{"inner": "3"}') == 3
    with pytest.raises(InvalidToolArguments, match="inner: Invalid JSON") as caught:
        call(f, '{"inner": "{"}')
    assert not caught.value.malformed


@pytest.mark.parametrize(
    ("json_text", "malformed", "problem"),
    [
        ("{", True, "Invalid JSON"),
        ("not json", True, "Invalid JSON"),
        ("[]", False, "should be an object"),
        ("null", False, "should be an object"),
        ("{}", False, "number: Field required"),
        ('{"number": "x"}', False, "number: Input should be a valid integer"),
        ('{"number": 1, "tags": ["a", 2]}', False, "tags.1: Input should be a valid string"),
    ],
)
def test_wrong_arguments_are_the_model_s_fault(
    json_text: str, malformed: bool, problem: str
) -> None:
    def count(number: int, tags: list[str] = []) -> None: ...  # noqa: B006

    with pytest.raises(
        InvalidToolArguments, match="^Invalid JSON input for tool count: "
    ) as caught:
        call(count, json_text)
    assert isinstance(caught.value, ModelBehaviorError)
    assert caught.value.malformed is malformed
    assert problem in str(caught.value)


def test_schema_is_made_when_it_is_first_asked_for() -> None:
    schema = function_schema(google)
    assert "params_json_schema" not in vars(schema)
    assert schema.params_json_schema is schema.params_json_schema


# --- any signature -----------------------------------------------------------------------------

SCALARS = st.sampled_from([str, int, float, bool, None, Colour, Literal["a", 2], datetime.date])
TYPES = st.recursive(
    SCALARS | st.sampled_from([Person, Size, Place, Tree, Any]),
    lambda types: st.one_of(
        types.map(lambda t: GenericAlias(list, (t,))),
        types.map(lambda t: GenericAlias(tuple, (t, ...))),
        st.tuples(types, types).map(lambda pair: Union[pair]),  # noqa: UP007
        types.map(lambda t: Annotated[t, "described"]),
    ),
    max_leaves=4,
)
TEXT = st.text('aé"\\\u2028🙂', max_size=5)
KINDS = [inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD]
LAST_KINDS = [inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.KEYWORD_ONLY]


@st.composite
def functions(draw: st.DrawFn) -> Callable[..., dict[str, Any]]:
    """A function of any signature that gives back the arguments it was called with."""
    types = draw(st.lists(TYPES, max_size=5))
    kinds = sorted(draw(st.sampled_from([*KINDS, *LAST_KINDS])) for _ in types)
    seen_star = False
    parameters = []
    for number, (kind, annotation) in enumerate(zip(kinds, types, strict=True)):
        if kind is inspect.Parameter.VAR_POSITIONAL and seen_star:
            kind = inspect.Parameter.KEYWORD_ONLY
        seen_star = seen_star or kind is inspect.Parameter.VAR_POSITIONAL
        parameters.append(inspect.Parameter(f"p{number}", kind, annotation=annotation))
    signature = inspect.Signature(sorted(parameters, key=lambda parameter: parameter.kind))

    def function(*args: Any, **kwargs: Any) -> dict[str, Any]:
        return dict(signature.bind(*args, **kwargs).arguments)

    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


def json_for(schema: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[Any]:
    """JSON values that a schema describes."""
    if "$ref" in schema:
        return st.deferred(lambda: json_for(root["$defs"][schema["$ref"].split("/")[-1]], root))
    if "anyOf" in schema:
        return st.one_of([json_for(part, root) for part in schema["anyOf"]])
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum", [schema.get("const")]))
    match schema.get("type"):
        case "object":
            return st.fixed_dictionaries(
                {name: json_for(part, root) for name, part in schema["properties"].items()}
            )
        case "array":
            return st.lists(json_for(schema["items"], root), max_size=2)
        case "integer":
            return st.integers(-(2**53), 2**53)
        case "number":
            return st.floats(allow_nan=False, allow_infinity=False, width=32)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "string" if schema.get("format") == "date":
            return st.dates().map(str)
        case "string":
            return TEXT
    return st.none() | st.integers() | TEXT


@given(st.data())
def test_arguments_made_from_the_schema_of_any_signature_bind_and_come_through(
    data: st.DataObject,
) -> None:
    function = data.draw(functions())
    schema = function_schema(function, name_override="tool")
    described = schema.params_json_schema
    assert described["required"] == list(described["properties"])
    given_json = data.draw(json_for(described, described))
    args, kwargs = schema.bind(to_json(given_json).decode())
    received = function(*args, **kwargs)
    shown = to_jsonable_python(received)
    for name, value in given_json.items():
        if value != [] or name in shown:  # an empty *args is not among the bound arguments
            assert from_json(to_json(shown[name])) == value

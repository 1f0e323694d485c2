"""From a function's signature and docstring to a tool's JSON schema, and from JSON to its call."""

from __future__ import annotations

import functools
import inspect
import re
import sys
import textwrap
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import Parameter
from types import CellType, FrameType, GenericAlias, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Generic,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic_core import SchemaValidator, ValidationError

from ..checks import check_choice, check_kind
from ..exceptions import ModelBehaviorError, UserError
from ..run_context import RunContextWrapper
from ..shown import repr_of
from .plain import Argument, Schemas, describe_arguments
from .strict_schema import schema_for_api

if TYPE_CHECKING:
    from pydantic import TypeAdapter

DocstringStyle = Literal["google", "numpy", "sphinx", "epydoc"]

_PARSER_STYLES = {"google": "GOOGLE", "numpy": "NUMPYDOC", "sphinx": "REST", "epydoc": "EPYDOC"}
_SECTION_MARK = re.compile(r"^\s*(?:[:@]\w|\w[\w ]*:\s*$|-{3,}\s*$)", re.MULTILINE)
_SMALL_TITLES = r"(?m)^( *)(args|arguments|params|parameters|raises|returns|yields):[ \t]*$"
_ARGUMENTS_FIRST = re.compile(r"(?:Args|Arguments|Params|Parameters):\s*\n")
_MORE_ARGUMENTS = r"(?im)^( *)(?:(?:Keyword|Other) (?:Args|Arguments|Params|Parameters)):\s*$"
_CONTEXT_NAME = r"(?:\w+\.)*(?:RunContextWrapper|ToolContext)\b"


T = TypeVar("T")


class _Computed(Generic[T]):
    """A property computed when it is first asked for, then kept.

    That of functools holds a lock in Python 3.11, for all objects at once: a fork leaves it locked.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __get__(self, owner: Any, _class: type | None = None) -> T:
        value = self._compute(owner)
        owner.__dict__[self._name] = value
        return value


class InvalidToolArguments(ModelBehaviorError):
    """The model called a tool with arguments that are not JSON, or that do not fit.

    Attributes:
        malformed: Whether the arguments are not even JSON.
    """

    def __init__(self, tool_name: str, error: ValidationError) -> None:
        details = error.errors(include_url=False, include_context=False)
        self.malformed = details[0]["type"] == "json_invalid" and not details[0]["loc"]
        problems = "; ".join(
            ": ".join(filter(None, [".".join(map(str, detail["loc"])), detail["msg"]]))
            for detail in details
        )
        super().__init__(f"Invalid JSON input for tool {tool_name}: {problems}")


@dataclass
class FuncSchema:
    """What a function tells the model, and how it takes the model's arguments."""

    name: str
    """The tool's name."""
    description: str
    """What the tool does; "" when nothing says so."""
    takes_context: bool
    """Whether the first argument is the run's context, which the model knows nothing of."""
    strict_json_schema: bool
    """Whether the JSON schema is in the API's strict form."""
    parameters: list[Parameter] = field(repr=False)
    """The parameters the model gives arguments for."""
    types: dict[str, Any] = field(repr=False)
    """Their annotations by name, none of them a string any more."""
    param_descriptions: dict[str, str] = field(repr=False)
    """What the docstring says of them, by name."""
    by_position: bool = field(default=False, repr=False)
    """Whether arguments are passed by position where they may be, not by name."""

    def __post_init__(self) -> None:
        """Sort the parameters into those passed by position and those passed by name."""
        kinds = {parameter.kind: parameter.name for parameter in self.parameters}
        self._extra_positional = kinds.get(Parameter.VAR_POSITIONAL)
        self._extra_named = kinds.get(Parameter.VAR_KEYWORD)
        positional: list[Any] = [Parameter.POSITIONAL_ONLY]
        if self.by_position or self._extra_positional is not None:
            positional += [Parameter.POSITIONAL_OR_KEYWORD]
        self._positional = [p.name for p in self.parameters if p.kind in positional]
        self._only_named = not (self._positional or self._extra_positional or self._extra_named)
        self._validate: Callable[[str], dict[str, Any]] = self._validate_first

    @_Computed
    def params_json_schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments, made when first asked for.

        Raises:
            UserError: A parameter's type has no JSON schema, or no strict one.
        """
        schema = self._schema_by_pydantic() if self.plain is None else self.plain.json
        return schema_for_api(schema, self.strict_json_schema, f"tool {self.name}")

    def bind(self, json_text: str, context: Any = None) -> tuple[Sequence[Any], dict[str, Any]]:
        """The arguments as Python objects, for `function(*args, **kwargs)`, without the context.

        Args:
            json_text: A JSON object; "" stands for {}. Names it does not know are dropped, but
                for a function with `**options`, which are given as an object of that name.
            context: Its `tool_name`, if it has one, is what errors call the tool.

        Raises:
            InvalidToolArguments: It is not a JSON object, or does not fit the signature.
        """
        try:
            values = self._validate(json_text or "{}")
        except ValidationError as error:
            called = getattr(context, "tool_name", "") or self.name
            values = self._as_meant(json_text, error, called)
        if self._only_named:
            return (), values
        args = [values.pop(name) for name in self._positional]
        if self._extra_positional is not None:
            args += values.pop(self._extra_positional)
        if self._extra_named is not None:
            extras = values.pop(self._extra_named)
            if twice := ", ".join(sorted(values.keys() & extras)):
                raise ModelBehaviorError(
                    f"Tool {self.name} was given {twice} twice: also in {self._extra_named}"
                )
            values.update(extras)
        return args, values

    def _validate_first(self, json_text: str) -> dict[str, Any]:
        self._validate = self._validator.validate_json
        return self._validate(json_text)

    def _as_meant(self, json_text: str, error: ValidationError, tool_name: str) -> dict[str, Any]:
        from .plain_meaning import validate_as_meant  # only those who need it pay for it

        try:
            values: dict[str, Any] = validate_as_meant(self._validator, json_text, error)
        except ValidationError as misfit:
            raise InvalidToolArguments(tool_name, misfit) from misfit
        return values

    @_Computed
    def plain(self) -> Schemas | None:
        """The arguments' schemas where all their types are plain; else pydantic has to be asked."""
        return describe_arguments(f"{self.name}_args", map(self._argument, self.parameters))

    @_Computed
    def _validator(self) -> Any:
        """What reads the arguments."""
        return self._adapter.validator if self.plain is None else SchemaValidator(self.plain.core)

    @_Computed
    def _adapter(self) -> TypeAdapter[Any]:
        from .adapter import make_arguments_adapter  # loads all of pydantic

        arguments = map(self._argument, self.parameters)
        extra = "ignore" if self._extra_named is None else "forbid"  # they would be meant for it
        return make_arguments_adapter(f"{self.name}_args", arguments, self._subject, extra)

    def _schema_by_pydantic(self) -> dict[str, Any]:
        from .adapter import json_schema_of

        return json_schema_of(self._adapter, self._subject)

    def _argument(self, parameter: Parameter) -> Argument:
        annotation, default = self.types[parameter.name], parameter.default
        description = self.param_descriptions.get(parameter.name) or _annotated_text(annotation)
        if _is_unpacked(annotation):
            (annotation,) = get_args(annotation)
        elif parameter.kind is Parameter.VAR_POSITIONAL:
            annotation, default = GenericAlias(list, (annotation,)), []
        elif parameter.kind is Parameter.VAR_KEYWORD:
            annotation, default = GenericAlias(dict, (str, annotation)), {}
        return Argument(parameter.name, annotation, default, description)

    @property
    def _subject(self) -> str:
        return f"A parameter of tool {self.name}"


def function_schema(
    function: Callable[..., Any],
    *,
    name_override: str | None = None,
    description_override: str | None = None,
    docstring_style: DocstringStyle | None = None,
    use_docstring_info: bool = True,
    strict_json_schema: bool = True,
) -> FuncSchema:
    """Read a function's signature and docstring.

    Args:
        function: Any callable with a signature: a function, a bound method, a partial, an object.
            A first parameter annotated as RunContextWrapper or ToolContext is given the context.
        name_override: The tool's name; None takes the function's.
        description_override: What it does; None takes the docstring's text before its sections.
        docstring_style: How the docstring is written; None finds out.
        use_docstring_info: Whether to read the docstring at all.
        strict_json_schema: Whether the JSON schema has to be in the API's strict form.

    Raises:
        UserError: The signature cannot be a tool's; the message names the parameter.
    """
    unwrapped = _unwrap(function)
    name = name_override
    if name is None:
        name = str(getattr(unwrapped, "__name__", type(unwrapped).__name__))
    check_kind(name, str, "The name of a tool (name_override, tool_name)", "a text")
    parameters = _read_parameters(function, name)
    is_definition = inspect.isroutine(unwrapped) or isinstance(unwrapped, type)
    plain = unwrapped if is_definition else type(unwrapped).__call__
    doc = plain.__doc__ if use_docstring_info else None
    if doc is None and use_docstring_info and inspect.ismethod(plain):
        doc = inspect.getdoc(plain)  # of the method that it overrides
    doc_description, param_descriptions = _read_docstring(doc or "", docstring_style)
    if use_docstring_info and not (is_definition or doc_description):
        of_class = type(unwrapped).__doc__ or ""
        if not of_class.startswith(f"{type(unwrapped).__name__}("):  # which a dataclass is given
            doc_description, described = _read_docstring(of_class, docstring_style)
            param_descriptions = described | param_descriptions
    types = _resolve_types(parameters, _names_around(function, plain), name)
    takes_context = _find_context(parameters, types, name)
    if takes_context:
        parameters = parameters[1:]
    if strict_json_schema and any(
        p.kind is Parameter.VAR_KEYWORD and not _is_unpacked(types[p.name]) for p in parameters
    ):
        raise UserError(
            f"Tool {name} takes **{parameters[-1].name}, any names at all, which a strict schema"
            " cannot express. List them as parameters, say `Unpack[...]` of a TypedDict, or use"
            " strict_mode=False."
        )
    schema = FuncSchema(
        name=name,
        description=doc_description if description_override is None else description_override,
        takes_context=takes_context,
        strict_json_schema=strict_json_schema,
        parameters=parameters,
        types=types,
        param_descriptions=param_descriptions,
        by_position=_takes_positions(function),
    )
    try:
        if schema.plain is None:
            _ = schema.params_json_schema  # there may be none: better said now than later
    except RecursionError as error:
        raise UserError(f"A parameter of tool {name} nests too deeply.") from error
    return schema


def _unwrap(function: Any) -> Any:
    """The callable behind partials and decorators."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.unwrap(function)


def _read_parameters(function: Callable[..., Any], tool_name: str) -> list[Parameter]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise UserError(
            f"Tool {tool_name}: {repr_of(function)} has no signature to read. Wrap it in a "
            "`def` with annotated parameters."
        ) from error
    settled = function.keywords if isinstance(function, functools.partial) else {}
    return [parameter for parameter in parameters if parameter.name not in settled]


def _takes_positions(function: Callable[..., Any]) -> bool:
    """Whether a function, or what is wrapped around it, takes any number of positions.

    A wrapper may take nothing else, and one of `functools.singledispatch` looks at the first.
    """
    try:
        own = inspect.signature(function, follow_wrapped=False)
    except ValueError:  # it is written in C, as that of functools.cache
        return False
    return any(parameter.kind is Parameter.VAR_POSITIONAL for parameter in own.parameters.values())


def _resolve_types(
    parameters: list[Parameter], names: Mapping[str, Any], tool_name: str
) -> dict[str, Any]:
    """The parameters' annotations by name, strings evaluated."""
    return {p.name: _resolve_type(p, names, tool_name) for p in parameters}


def _names_around(function: Any, plain: Any) -> Mapping[str, Any]:
    """What string annotations may name, the nearest first."""
    classes = _classes_around(function, plain)
    modules = (sys.modules.get(one.__module__) for one in classes)
    return ChainMap(
        *map(_types_in, classes),
        _closure_of(plain),
        getattr(plain, "__globals__", {}),
        _around(plain).f_locals,
        *(vars(module) for module in modules if module is not None),
    )


def _classes_around(function: Any, plain: Any) -> Sequence[type]:
    """The class whose body defines a method; those that a class is made of."""
    if isinstance(plain, type):
        return plain.__mro__
    while isinstance(function, functools.partial):
        function = function.func
    owner = getattr(function, "__self__", function)
    owner = owner if isinstance(owner, type) else type(owner)
    return [one for one in owner.__mro__ if plain.__name__ in vars(one)][:1]


def _types_in(one: type) -> dict[str, Any]:
    """The types that a class body names; its other names may be those of types elsewhere."""
    return {
        name: value
        for name, value in vars(one).items()
        if isinstance(value, type) or get_origin(value) or hasattr(value, "__value__")
    }


def _resolve_type(parameter: Parameter, names: Mapping[str, Any], tool_name: str) -> Any:
    annotation = parameter.annotation
    if annotation is Parameter.empty:
        return Any

    def holder() -> None: ...

    holder.__annotations__ = {"it": annotation}
    try:
        return get_type_hints(holder, {}, names, include_extras=True)["it"]
    except Exception as error:  # the annotation is the user's code
        if isinstance(annotation, str) and re.match(_CONTEXT_NAME, annotation):
            return RunContextWrapper  # what it wraps may be known to type checkers only
        raise UserError(
            f"Tool {tool_name}: the annotation {annotation!r} of parameter {parameter.name!r}"
            f" cannot be resolved ({error}). Import or define the type where the function can see"
            " it at run time."
        ) from error


def _closure_of(plain: Any) -> dict[str, Any]:
    cells = getattr(plain, "__closure__", None) or ()
    names = plain.__code__.co_freevars if cells else ()
    filled = zip(names, cells, strict=True)
    return {name: cell.cell_contents for name, cell in filled if cell != CellType()}


def _around(plain: Any) -> FrameType:
    """The frame that defines a function, if it is at work; else the one that declares the tool.

    Its local types may be named in string annotations.
    """
    code = getattr(plain, "__code__", None)
    caller = _caller()
    frame: FrameType | None = caller
    while frame is not None:
        if any(constant is code for constant in frame.f_code.co_consts):
            return frame
        frame = frame.f_back
    return caller


def _caller() -> FrameType:
    """The frame that declares the tool."""
    package = __name__.partition(".")[0]
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        frame = frame.f_back
    return frame


def _find_context(parameters: list[Parameter], types: dict[str, Any], tool_name: str) -> bool:
    """Whether the first parameter takes the run's context."""
    for position, parameter in enumerate(parameters):
        if _is_context(types[parameter.name]):
            if position == 0 and parameter.kind is not Parameter.KEYWORD_ONLY:
                return True
            raise UserError(
                f"Tool {tool_name}: parameter {parameter.name!r} takes the run's context, so it"
                " has to be the first one."
            )
    return False


def _is_context(annotation: Any) -> bool:
    """Whether a type is the context's, or an alias, a union or Annotated that holds it."""
    annotation = getattr(annotation, "__value__", annotation)  # `type X = ...`
    origin = get_origin(annotation) or annotation
    if isinstance(origin, type) and issubclass(origin, RunContextWrapper):
        return True
    return origin in (Annotated, Union, UnionType) and any(map(_is_context, get_args(annotation)))


def _is_unpacked(annotation: Any) -> bool:
    """Whether a type is `Unpack[...]`, whose arguments are those of a TypedDict, or of a tuple."""
    return getattr(get_origin(annotation), "__name__", "") == "Unpack"


def _annotated_text(annotation: Any) -> str | None:
    """The first string of an `Annotated[T, "description"]`, or of an alias of one."""
    annotation = getattr(annotation, "__value__", annotation)
    if get_origin(annotation) is not Annotated:
        return None
    return next((extra for extra in annotation.__metadata__ if isinstance(extra, str)), None)


def _read_docstring(doc: str, style: DocstringStyle | None) -> tuple[str, dict[str, str]]:
    """The text before a docstring's sections, and the descriptions of parameters by name."""
    check_choice(style, "docstring_style", *_PARSER_STYLES, None)
    doc = "\n".join(doc.splitlines())
    doc = re.sub(_SMALL_TITLES, lambda found: f"{found[1]}{found[2].capitalize()}:", doc)
    if not _SECTION_MARK.search(doc):
        return inspect.cleandoc(doc), {}
    if first := _ARGUMENTS_FIRST.match(doc):  # what follows has to stand behind it, as it is read
        rest = textwrap.dedent(doc[first.end() :])
        has_sections = rest.startswith(" ")
        doc = f"\n{first[0]}{rest if has_sections else textwrap.indent(rest, ' ')}"
    import docstring_parser

    doc = _under_known_titles(doc)
    style_name = _PARSER_STYLES[style] if style else "AUTO"
    try:
        parsed = docstring_parser.parse(doc, docstring_parser.DocstringStyle[style_name])
    except docstring_parser.ParseError:
        return inspect.cleandoc(doc), {}
    params = {
        name.strip().lstrip("*"): parameter.description.strip()
        for parameter in parsed.params
        if parameter.description
        for name in parameter.arg_name.split(",")  # NumPy's style describes several at once
    }
    return (parsed.description or "").strip(), params


def _under_known_titles(doc: str) -> str:
    """A docstring whose further sections of arguments, in Google's style, are read as such.

    The parser knows four titles, and one section under each.
    """
    titles = ("Args", "Arguments", "Params", "Parameters")
    free = (title for title in titles if not re.search(rf"^ *{title}:", doc, re.MULTILINE))
    return re.sub(_MORE_ARGUMENTS, lambda found: f"{found[1]}{next(free, titles[0])}:", doc)

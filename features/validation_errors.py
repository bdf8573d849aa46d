"""Validation of settings by pydantic models, with one `InputError` for all that is wrong."""

import difflib
import json
import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from features.errors import InputError

Model = TypeVar("Model", bound=BaseModel)

_SHOWN_CHARACTERS: Final = 100

# By pydantic's error type, where its own message uses Python's terms instead of those of TOML and JSON.
_REQUIREMENTS: Final = {
    "bool_type": "must be true or false",
    "dict_type": "must be a table of keys and values",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "string_too_short": "must not be empty",
    "string_type": "must be text in quotes",
    "tuple_type": "must be a list",
}


def validate(model: type[Model], content: Mapping[str, Any], where: str) -> Model:
    """Create a model from values as TOML or JSON hold them.

    Args:
        model: its configuration decides what is allowed; with `extra="forbid"` unknown keys are errors.
        content: values by key.
        where: start of the error message, such as the name of the file.

    Raises:
        InputError: a key is unknown or a value is not allowed. Names every such key, its value and what is expected,
            and suggests a known key in place of an unknown one. Examples come from `Field(examples=[...])`.
    """
    try:
        return model.model_validate(dict(content))
    except ValidationError as error:
        problems = [_problem(model, details) for details in error.errors(include_url=False)]
        raise InputError(f"{where}: {'; '.join(problems)}.") from error


def _problem(model: type[BaseModel], details: ErrorDetails) -> str:
    """Describe one problem, without a full stop."""
    location = [part for part in details["loc"] if part != "[key]"]
    message = details["msg"].removeprefix("Value error, ")
    if not location:  # of the model as a whole
        return message
    key = str(location[0])
    if details["type"] == "extra_forbidden":
        return f"unknown key {key!r} {_suggestion(key, model)}"
    path = key + "".join(f"[{part}]" if isinstance(part, int) else f".{part!r}" for part in location[1:])
    if details["type"] == "missing":
        return f"{path} is missing"
    requirement = _REQUIREMENTS.get(details["type"]) or re.sub(r"^\w+ should (be valid )?", "must ", message)
    return f"{path} is {_shown(details['input'])}, but {requirement}{_example(key, model)}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def _suggestion(key: str, model: type[BaseModel]) -> str:
    near = difflib.get_close_matches(key, model.model_fields, 1)
    return f"(did you mean {near[0]!r}?)" if near else f"(known keys: {', '.join(model.model_fields)})"


def _example(key: str, model: type[BaseModel]) -> str:
    field = model.model_fields.get(key)
    if field is None or not field.examples:
        return ""
    return f", such as {key} = {json.dumps(field.examples[0], separators=(', ', ' = '))}"  # valid TOML

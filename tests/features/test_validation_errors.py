import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator

from features.errors import InputError
from features.validation_errors import validate


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    widths: list[int] = Field(default=[1], examples=[[64, 32]])
    rates: dict[str, float] = Field(default={}, examples=[{"x": 0.5}])

    @model_validator(mode="after")
    def _check_name(self):
        if self.name == "none":
            raise ValueError("name must not be 'none'")
        return self


def error_of(**content):
    with pytest.raises(InputError) as caught:
        validate(Settings, content, "config.toml")
    return str(caught.value)


def test_valid_values_give_a_model():
    assert validate(Settings, {"name": "a", "widths": [3]}, "config.toml") == Settings(name="a", widths=[3])


def test_unknown_keys_come_with_a_suggestion_or_with_the_known_keys():
    assert error_of(name="a", width=[1]) == "config.toml: unknown key 'width' (did you mean 'widths'?)."
    assert error_of(name="a", zzz=1) == "config.toml: unknown key 'zzz' (known keys: name, widths, rates)."


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({}, "name is missing"),
        ({"name": 3}, "name is 3, but must be text in quotes"),
        ({"name": "a", "widths": 5}, "widths is 5, but must be a list, such as widths = [64, 32]"),
        ({"name": "a", "widths": [1, True]}, "widths[1] is True, but must be a whole number, such as widths ="),
        ({"name": "a", "rates": {"x y": "fast"}}, "rates.'x y' is 'fast', but must be a number"),
        ({"name": "a", "rates": 1}, 'rates is 1, but must be a table of keys and values, such as rates = {"x" = 0.5}'),
        ({"name": "none"}, "name must not be 'none'"),
    ],
)
def test_a_problem_names_the_key_the_value_and_what_is_expected(content, problem):
    assert error_of(**content).startswith(f"config.toml: {problem}")


def test_all_problems_are_in_one_error():
    message = error_of(name=3, rates=1, zzz=2)

    assert all(part in message for part in ("name is 3", "rates is 1", "'zzz'"))

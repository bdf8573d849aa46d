"""Vocabularies and scales as answers: what is fitted before a cut must not depend on what comes after it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Final

import pyarrow as pa

from features.store.service_schema import ServiceSchema
from models.encoding import Encoding, Encodings
from pipelines.leakage.differences import Answer

_STATISTICS: Final = ("mean", "deviation")


def encoding_answers(encodings: Encodings) -> list[Answer]:
    """Every word and every number that was fitted."""
    sides = (encodings.query, encodings.item)
    return [
        *(_words(side.schema, _fitted_words(side)) for side in sides),
        *(_scales(side.schema, _fitted_scales(side)) for side in sides),
    ]


def released_answers(encodings: Encodings, release: Path) -> tuple[list[Answer], list[Answer]]:
    """The words and numbers that were fitted anew, and those that a release was written with.

    Numbers have nine digits, because another machine may differ in the last ones.
    """
    words, scales = (
        json.loads((release / name).read_text(encoding="utf-8")) for name in ("vocabularies.json", "scales.json")
    )
    sides = (encodings.query, encodings.item)
    fitted = [_words(side.schema, _fitted_words(side)) for side in sides]
    released = [_words(side.schema, words[side.schema.service]) for side in sides]
    for side in sides:
        written = {name: [of[key] for key in _STATISTICS] for name, of in scales[side.schema.service].items()}
        fitted.append(_scales(side.schema, _nine_digits(_fitted_scales(side))))
        released.append(_scales(side.schema, _nine_digits(written)))
    return fitted, released


def _fitted_words(side: Encoding) -> Mapping[str, Sequence[str]]:
    return {name: vocabulary.tokens for name, vocabulary in side.vocabularies.items()}


def _fitted_scales(side: Encoding) -> Mapping[str, Sequence[float]]:
    return {name: astuple(scale) for name, scale in side.scales.items()}


def _words(schema: ServiceSchema, words: Mapping[str, Sequence[str]]) -> Answer:
    """One row: each vocabulary is a list."""
    columns = {name: pa.array([list(of)], pa.list_(pa.string())) for name, of in words.items()}
    return _answer(schema, "vocabularies", {"service": pa.array([schema.service]), **columns})


def _scales(schema: ServiceSchema, scales: Mapping[str, Sequence[float]]) -> Answer:
    """One row for each statistic."""
    columns = {name: pa.array(of, pa.float64()) for name, of in scales.items()}
    return _answer(schema, "scales", {"statistic": pa.array(_STATISTICS), **columns})


def _answer(schema: ServiceSchema, what: str, columns: dict[str, pa.Array]) -> Answer:
    # The embedded id comes from no view: the service speaks for it.
    views = {column.name: column.view or schema.service for column in schema.inputs}
    key = next(iter(columns))
    of = {name: views.get(name, schema.service) for name in columns}
    return Answer(f"{what} ({schema.service})", pa.table(columns), (key,), of)


def _nine_digits(scales: Mapping[str, Sequence[float]]) -> Mapping[str, Sequence[float]]:
    return {name: [float(f"{number:.9g}") for number in of] for name, of in scales.items()}

"""Vocabularies and scales as snapshots: they are fitted before a cut and must not depend on later data."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Final

import pyarrow as pa

from features.store.service_schema import ServiceSchema
from models.encoding import Encoding, Encodings
from models.release.checkpoint import SCALES, VOCABULARIES
from pipelines.leakage.comparison import Snapshot

_STATISTICS: Final = ("mean", "deviation")


def encoding_snapshots(encodings: Encodings) -> list[Snapshot]:
    """Return all fitted vocabularies and scales."""
    sides = (encodings.query, encodings.item)
    return [
        *(_vocabularies(side.schema, _fitted_vocabularies(side)) for side in sides),
        *(_scales(side.schema, _fitted_scales(side)) for side in sides),
    ]


def released_encoding_snapshots(encodings: Encodings, checkpoint: Path) -> tuple[list[Snapshot], list[Snapshot]]:
    """Return the given vocabularies and scales, and those in the folder of a checkpoint.

    Scales are rounded to nine digits, because the last ones differ between machines.
    """
    vocabularies, scales = (
        json.loads((checkpoint / name).read_text(encoding="utf-8")) for name in (VOCABULARIES, SCALES)
    )
    sides = (encodings.query, encodings.item)
    fitted = [_vocabularies(side.schema, _fitted_vocabularies(side)) for side in sides]
    released = [_vocabularies(side.schema, vocabularies[side.schema.service]) for side in sides]
    for side in sides:
        written = {name: [scale[key] for key in _STATISTICS] for name, scale in scales[side.schema.service].items()}
        fitted.append(_scales(side.schema, _nine_digits(_fitted_scales(side))))
        released.append(_scales(side.schema, _nine_digits(written)))
    return fitted, released


def _fitted_vocabularies(side: Encoding) -> Mapping[str, Sequence[str]]:
    return {name: vocabulary.tokens for name, vocabulary in side.vocabularies.items()}


def _fitted_scales(side: Encoding) -> Mapping[str, Sequence[float]]:
    return {name: astuple(scale) for name, scale in side.scales.items()}


def _vocabularies(schema: ServiceSchema, vocabularies: Mapping[str, Sequence[str]]) -> Snapshot:
    """Return a snapshot of one row with a list for each vocabulary."""
    columns = {name: pa.array([list(tokens)], pa.list_(pa.string())) for name, tokens in vocabularies.items()}
    return _snapshot(schema, "vocabularies", {"service": pa.array([schema.service]), **columns})


def _scales(schema: ServiceSchema, scales: Mapping[str, Sequence[float]]) -> Snapshot:
    """Return a snapshot of one row for each statistic."""
    columns = {name: pa.array(statistics, pa.float64()) for name, statistics in scales.items()}
    return _snapshot(schema, "scales", {"statistic": pa.array(_STATISTICS), **columns})


def _snapshot(schema: ServiceSchema, kind: str, columns: dict[str, pa.Array]) -> Snapshot:
    # The embedded id is in no view; its view is the service.
    views = {column.name: column.view or schema.service for column in schema.inputs}
    key = next(iter(columns))
    views_of_columns = {name: views.get(name, schema.service) for name in columns}
    return Snapshot(f"{kind} ({schema.service})", pa.table(columns), (key,), views_of_columns)


def _nine_digits(scales: Mapping[str, Sequence[float]]) -> Mapping[str, Sequence[float]]:
    return {name: [float(f"{number:.9g}") for number in statistics] for name, statistics in scales.items()}

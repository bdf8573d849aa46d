"""The SQL of the point-in-time join, on DuckDB's native `ASOF LEFT JOIN`.

The join sorts, and numbers sort faster than text: the entity rows (`PROBE`) and the histories hold integer codes
instead of keys. Properties of each history, found beforehand (`HistoryProperties`), simplify the join. Most histories
have no two rows with the same key and event timestamp, so comparing timestamps is enough. Some have one row per key, so
nothing has to be sorted.

Of several rows with the same key and event timestamp the one created last counts, and among those the last one in the
order of files and rows. Where such ties exist, the join's single inequality compares tuples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from features.asof_store.table import Table
from features.asof_store.time_unit import TimeUnit
from features.sql import identifier

PROBE: Final = "probe"
ROW: Final = "row"

_LAST_FILE: Final = "18446744073709551615::UBIGINT"
_LAST_ROW: Final = "9223372036854775807::BIGINT"


@dataclass(frozen=True)
class ViewJoin:
    """One feature view to join; columns are those of `source`.

    Attributes:
        name: of the view, for messages.
        source: the view's rows.
        keys: for each key column the column of `PROBE` that it must equal; empty for a view without keys.
        timestamp: the event timestamp column.
        created: the created timestamp column, or None.
        features: feature columns to return, in order.
        ttl: how long after its event timestamp a row is valid; None or 0 is forever.
        hide_created_later: whether rows created after the moment of an entity row are hidden from it.
    """

    name: str
    source: Table
    keys: Mapping[str, str]
    timestamp: str
    created: str | None
    features: Sequence[str]
    ttl: timedelta | None
    hide_created_later: bool

    @property
    def uses_created(self) -> bool:
        """Whether a row's visibility depends on its created timestamp."""
        return self.hide_created_later and self.created is not None

    @property
    def key_columns(self) -> list[str]:
        """The history's columns of key codes; a view without keys has one constant column."""
        return [f"k{number}" for number in range(len(self.keys))] or ["k0"]

    @property
    def feature_columns(self) -> list[str]:
        """The history's columns of features."""
        return [f"f{number}" for number in range(len(self.features))]


@dataclass(frozen=True)
class HistoryProperties:
    """Properties of a history that determine its join.

    Attributes:
        has_late_rows: rows created after their event timestamp may exist and matter.
        has_unique_keys: no key has two rows.
        has_ties: a key may have two rows with one event timestamp.
    """

    has_late_rows: bool
    has_unique_keys: bool
    has_ties: bool


def key_codes_table(probe_column: str) -> str:
    """Return the name of the table of codes for the keys in a column of `PROBE`."""
    return f"codes_{probe_column}"


def key_codes_sql(entities: Table, column: str) -> str:
    """Select every distinct `key` in a column of the entity rows, with an integer `code`."""
    # A column of nulls only may be untyped, and its keys would not be comparable with any other.
    key = f"CAST({identifier(column)} AS VARCHAR)" if entities.is_untyped(column) else identifier(column)
    keys = f"SELECT DISTINCT {key} AS key FROM {entities.sql} WHERE {identifier(column)} IS NOT NULL"
    return f"SELECT key, row_number() OVER () AS code FROM ({keys})"


def probe_sql(entities: Table, timestamp: str, keys: Mapping[str, str], unit: TimeUnit) -> str:
    """Select the rows to look up: `ROW`, which counts from 0 in the order of `entities`, `moment` and key codes.

    Args:
        entities: the entity rows.
        timestamp: their event timestamp column.
        keys: the probe's column name for each entity column that is a key of some view.
        unit: unit of `moment`.
    """
    moment = f"coalesce({entities.timestamp(timestamp, unit)}, {unit.minimum}) AS moment"  # null matches no row
    columns = "".join(f", {identifier(column)} AS {name}" for column, name in keys.items())
    codes = "".join(f", {key_codes_table(name)}.code AS {name}" for name in keys.values())
    joins = "".join(
        f" LEFT JOIN {key_codes_table(name)} ON requested.{name} = {key_codes_table(name)}.key"
        for name in keys.values()
    )
    rows = f"SELECT row_number() OVER () - 1 AS {identifier(ROW)}, {moment}{columns} FROM {entities.sql}"
    return f"SELECT requested.{identifier(ROW)}, requested.moment{codes} FROM ({rows}) AS requested{joins}"


def history_sql(view: ViewJoin, unit: TimeUnit, only_moment: int | None) -> str:
    """Select a view's rows for the requested keys: key codes, `moment`, `created`, `file`, `file_row` and features.

    Args:
        view: the view.
        unit: unit of `moment` and `created`.
        only_moment: the moment of all entity rows if it is the same; then one row per key is enough.
    """
    source = view.source
    created = f"coalesce({source.timestamp(view.created, unit)}, {unit.minimum})" if view.created else unit.minimum
    keys = [f"{identifier(key)} AS {column}" for key, column in zip(view.keys, view.key_columns, strict=False)]
    columns = [
        *keys,
        f"{source.timestamp(view.timestamp, unit)} AS moment",
        f"{created} AS created",
        f"{source.file}::UBIGINT AS file",
        f"{source.row}::BIGINT AS file_row",
        *(
            f"{identifier(feature)} AS {column}"
            for feature, column in zip(view.features, view.feature_columns, strict=True)
        ),
    ]
    conditions = [f"{identifier(view.timestamp)} IS NOT NULL"]
    if view.uses_created and view.created:
        conditions.append(f"{identifier(view.created)} IS NOT NULL")
    if only_moment is not None:
        conditions.append(_is_last_visible(view, unit, created, conditions, only_moment))
    rows = f"SELECT {', '.join(columns)} FROM {source.sql} WHERE {' AND '.join(conditions)}"
    if not view.keys:
        return f"SELECT 0 AS k0, * FROM ({rows})"
    code_columns = list(zip(view.keys.values(), view.key_columns, strict=True))
    joins = "".join(
        f" JOIN {key_codes_table(name)} AS c_{key} ON rows.{key} = c_{key}.key" for name, key in code_columns
    )
    codes = "".join(f"c_{key}.code AS {key}, " for _, key in code_columns)
    return f"SELECT {codes}rows.* EXCLUDE ({', '.join(view.key_columns)}) FROM ({rows}) AS rows{joins}"


def _is_last_visible(view: ViewJoin, unit: TimeUnit, created: str, conditions: Sequence[str], moment: int) -> str:
    """SQL that selects the last visible row of each key at a moment, located by the timestamps alone."""
    source = view.source
    timestamp = source.timestamp(view.timestamp, unit)
    visible_from = f"greatest({timestamp}, {created})" if view.uses_created else timestamp
    by_key = f"GROUP BY {', '.join(map(identifier, view.keys))}" if view.keys else "HAVING count(*) > 0"
    last = f"max(({timestamp}, {created}, {source.file}, {source.row}))"
    rows = f"{source.sql} WHERE {' AND '.join(conditions)} AND {visible_from} <= ({moment})::{unit.sql_type}"
    return (
        f"({source.file}, {source.row}) IN "
        f"(SELECT (last[3], last[4]) FROM (SELECT {last} AS last FROM {rows} {by_key}))"
    )


def has_late_rows_sql(history: str) -> str:
    """Select whether any row of a history was created after its event timestamp."""
    return f"SELECT coalesce(bool_or(created > moment), false) FROM {history}"


def has_duplicates_sql(history: str, columns: Sequence[str]) -> str:
    """Select whether two rows of a history are equal in these columns."""
    groups = f"SELECT 1 FROM {history} GROUP BY {', '.join(columns)} HAVING count(*) > 1"
    return f"SELECT count(*) > 0 FROM ({groups})"


def join_sql(view: ViewJoin, history: str, properties: HistoryProperties, unit: TimeUnit) -> str:
    """Select, for every row of `PROBE` in order, `ROW` and the view's features `f0`, `f1`, ... or nulls.

    Without late rows a row is visible from its event timestamp on, and the result is the last visible row. With late
    rows a row is visible from the later of its two timestamps on, so an outdated row may become visible after a newer
    one. Such a row never is a result. Therefore only rows that are better than every row visible before them are kept;
    among these the last visible one is the best. This sorts only the keys that have late rows.

    Args:
        view: the view to join.
        history: name of the table of `history_sql`.
        properties: of that table.
        unit: unit of its timestamps.
    """
    keys, order = ", ".join(view.key_columns), "(moment, created, file, file_row)"
    visible = f"SELECT *, moment AS visible_from FROM {history}"
    if properties.has_late_rows:
        late_keys = f"SELECT DISTINCT {keys} FROM {history} WHERE created > moment"
        visible = (
            f"{visible} ANTI JOIN ({late_keys}) USING ({keys}) UNION ALL "
            f"SELECT *, greatest(moment, created) AS visible_from FROM {history} "
            f"SEMI JOIN ({late_keys}) USING ({keys}) "
            f"QUALIFY {order} = max({order}) OVER (PARTITION BY {keys} ORDER BY greatest(moment, created))"
        )
    condition = "p.moment >= h.visible_from"
    if properties.has_ties:
        condition = (
            f"(p.moment, {unit.maximum}, {_LAST_FILE}, {_LAST_ROW}) >= (h.visible_from, h.created, h.file, h.file_row)"
        )
    equal = "".join(
        f"p.{probe} = h.{key} AND " for probe, key in zip(view.keys.values(), view.key_columns, strict=False)
    )
    values = [f"h.{feature}" for feature in view.feature_columns]
    if view.ttl:
        is_valid = f"p.moment::HUGEINT - h.moment <= {unit.duration(view.ttl)}"
        values = [f"CASE WHEN {is_valid} THEN {value} END" for value in values]
    selected = "".join(f", {value} AS {name}" for value, name in zip(values, view.feature_columns, strict=True))
    return (
        f"WITH visible AS ({visible}) SELECT p.{identifier(ROW)}{selected} FROM {PROBE} AS p "
        f"{'' if properties.has_unique_keys else 'ASOF '}LEFT JOIN visible AS h ON {equal}{condition} "
        f"ORDER BY p.{identifier(ROW)}"
    )

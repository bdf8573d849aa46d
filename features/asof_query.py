"""The SQL of the point-in-time join, on DuckDB's native `ASOF LEFT JOIN`.

Time is counted in whole nanoseconds since 1970 UTC, as HUGEINT: one unit for every resolution that a file may have,
nothing is rounded (a cast from nanoseconds to microseconds rounds up, which would show the future), nothing overflows.

Of several rows with the same key and event timestamp the one created last counts; of those, the last one in the order
of files and lines. All three ranks stand in the join's one inequality, which compares tuples, so that ties cost no
pass over the data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb

from features.sql import identifier, literal

PROBE: Final = "probe"
ROW: Final = "row"

# Beyond every moment that DuckDB can hold: infinity is 2^63 microseconds, about 10^22 nanoseconds.
_FIRST: Final = "(-100000000000000000000000000)::HUGEINT"
_LAST: Final = "100000000000000000000000000::HUGEINT"
_LAST_FILE: Final = "18446744073709551615::UBIGINT"
_LAST_LINE: Final = "9223372036854775807::BIGINT"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Table:
    """Something to select from.

    Attributes:
        sql: what to write after FROM.
        types: DuckDB's type of each column, by column name.
        place: where it lies, for messages.
        file: expression for the number of a row's file.
        line: expression for the number of a row within its file.
    """

    sql: str
    types: Mapping[str, str]
    place: str
    file: str = "file_index"
    line: str = "file_row_number"

    def moment(self, column: str) -> str:
        """An expression for a column's moment, null where the column is null."""
        if self.types[column].endswith("_NS"):
            return f"epoch_ns({identifier(column)})::HUGEINT"
        return f"epoch_us(CAST({identifier(column)} AS TIMESTAMPTZ))::HUGEINT * 1000"

    def is_text(self, column: str) -> bool:
        """Whether a column holds text, be it encoded as a category."""
        return self.types[column].startswith(("VARCHAR", "ENUM"))

    def is_untyped(self, column: str) -> bool:
        """Whether a column has no type, because it holds nothing but nulls."""
        return self.types[column] in {"NULL", '"NULL"'}


@dataclass(frozen=True)
class ViewJoin:
    """One feature view, ready to be joined; columns are those of `history`.

    Attributes:
        name: of the view, for messages.
        history: the view's rows.
        keys: for each key column the column of `PROBE` it must equal. A view without keys has none.
        timestamp: when a row's values hold from.
        created: when a row became known, or None.
        features: columns to hand over, in order.
        ttl: how long a row's values hold; None or 0 for ever.
        cut_off: whether rows created after the moment asked for are hidden.
    """

    name: str
    history: Table
    keys: Mapping[str, str]
    timestamp: str
    created: str | None
    features: Sequence[str]
    ttl: timedelta | None
    cut_off: bool

    @property
    def hides_late_rows(self) -> bool:
        """Whether a row's creation decides if it is seen."""
        return self.cut_off and self.created is not None


def types_of(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """DuckDB's type of each column of what can be selected from, by column name."""
    relation_ = connection.sql(f"SELECT * FROM {relation}")
    return dict(zip(relation_.columns, map(str, relation_.types), strict=True))


def parquet_table(connection: duckdb.DuckDBPyConnection, path: str) -> Table:
    """Rows of a Parquet file, of all `*.parquet` below a folder, or of the files that match a pattern.

    Columns of folders named `column=value` are text, so that ids keep their leading zeros. A column that some files
    lack is null there.
    """
    several = Path(path).is_dir() or not Path(path).is_file()
    files = f"{path}/**/*.parquet" if Path(path).is_dir() else path
    options = "union_by_name = true, hive_types_autocast = false" if several else "hive_partitioning = false"
    relation = f"read_parquet({literal(files)}, {options})"
    return Table(relation, types_of(connection, relation), path)


def probe_sql(entities: Table, timestamp: str, keys: Mapping[str, str]) -> str:
    """Select the rows to look up: `ROW` counted from 0 in the order of `entities`, the moment, and the keys.

    Args:
        entities: the entity rows.
        timestamp: their event timestamp.
        keys: the probe's name of each entity column that is some view's key.
    """
    columns = "".join(
        # A column of nothing but nulls may have no type, and would get one that no key can be compared with.
        f", {f'CAST({identifier(column)} AS VARCHAR)' if entities.is_untyped(column) else identifier(column)} AS {name}"
        for column, name in keys.items()
    )
    moment = f"coalesce({entities.moment(timestamp)}, {_FIRST}) AS moment"  # before everything: it finds nothing
    return f"SELECT row_number() OVER () - 1 AS {identifier(ROW)}, {moment}{columns} FROM {entities.sql}"


def has_late_rows_sql(view: ViewJoin) -> str:
    """Ask whether any row of a view was created after its event timestamp."""
    created = view.history.moment(view.created) if view.created else "NULL"
    moment = view.history.moment(view.timestamp)
    return f"SELECT coalesce(bool_or({created} > {moment}), false) FROM {view.history.sql}"


def join_sql(view: ViewJoin, *, late_rows: bool, few_probes: bool) -> str:
    """Select, for every row of `PROBE` in order, `ROW` and the view's features `f0`, `f1`, ... or nulls.

    Without late rows the moment from which a row is seen is its event timestamp, and the answer is the last row that
    is seen. With late rows it is the later of its two stamps, and a row may come to light after a newer one has. What
    such a row has to say is never asked for, so only rows better than every row seen until then are kept: among them
    the last seen is the best. That takes a sort of the keys that have late rows, and leaves the others alone.

    Args:
        view: what to join.
        late_rows: whether to reckon with rows created after their event timestamp; matters with the cut-off only.
        few_probes: whether to read only the history of keys asked for, because there are few of them.
    """
    keys = [f"k{number}" for number in range(len(view.keys))] or ["k0"]  # a view without keys has one key for all
    features = [f"f{number}" for number in range(len(view.features))]
    key_list, rank = ", ".join(keys), "(moment, created, file, line)"
    ctes = {"source": _source_sql(view, few_probes=few_probes)}
    if view.hides_late_rows and late_rows:
        ctes["late_keys"] = f"SELECT DISTINCT {key_list} FROM source WHERE created > moment"
        ctes["history"] = (
            f"SELECT *, moment AS seen FROM source ANTI JOIN late_keys USING ({key_list}) UNION ALL "
            f"SELECT *, greatest(moment, created) AS seen FROM source SEMI JOIN late_keys USING ({key_list}) "
            f"QUALIFY {rank} = max({rank}) OVER (PARTITION BY {key_list} ORDER BY greatest(moment, created))"
        )
    else:
        ctes["history"] = "SELECT *, moment AS seen FROM source"
    values = [f"h.{feature}" for feature in features]
    if view.ttl:
        values = [f"CASE WHEN p.moment - h.moment <= {_nanoseconds(view.ttl)} THEN {value} END" for value in values]
    selected = "".join(f", {value} AS {feature}" for value, feature in zip(values, features, strict=True))
    equal = "".join(f"p.{probe} = h.k{number} AND " for number, probe in enumerate(view.keys.values()))
    return (
        f"WITH {', '.join(f'{name} AS ({sql})' for name, sql in ctes.items())} "
        f"SELECT p.{identifier(ROW)}{selected} FROM {PROBE} AS p ASOF LEFT JOIN history AS h ON {equal}"
        f"(p.moment, {_LAST}, {_LAST_FILE}, {_LAST_LINE}) >= (h.seen, h.created, h.file, h.line) "
        f"ORDER BY p.{identifier(ROW)}"
    )


def between_sql(
    table: Table, columns: Sequence[str], timestamp: str, start: datetime | None, end: datetime | None
) -> str:
    """Select the rows stamped from `start` to `end`, both included."""
    selected = ", ".join(map(identifier, columns))
    return f"SELECT {selected} FROM {table.sql} WHERE {_between(table, timestamp, start, end)}"


def latest_sql(
    table: Table,
    columns: Sequence[str],
    keys: Sequence[str],
    timestamp: str,
    created: str | None,
    start: datetime | None,
    end: datetime | None,
) -> str:
    """Select the last row of each key stamped from `start` to `end`, both included.

    The places of the last rows are found in the stamps alone; whole rows are read for those places only.
    """
    created_moment = f"coalesce({table.moment(created)}, {_FIRST})" if created else _FIRST
    rank = f"({table.moment(timestamp)}, {created_moment}, {table.file}, {table.line})"
    by_key = f"GROUP BY {', '.join(map(identifier, keys))}" if keys else "HAVING count(*) > 0"
    places = f"SELECT max({rank}) AS best FROM {table.sql} WHERE {_between(table, timestamp, start, end)} {by_key}"
    selected = ", ".join(map(identifier, columns))
    return (
        f"WITH places AS MATERIALIZED ({places}) SELECT {selected} FROM {table.sql} "
        f"WHERE ({table.file}, {table.line}) IN (SELECT (best[3], best[4]) FROM places)"
    )


def _source_sql(view: ViewJoin, *, few_probes: bool) -> str:
    history = view.history
    keys = [f"{identifier(key)} AS k{number}" for number, key in enumerate(view.keys)] or ["0 AS k0"]
    created = f"coalesce({history.moment(view.created)}, {_FIRST})" if view.created else _FIRST
    columns = [
        *keys,
        f"{history.moment(view.timestamp)} AS moment",
        f"{created} AS created",
        f"{history.file}::UBIGINT AS file",
        f"{history.line}::BIGINT AS line",
        *(f"{identifier(feature)} AS f{number}" for number, feature in enumerate(view.features)),
    ]
    conditions = [f"{identifier(view.timestamp)} IS NOT NULL", *(f"{identifier(key)} IS NOT NULL" for key in view.keys)]
    if view.hides_late_rows and view.created:
        conditions.append(f"{identifier(view.created)} IS NOT NULL")
    if few_probes:
        conditions += [f"{identifier(key)} IN (SELECT {probe} FROM {PROBE})" for key, probe in view.keys.items()]
    return f"SELECT {', '.join(columns)} FROM {history.sql} WHERE {' AND '.join(conditions)}"


def _between(table: Table, timestamp: str, start: datetime | None, end: datetime | None) -> str:
    moment = table.moment(timestamp)
    bounds = [(">=", start), ("<=", end)]
    limits = [
        f"{moment} {sign} {_nanoseconds(bound.astimezone(UTC) - _EPOCH)}" for sign, bound in bounds if bound is not None
    ]
    return " AND ".join(limits) or "true"


def _nanoseconds(duration: timedelta) -> str:
    return f"({duration // timedelta(microseconds=1) * 1000})::HUGEINT"

"""The SQL of the point-in-time join, on DuckDB's native `ASOF LEFT JOIN`.

The join sorts, and sorts numbers faster than texts: entity rows (`PROBE`) and histories hold the number of a key in
place of the key. What a history spares us is found out beforehand (`Shape`): most have no two rows of the same key and
moment, so that the moment alone is compared, and some have only one row a key, so that nothing has to be sorted.

Of several rows with the same key and event timestamp the one created last counts; of those, the last one in the order
of files and lines. Where there are such rows, all of that stands in the join's one inequality, which compares tuples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from features.asof_store.clock import Clock
from features.asof_store.table import Table
from features.sql import identifier

PROBE: Final = "probe"
ROW: Final = "row"

_LAST_FILE: Final = "18446744073709551615::UBIGINT"
_LAST_LINE: Final = "9223372036854775807::BIGINT"


@dataclass(frozen=True)
class ViewJoin:
    """One feature view, ready to be joined; columns are those of `source`.

    Attributes:
        name: of the view, for messages.
        source: the view's rows.
        keys: for each key column the column of `PROBE` it must equal. A view without keys has none.
        timestamp: when a row's values hold from.
        created: when a row became known, or None.
        features: columns to hand over, in order.
        ttl: how long a row's values hold; None or 0 for ever.
        cut_off: whether rows created after the moment asked for are hidden.
    """

    name: str
    source: Table
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

    @property
    def key_columns(self) -> list[str]:
        """The columns of its history that hold keys. A view without keys has one key for all."""
        return [f"k{number}" for number in range(len(self.keys))] or ["k0"]

    @property
    def feature_columns(self) -> list[str]:
        """The columns of its history that hold features."""
        return [f"f{number}" for number in range(len(self.features))]


@dataclass(frozen=True)
class Shape:
    """What decides how a history is joined.

    Attributes:
        late: whether to reckon with rows created after their event timestamp; matters with the cut-off only.
        single: whether no key has two rows.
        tied: whether a key may have two rows of one moment.
    """

    late: bool
    single: bool
    tied: bool


def numbers_table(probe_column: str) -> str:
    """The table that numbers the keys in a column of `PROBE`."""
    return f"numbers_{probe_column}"


def numbers_sql(entities: Table, column: str) -> str:
    """Select every `key` in a column of the entity rows, with a `number`."""
    # A column of nothing but nulls may have no type, and would get one that no key can be compared with.
    key = f"CAST({identifier(column)} AS VARCHAR)" if entities.is_untyped(column) else identifier(column)
    keys = f"SELECT DISTINCT {key} AS key FROM {entities.sql} WHERE {identifier(column)} IS NOT NULL"
    return f"SELECT key, row_number() OVER () AS number FROM ({keys})"


def probe_sql(entities: Table, timestamp: str, keys: Mapping[str, str], clock: Clock) -> str:
    """Select the rows to look up: `ROW` counted from 0 in the order of `entities`, the moment, and the keys' numbers.

    Args:
        entities: the entity rows.
        timestamp: their event timestamp.
        keys: the probe's name of each entity column that is some view's key.
        clock: what to count moments in.
    """
    moment = f"coalesce({entities.moment(timestamp, clock)}, {clock.first}) AS moment"  # null: it finds nothing
    columns = "".join(f", {identifier(column)} AS {name}" for column, name in keys.items())
    numbers = "".join(f", {numbers_table(name)}.number AS {name}" for name in keys.values())
    joins = "".join(
        f" LEFT JOIN {numbers_table(name)} ON asked.{name} = {numbers_table(name)}.key" for name in keys.values()
    )
    rows = f"SELECT row_number() OVER () - 1 AS {identifier(ROW)}, {moment}{columns} FROM {entities.sql}"
    return f"SELECT asked.{identifier(ROW)}, asked.moment{numbers} FROM ({rows}) AS asked{joins}"


def history_sql(view: ViewJoin, clock: Clock, only_moment: int | None) -> str:
    """Select a view's rows for the keys asked for: the keys' numbers, both stamps, file, line and features.

    Args:
        view: whose rows.
        clock: what moments are counted in.
        only_moment: the moment, if all entity rows have the same one: then one row of each key is enough.
    """
    source = view.source
    created = f"coalesce({source.moment(view.created, clock)}, {clock.first})" if view.created else clock.first
    keys = [f"{identifier(key)} AS {column}" for key, column in zip(view.keys, view.key_columns, strict=False)]
    columns = [
        *keys,
        f"{source.moment(view.timestamp, clock)} AS moment",
        f"{created} AS created",
        f"{source.file}::UBIGINT AS file",
        f"{source.line}::BIGINT AS line",
        *(
            f"{identifier(feature)} AS {column}"
            for feature, column in zip(view.features, view.feature_columns, strict=True)
        ),
    ]
    conditions = [f"{identifier(view.timestamp)} IS NOT NULL"]
    if view.hides_late_rows and view.created:
        conditions.append(f"{identifier(view.created)} IS NOT NULL")
    if only_moment is not None:
        conditions.append(_is_last_seen(view, clock, created, conditions, only_moment))
    rows = f"SELECT {', '.join(columns)} FROM {source.sql} WHERE {' AND '.join(conditions)}"
    if not view.keys:
        return f"SELECT 0 AS k0, * FROM ({rows})"
    numbers = list(zip(view.keys.values(), view.key_columns, strict=True))
    joins = "".join(f" JOIN {numbers_table(name)} AS n_{key} ON rows.{key} = n_{key}.key" for name, key in numbers)
    selected = "".join(f"n_{key}.number AS {key}, " for _, key in numbers)
    return f"SELECT {selected}rows.* EXCLUDE ({', '.join(view.key_columns)}) FROM ({rows}) AS rows{joins}"


def _is_last_seen(view: ViewJoin, clock: Clock, created: str, conditions: Sequence[str], moment: int) -> str:
    """Whether no better row of the same key is seen at a moment. It is found by the stamps alone."""
    source = view.source
    stamped = source.moment(view.timestamp, clock)
    seen = f"greatest({stamped}, {created})" if view.hides_late_rows else stamped
    by_key = f"GROUP BY {', '.join(map(identifier, view.keys))}" if view.keys else "HAVING count(*) > 0"
    best = f"max(({stamped}, {created}, {source.file}, {source.line}))"
    rows = f"{source.sql} WHERE {' AND '.join(conditions)} AND {seen} <= ({moment})::{clock.kind}"
    places = f"SELECT {best} AS best FROM {rows} {by_key}"
    return f"({source.file}, {source.line}) IN (SELECT (best[3], best[4]) FROM ({places}))"


def late_sql(history: str) -> str:
    """Ask whether any row of a history was created after its event timestamp."""
    return f"SELECT coalesce(bool_or(created > moment), false) FROM {history}"


def repeats_sql(history: str, columns: Sequence[str]) -> str:
    """Ask whether two rows of a history agree in these columns."""
    groups = f"SELECT 1 FROM {history} GROUP BY {', '.join(columns)} HAVING count(*) > 1"
    return f"SELECT count(*) > 0 FROM ({groups})"


def join_sql(view: ViewJoin, history: str, shape: Shape, clock: Clock) -> str:
    """Select, for every row of `PROBE` in order, `ROW` and the view's features `f0`, `f1`, ... or nulls.

    Without late rows the moment from which a row is seen is its event timestamp, and the answer is the last row that
    is seen. With late rows it is the later of its two stamps, and a row may come to light after a newer one has. What
    such a row has to say is never asked for, so only rows better than every row seen until then are kept: among them
    the last seen is the best. That takes a sort of the keys that have late rows, and leaves the others alone.

    Args:
        view: what to join.
        history: the table of `history_sql`.
        shape: what is known of that table.
        clock: what moments are counted in.
    """
    keys, rank = ", ".join(view.key_columns), "(moment, created, file, line)"
    seen = f"SELECT *, moment AS seen FROM {history}"
    if shape.late:
        late_keys = f"SELECT DISTINCT {keys} FROM {history} WHERE created > moment"
        seen = (
            f"{seen} ANTI JOIN ({late_keys}) USING ({keys}) UNION ALL "
            f"SELECT *, greatest(moment, created) AS seen FROM {history} SEMI JOIN ({late_keys}) USING ({keys}) "
            f"QUALIFY {rank} = max({rank}) OVER (PARTITION BY {keys} ORDER BY greatest(moment, created))"
        )
    before = "p.moment >= h.seen"
    if shape.tied:
        before = f"(p.moment, {clock.last}, {_LAST_FILE}, {_LAST_LINE}) >= (h.seen, h.created, h.file, h.line)"
    equal = "".join(
        f"p.{probe} = h.{key} AND " for probe, key in zip(view.keys.values(), view.key_columns, strict=False)
    )
    values = [f"h.{feature}" for feature in view.feature_columns]
    if view.ttl:
        age = f"p.moment::HUGEINT - h.moment <= {clock.duration(view.ttl)}"
        values = [f"CASE WHEN {age} THEN {value} END" for value in values]
    selected = "".join(f", {value} AS {name}" for value, name in zip(values, view.feature_columns, strict=True))
    return (
        f"WITH seen AS ({seen}) SELECT p.{identifier(ROW)}{selected} FROM {PROBE} AS p "
        f"{'' if shape.single else 'ASOF '}LEFT JOIN seen AS h ON {equal}{before} ORDER BY p.{identifier(ROW)}"
    )

"""What a feature view asks of the as-of join: whose columns, under which names, and whether they are there."""

from collections.abc import Iterable, Mapping, Sequence

from feast import FeatureView
from feast.data_source import DataSource
from feast.feature_view import DUMMY_ENTITY_ID

from features.asof_store.query import ViewJoin
from features.asof_store.table import Table
from features.errors import InputError


def batch_source_of(view: FeatureView) -> DataSource:
    """Where the history of a view lies.

    Raises:
        InputError: it has none.
    """
    if view.batch_source is None:
        raise InputError(f"Feature view '{view.name}' has no batch source: there is no history to join.")
    return view.batch_source


def view_join(
    view: FeatureView,
    names: Sequence[str],
    history: Table,
    entities: Table,
    probe_keys: Mapping[str, str],
    *,
    cut_off: bool,
) -> ViewJoin:
    """Put a view in terms of the columns of its history.

    Args:
        view: the view, under an alias perhaps.
        names: the features asked for.
        history: the rows of its batch source.
        entities: the entity rows.
        probe_keys: the probe's name of each entity column that is a key.
        cut_off: whether rows created after the moment asked for are hidden.

    Raises:
        InputError: a column is missing, or a key is text on one side and no text on the other.
    """
    source = view.batch_source
    named = {new: old for old, new in source.field_mapping.items() if old in history.types}
    keys = {named.get(key, key): column for key, column in keys_of(view).items()}
    features = [named.get(name, name) for name in names]
    timestamp = named.get(source.timestamp_field, source.timestamp_field)
    created = named.get(source.created_timestamp_column, source.created_timestamp_column) or None
    who = f"Feature view '{view.name}'"
    check_columns(history, [*keys, timestamp, *([created] if created else []), *features], who)
    for key, column in keys.items():
        if column not in entities.types:
            raise InputError(
                f"{who} is joined on column '{column}', which the entity rows lack; they have "
                f"{', '.join(entities.types)}."
            )
        if not entities.is_untyped(column) and history.is_text(key) != entities.is_text(column):
            raise InputError(
                f"{who} has {history.types[key]} in key '{key}', but column '{column}' of the entity rows is "
                f"{entities.types[column]}: convert it to the view's type."
            )
    return ViewJoin(
        view.name,
        history,
        {key: probe_keys[column] for key, column in keys.items()},
        timestamp,
        created,
        features,
        view.ttl,
        cut_off,
    )


def features_asked(view: FeatureView, feature_refs: Sequence[str]) -> list[str]:
    """The features of a view among references of the form "view:feature"."""
    prefix = f"{view.projection.name_to_use()}:"
    return [ref.removeprefix(prefix) for ref in feature_refs if ref.startswith(prefix)]


def output_name(view: FeatureView, name: str, *, full: bool) -> str:
    """The name of a feature's column in the answer."""
    return f"{view.projection.name_alias or view.name}__{name}" if full else name


def keys_of(view: FeatureView) -> dict[str, str]:
    """The entity column for each join key of a view. A key that the alias does not rename keeps its name."""
    renamed = view.projection.join_key_map
    return {key.name: renamed.get(key.name, key.name) for key in view.entity_columns if key.name != DUMMY_ENTITY_ID}


def check_columns(table: Table, columns: Iterable[str], who: str) -> None:
    """Refuse a table that lacks columns.

    Raises:
        InputError: it does.
    """
    missing = [column for column in columns if column not in table.types]
    if missing:
        raise InputError(
            f"{who} needs {', '.join(repr(column) for column in missing)} in {table.place}, which has columns "
            f"{', '.join(table.types)}: write the column, or correct the view and run `feast apply`."
        )


def check_outputs(names: Sequence[str]) -> None:
    """Refuse two columns of one name.

    Raises:
        InputError: there are such.
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"Two columns of the answer would be called {', '.join(repr(name) for name in twice)}: ask with "
            "full_feature_names=True, or rename the column of the entity rows."
        )

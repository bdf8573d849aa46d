"""Feature views in terms of columns: keys, timestamps and requested features, checked against history and entities."""

from collections.abc import Iterable, Mapping, Sequence

from feast import FeatureView
from feast.data_source import DataSource
from feast.feature_view import DUMMY_ENTITY_ID

from features.asof_store.query import ViewJoin
from features.asof_store.table import Table
from features.errors import InputError


def batch_source(view: FeatureView) -> DataSource:
    """Return the source of a view's history.

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
    hide_created_later: bool,
) -> ViewJoin:
    """Express a view in the columns of its history.

    Args:
        view: the view, possibly under an alias.
        names: the requested features.
        history: the rows of its batch source.
        entities: the entity rows.
        probe_keys: the probe's column name for each entity column that is a key.
        hide_created_later: whether rows created after the moment of an entity row are hidden from it.

    Raises:
        InputError: a column is missing, or a key is text on one side only.
    """
    source = view.batch_source
    in_source = {new: old for old, new in source.field_mapping.items() if old in history.types}
    keys = {in_source.get(key, key): column for key, column in join_keys(view).items()}
    features = [in_source.get(name, name) for name in names]
    timestamp = in_source.get(source.timestamp_field, source.timestamp_field)
    created = in_source.get(source.created_timestamp_column, source.created_timestamp_column) or None
    owner = f"Feature view '{view.name}'"
    check_columns(history, [*keys, timestamp, *([created] if created else []), *features], owner)
    for key, column in keys.items():
        if column not in entities.types:
            raise InputError(
                f"{owner} is joined on column '{column}', which the entity rows lack; they have "
                f"{', '.join(entities.types)}."
            )
        # A table without rows, or with null keys only, may have lost the type of its keys.
        is_typed = not (entities.is_untyped(column) or history.is_untyped(key))
        if is_typed and history.is_text(key) != entities.is_text(column):
            raise InputError(
                f"{owner} has {history.types[key]} in key '{key}', but column '{column}' of the entity rows is "
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
        hide_created_later,
    )


def requested_features(view: FeatureView, feature_refs: Sequence[str]) -> list[str]:
    """Return the features of a view among references of the form "view:feature"."""
    prefix = f"{view.projection.name_to_use()}:"
    return [ref.removeprefix(prefix) for ref in feature_refs if ref.startswith(prefix)]


def output_name(view: FeatureView, name: str, *, full: bool) -> str:
    """Return the name of a feature's column in the result."""
    return f"{view.projection.name_alias or view.name}__{name}" if full else name


def join_keys(view: FeatureView) -> dict[str, str]:
    """Return the entity column for each join key of a view; a key that the alias does not rename keeps its name."""
    renamed = view.projection.join_key_map
    return {key.name: renamed.get(key.name, key.name) for key in view.entity_columns if key.name != DUMMY_ENTITY_ID}


def check_columns(table: Table, columns: Iterable[str], owner: str) -> None:
    """Check that a table has these columns.

    Raises:
        InputError: it lacks some; `owner` names the view or source that needs them.
    """
    missing = [column for column in columns if column not in table.types]
    if missing:
        raise InputError(
            f"{owner} needs {', '.join(repr(column) for column in missing)} in {table.location}, which has columns "
            f"{', '.join(table.types)}: write the column, or correct the view and run `feast apply`."
        )


def check_output_names(names: Sequence[str]) -> None:
    """Check that the columns of the result have different names.

    Raises:
        InputError: two have the same name.
    """
    duplicates = sorted({name for name in names if names.count(name) > 1})
    if duplicates:
        raise InputError(
            f"Two columns of the result would be named {', '.join(repr(name) for name in duplicates)}: use "
            "full_feature_names=True, or rename the column of the entity rows."
        )

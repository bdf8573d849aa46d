"""Candidates of single users in a candidate file, for people to read."""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from candidates.candidate_file import damaged_description, read_description, read_users
from features.errors import InputError
from features.ids import parse_id, shown_id
from features.report_table import ReportTable
from features.schema import BOUGHT_ITEMS, ITEM_ID
from features.store.catalogue_snapshot import CatalogueSnapshot
from features.store.reader import FeatureReader
from features.store.registry import open_feature_store
from features.store.request_services import CANDIDATE_REQUEST
from pipelines.candidate_tables import candidate_table, user_line
from pipelines.item_names import item_names

SHOWN_PURCHASES: Final = 5
_FILE_OPTIONS: Final = ("--candidates", "--users")
_STAGE_OPTIONS: Final = ("--user", "--k", "--filters", "--already-bought", "--release", "--releases")


@dataclass(frozen=True)
class UserCandidates:
    """The candidates of one user.

    Attributes:
        heading: lines on the user and on all candidates.
        table: the first candidates.
        note: what else is to be known; may be empty.
    """

    heading: str
    table: ReportTable
    note: str = ""


def check_options(stage: str | None, given: AbstractSet[str], users: Iterable[str]) -> list[str]:
    """Check that the options of show_candidates belong together, and return the ids of the users to show.

    Args:
        stage: a stage of the pipeline, or None for a candidate file.
        given: the options on the command line, such as "--user".
        users: values of --user.

    Raises:
        InputError: an option has no effect, or --user is missing or invalid.
    """
    without_effect = [option for option in (_FILE_OPTIONS if stage else _STAGE_OPTIONS) if option in given]
    if without_effect and stage is None:
        raise InputError(f"Without --stage a candidate file is shown: {without_effect[0]} has no effect; add --stage.")
    if without_effect:
        raise InputError(f"With --stage no candidate file is shown: {without_effect[0]} has no effect; omit it.")
    if stage and "--user" not in given:
        raise InputError("--stage needs the users to show: add --user ID, once or several times.")
    return [_parse_user(user) for user in users]


def _parse_user(text: str) -> str:
    try:
        return parse_id(text)
    except ValueError as error:
        raise InputError(f"--user {shown_id(text)} {error}: pass the id as in the raw tables.") from error


def file_heading(candidates: Path) -> str:
    """Return the candidate file, and the release and the moment from its description, if it has one."""
    facts = read_description(candidates) if candidates.is_file() else None
    if facts is None:
        return str(candidates)
    try:
        as_of = datetime.fromisoformat(facts["as_of"])
        release, features = str(facts["release"]), str(facts["features"])
    except (ValueError, KeyError, TypeError) as error:
        raise damaged_description(candidates) from error
    return f"{candidates}\nrelease {release}, {features} features as of {as_of:%Y-%m-%d %H:%M} UTC"


def candidates_in_file(repo: Path, candidates: Path, users: int, top: int) -> Iterator[UserCandidates]:
    """Read the first `top` candidates of the first `users` users of a candidate file.

    Raises:
        InputError: the file, the registry or the online store is missing or damaged.
    """
    store, rows_by_user = open_feature_store(repo), read_users(candidates, users, top)
    reader = FeatureReader(store, "online")
    moment, catalogue = reader.generation.record.as_of, CatalogueSnapshot.open(store, reader.generation.record)
    for user, rows in rows_by_user.items():
        histories = reader.read(CANDIDATE_REQUEST, [user], moment)
        bought = (histories[BOUGHT_ITEMS].to_pylist()[0] or [])[:SHOWN_PURCHASES]
        names, bought_names = (item_names(catalogue, ids) for ids in (rows[ITEM_ID].to_pylist(), bought))
        yield UserCandidates(user_line(user, bought_names), candidate_table(rows, names))

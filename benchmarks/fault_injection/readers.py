"""What a reader sees of a project: candidates, tables or towers, whole; a refusal; or something else.

Each reader is a fork. What it reads counts by content: rows and descriptions, without the seconds that a job took.
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import pyarrow.parquet as pq

from fault_injection.forks import Command, Ended, Fork, run
from fault_injection.project import LATER_BUILD, Project
from features.build_record import BUILD_RECORD

Kind: TypeAlias = Literal["read", "refused", "crashed"]

_SECONDS: Final = "seconds"


@dataclass(frozen=True)
class Seen:
    """What a reader saw.

    Attributes:
        kind: it read something, was refused with a sentence, or ended in any other way.
        content: digest of what it read, or the message.
    """

    kind: Kind
    content: str


Reader: TypeAlias = Callable[[Project], Seen]


def online_candidates(project: Project) -> Seen:
    """Candidates from online features."""
    return _candidates(project, "--features", "online")


def offline_candidates(project: Project) -> Seen:
    """Candidates from the feature tables."""
    return _candidates(project, "--features", "offline")


def shown_candidates(project: Project) -> Seen:
    """The candidate file as `show_candidates` prints it."""
    ended = run(project.show())
    return _seen(ended, lambda: ended.stdout)


def candidate_file(project: Project) -> Seen:
    """The candidate file, read without this project, and the JSON file beside it, if there is one."""

    def read() -> None:
        description = project.candidates.with_suffix(".json")
        described = json.loads(description.read_text(encoding="utf-8")) if description.exists() else None
        rows, own = file_content(project.candidates)
        # A JSON file of other candidates makes a mixed state.
        print(digest(rows, own, {**own, **(described or {}), _SECONDS: 0}))

    return _seen_in_fork(read)


def demo_tables(project: Project) -> Seen:
    """The feature tables that are built from the demo's raw tables."""
    output = _fresh(project) / "features"
    ended = run(Command.of("build_features", "--raw-dir", project.demo, "--output", output, "--as-of", LATER_BUILD))
    return _seen(ended, lambda: _digest_of_tables(output))


def feature_tables(project: Project) -> Seen:
    """The feature tables and their record."""
    if not project.tables.is_dir():
        return Seen("refused", "there is no folder of feature tables")
    return Seen("read", _digest_of_tables(project.tables))


def declarations(project: Project) -> Seen:
    """Names and descriptions in the registry."""

    def read() -> None:
        from features.errors import InputError
        from features.store.registry import open_feature_store, view_fingerprint
        from features.store.request_services import service_fingerprint

        try:
            store = open_feature_store(project.repo)
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)
        views = [(view.name, view_fingerprint(view), _descriptions(view)) for view in store.list_feature_views()]
        services = [(each.name, service_fingerprint(store, each.name)) for each in store.list_feature_services()]
        print(digest(sorted(views), sorted(services)))

    return _seen_in_fork(read)


def saved_towers(project: Project) -> Seen:
    """Vectors of the exported towers."""
    if not project.towers.exists():
        return Seen("refused", "there are no exported towers")

    def read() -> None:
        import tensorflow as tf

        for name in ("query_tower", "item_tower"):
            embed = tf.saved_model.load(str(project.towers / name)).signatures["embed"]
            inputs = {each: _example(spec) for each, spec in embed.structured_input_signature[1].items()}
            print(name, {each: vectors.numpy().tobytes().hex() for each, vectors in sorted(embed(**inputs).items())})

    return _seen_in_fork(read)


def observe(project: Project, readers: Sequence[Reader]) -> dict[str, Seen]:
    """What each of some readers sees, by its name."""
    return {reader.__name__: reader(project) for reader in readers}


def file_content(path: Path) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """Rows and description of a candidate file, without the seconds that the job took."""
    table = pq.ParquetFile(path).read()
    description = json.loads(table.schema.metadata[b"description"])
    return table.to_pydict(), {**description, _SECONDS: 0}


def digest(*contents: object) -> str:
    """SHA-256 of values, 16 hex digits."""
    return hashlib.sha256(repr(contents).encode()).hexdigest()[:16]


def _candidates(project: Project, *options: object) -> Seen:
    output = _fresh(project) / "candidates.parquet"
    ended = run(project.generate(12, output, *options))
    return _seen(ended, lambda: digest(*file_content(output)))


def _fresh(project: Project) -> Path:
    """An empty folder outside of what is saved and restored."""
    folder = project.folder / "read"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _digest_of_tables(folder: Path) -> str:
    tables = {path.name: pq.ParquetFile(path).read().to_pydict() for path in sorted(folder.glob("*.parquet"))}
    record = json.loads((folder / BUILD_RECORD).read_text(encoding="utf-8"))
    return digest(sorted(tables.items()), sorted(record.items()))


def _descriptions(view: Any) -> list[str]:
    return [field.description for field in view.features]


def _example(spec: Any) -> Any:
    import tensorflow as tf

    shape = [2 if size is None else size for size in spec.shape]
    return tf.fill(shape, "0001") if spec.dtype == tf.string else tf.ones(shape, spec.dtype)


def _seen_in_fork(read: Callable[[], None]) -> Seen:
    ended = Fork(read).wait()
    return _seen(ended, lambda: ended.stdout)


def _seen(ended: Ended, content: Callable[[], str]) -> Seen:
    if ended.status == 0:
        return Seen("read", digest(content()))
    if ended.refusal:
        return Seen("refused", ended.refusal)
    return Seen("crashed", ended.last_line)

"""Files changed behind the jobs' back: refused, or read as they were; and repaired by the job that writes them."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np

from fault_injection import readers
from fault_injection.forks import Command, run, run_all
from fault_injection.project import RELEASE_END, Project
from fault_injection.readers import Reader
from fault_injection.scenarios import BASE
from fault_injection.verdict import Trial
from models.release.integrity import DIGEST, MANIFEST, file_digests, manifest_digest

TAMPERED: Final = "tampered file"
_OTHER: Final = "tampering: second state"


@dataclass(frozen=True)
class Owner:
    """The job that writes a kind of files, and who reads them.

    Attributes:
        reader: of the files.
        repair: the commands that messages about damaged files name.
        remove: files that the messages tell to delete first, as a pattern within the project.
    """

    reader: Reader
    repair: Callable[[Project], Sequence[Command]]
    remove: str = ""


_RELEASE: Final = Owner(readers.online_candidates, lambda project: [project.train(1)])
_STORE: Final = Owner(readers.online_candidates, lambda project: [project.materialize(RELEASE_END, "--from-scratch")])
_TABLE: Final = Owner(readers.offline_candidates, lambda project: [project.build("first")])
_REGISTRY: Final = Owner(readers.online_candidates, lambda project: [project.apply()], "data/registry.db")
_CANDIDATES: Final = Owner(readers.shown_candidates, lambda project: [project.generate(8)])

Change: Final = Callable[[Path, Path, Random], None]


def flip(path: Path, _: Path, chance: Random) -> None:
    """Flip one bit."""
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def truncate(path: Path, _: Path, chance: Random) -> None:
    """Cut the end off."""
    content = path.read_bytes()
    path.write_bytes(content[: chance.randrange(1, len(content))])


def empty(path: Path, _: Path, __: Random) -> None:
    """Leave a file of no bytes."""
    path.write_bytes(b"")


def remove(path: Path, _: Path, __: Random) -> None:
    """Delete it."""
    path.unlink()


def swap(path: Path, other: Path, _: Random) -> None:
    """Put the file of another release, build, or generation in its place."""
    shutil.copyfile(other, path)


def put_nan(path: Path, _: Path, chance: Random) -> None:
    """Put NaN in the place of a number, and the right digests into the manifest."""
    if path.suffix == ".json":
        content = json.loads(path.read_text(encoding="utf-8"))
        _put_nan_in_json(content)
        path.write_text(json.dumps(content), encoding="utf-8")
    elif path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        _put_nan_in_array(arrays[min(arrays)], chance)
        np.savez(path, allow_pickle=False, **arrays)
    else:
        array = np.load(path, allow_pickle=False)
        _put_nan_in_array(array, chance)
        np.save(path, array, allow_pickle=False)
    release = next(folder for folder in path.parents if (folder / MANIFEST).is_file())
    manifest = json.loads((release / MANIFEST).read_text(encoding="utf-8"))
    manifest["files"] = file_digests(release)
    del manifest["files"][MANIFEST]
    manifest[DIGEST] = manifest_digest(manifest)
    (release / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


# Owner, file as a pattern within the project, and what is done to it.
TAMPERINGS: Final = (
    (_RELEASE, "artifacts/*/manifest.json", flip),
    (_RELEASE, "artifacts/*/served/layers.npz", flip),
    (_RELEASE, "artifacts/*/item_contents.npy", put_nan),
    (_STORE, "data/online.db", flip),
    (_STORE, "data/catalogue-*.parquet", flip),
    (_TABLE, "data/features/user_activity_daily.parquet", flip),
    (_REGISTRY, "data/registry.db", flip),
    (_CANDIDATES, "data/candidates.parquet", flip),
    (_RELEASE, "artifacts/*/item_ids.parquet", swap),
    (_RELEASE, "artifacts/*/served/scales.json", put_nan),
    (_RELEASE, "artifacts/*/blender.json", put_nan),
    (_RELEASE, "artifacts/*/served/layers.npz", put_nan),
    (_RELEASE, "artifacts/*/manifest.json", swap),
    (_RELEASE, "artifacts/*/neighbours.npy", truncate),
    (_RELEASE, "artifacts/*/metrics.json", remove),
    (_RELEASE, "artifacts/*/served/vocabularies.json", empty),
    (_RELEASE, "artifacts/LATEST", empty),
    (_RELEASE, "artifacts/LATEST", flip),
    (_STORE, "data/online.db", truncate),
    (_STORE, "data/online.db", empty),
    (_STORE, "data/online.db", swap),
    (_STORE, "data/catalogue-*.parquet", remove),
    (_STORE, "data/catalogue-*.parquet", swap),
    (_TABLE, "data/features/item_catalog.parquet", truncate),
    (_TABLE, "data/features/transactions.parquet", remove),
    (_TABLE, "data/features/user_recent_items_daily.parquet", swap),
    (_REGISTRY, "data/registry.db", truncate),
    (_REGISTRY, "data/registry.db", empty),
    (_CANDIDATES, "data/candidates.parquet", truncate),
    (_CANDIDATES, "data/candidates.parquet", empty),
)


def tamper(project: Project, trials: int, chance: Random) -> Iterator[Trial]:
    """Change files one at a time: those of `TAMPERINGS`, again from the beginning if more are tried.

    Args:
        project: created.
        trials: how many.
        chance: decides on bits and lengths.
    """
    project.restore(BASE)
    run_all(
        [project.build(), project.train(2), project.materialize(RELEASE_END, "--from-scratch"), project.generate(8)]
    )
    project.save(_OTHER)
    project.restore(BASE)
    whole = readers.observe(project, list({owner.reader: None for owner, *_ in TAMPERINGS}))
    for number in range(trials):
        owner, pattern, change = TAMPERINGS[number % len(TAMPERINGS)]
        project.restore(BASE)
        [path] = project.root.glob(pattern)
        trial = Trial(TAMPERED, f"{path.relative_to(project.root)}: {change.__name__}")
        change(path, _other_file(project, path, pattern), chance)
        trial.compare(readers.observe(project, [owner.reader]), [whole], "after the change")
        if owner.remove:
            (project.root / owner.remove).unlink()
        for command in owner.repair(project):
            ended = run(command)
            if ended.status:
                trial.failed.append(f"{command.job} does not repair it: {ended.last_line[:300]}")
        trial.expect(readers.observe(project, [owner.reader]), whole, "after the repair")
        trial.expect_no_leftovers(project.leftovers())
        yield trial


def _other_file(project: Project, path: Path, pattern: str) -> Path:
    """A file of the same kind in the second state, of another release or generation if there are several."""
    found = sorted((project.folder / _OTHER).glob(pattern))
    return next((each for each in found if each.parent.name != path.parent.name or each.name != path.name), found[-1])


def _put_nan_in_array(array: Any, chance: Random) -> None:
    array.reshape(-1)[chance.randrange(array.size)] = np.nan


def _put_nan_in_json(content: Any) -> bool:
    """Replace the first number in dictionaries and lists; returns whether there was one."""
    for key, value in list(content.items() if isinstance(content, dict) else enumerate(content)):
        if isinstance(value, float):
            content[key] = float("nan")
            return True
        if isinstance(value, dict | list) and _put_nan_in_json(value):
            return True
    return False

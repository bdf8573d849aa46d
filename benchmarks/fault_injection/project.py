"""A small project with two states of everything: what the jobs of the fault tests read and write.

The checkerboard data, with a second shop of the same users and items and other purchases ("corrected" raw tables), two
extracts of the demo data's package, and the outputs of all jobs.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from fault_injection.forks import FEAST, Command, run_all
from features.raw import demo_data
from features.raw.toy_data import write_toy_data
from features.sql import literal, parquet_files

SHOP: Final = {"users": 24, "items": 24, "days": 28}
DATA_END: Final = "2020-01-29"
RELEASE_END: Final = "2020-01-22"
LATER_BUILD: Final = "2021-01-01"
USERS: Final = SHOP["users"]
# Households of the two extracts of the demo data.
_EXTRACTS: Final = {"first": 12, "second": 16}
_DESCRIPTION: Final = "Age in whole years"


@dataclass(frozen=True)
class Project:
    """The folders of the project, and its jobs as commands.

    Attributes:
        folder: holds everything. The registry records absolute paths, so that a saved state returns to its place.
    """

    folder: Path

    @property
    def root(self) -> Path:
        """What jobs write, and what is saved and restored."""
        return self.folder / "project"

    @property
    def repo(self) -> Path:
        """The feature repository."""
        return self.root / "feature_repo"

    @property
    def tables(self) -> Path:
        """The feature tables."""
        return self.root / "data" / "features"

    @property
    def releases(self) -> Path:
        """The releases."""
        return self.root / "artifacts"

    @property
    def candidates(self) -> Path:
        """The candidate file."""
        return self.root / "data" / "candidates.parquet"

    @property
    def towers(self) -> Path:
        """The exported towers."""
        return self.root / "towers"

    @property
    def demo(self) -> Path:
        """The raw tables of the demo."""
        return self.root / "demo"

    def raw(self, shop: str = "first") -> Path:
        """The raw tables of one of the two shops."""
        return self.folder / f"raw-{shop}"

    def fetch(self, extract: str = "second") -> Command:
        """`fetch_demo_data` of one of two extracts of the package, as after an upgrade."""

        def use_extract() -> None:
            demo_data._package_data = lambda: self.folder / f"package-{extract}"  # noqa: SLF001

        return Command.of("fetch_demo_data", "--raw-dir", self.demo, prepare=use_extract)

    def build(self, shop: str = "second") -> Command:
        """`build_features` from the raw tables of a shop."""
        return Command.of(
            "build_features", "--raw-dir", self.raw(shop), "--output", self.tables, "--as-of", LATER_BUILD
        )

    def apply(self) -> Command:
        """`feast apply`."""
        return Command.of(FEAST, "-c", self.repo, "apply")

    def train(self, seed: int = 2) -> Command:
        """`train` with a seed, as of `RELEASE_END`."""
        return Command.of(
            "train", "--repo", self.repo, "--releases", self.releases, "--preset", "seed", "--epochs", 1,
            "--ranker-weeks", 1, "--as-of", RELEASE_END, "--seed", seed,
        )  # fmt: skip

    def materialize(self, moment: str = DATA_END, *options: str) -> Command:
        """`materialize` up to a moment."""
        return Command.of("materialize", "--repo", self.repo, "--as-of", moment, *options)

    def generate(self, k: int = 12, output: Path | None = None, *options: object) -> Command:
        """`generate_candidates`, to the candidate file by default."""
        output = output or self.candidates
        places = ("--repo", self.repo, "--releases", self.releases, "--output", output)
        return Command.of("generate_candidates", *places, "--k", k, *options)

    def show(self) -> Command:
        """`show_candidates` of the candidate file."""
        return Command.of(
            "show_candidates", "--repo", self.repo, "--candidates", self.candidates, "--users", USERS, "--top", 12
        )

    def export(self) -> Command:
        """`export_towers`."""
        return Command.of("export_towers", "--releases", self.releases, "--output", self.towers)

    def declare_differently(self) -> None:
        """Change a description in the feature repository, which no release depends on."""
        path = self.repo / "feature_views.py"
        text = path.read_text(encoding="utf-8")
        changed = text.replace('description="', 'description="Changed: ', 1)
        if changed == text:
            raise ValueError(f"{path} has no description to change.")
        path.write_text(changed, encoding="utf-8")

    def create(self, checkout: Path) -> None:
        """Write the raw tables and extracts, and run all jobs but the export.

        Args:
            checkout: of the project, for its feature repository.
        """
        shutil.copytree(checkout / "feature_repo", self.repo, ignore=shutil.ignore_patterns("__pycache__"))
        for seed, shop in enumerate(("first", "second")):
            write_toy_data(self.raw(shop), seed=seed + 7, availability=True, **SHOP)
        self.candidates.parent.mkdir(parents=True)
        for extract, households in _EXTRACTS.items():
            _write_extract(self.folder / f"package-{extract}", households)
        run_all(
            [
                self.fetch("first"), self.build("first"), self.apply(), self.train(1),
                self.materialize(RELEASE_END), self.generate(8),
            ]
        )  # fmt: skip

    def save(self, name: str) -> None:
        """Keep the present state under a name."""
        shutil.rmtree(self.folder / name, ignore_errors=True)
        shutil.copytree(self.root, self.folder / name, symlinks=True)

    def restore(self, name: str) -> None:
        """Return to a saved state."""
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(self.folder / name, self.root, symlinks=True)

    def leftovers(self) -> list[str]:
        """Scratch folders, locks and journals, by their paths within the project."""
        found = (path for path in self.root.rglob("*") if path.name.startswith(".") or path.name.endswith("-journal"))
        return sorted(str(path.relative_to(self.root)) for path in found)


def _write_extract(folder: Path, households: int) -> None:
    """Write the package's tables of some households."""
    package = demo_data._package_data()  # noqa: SLF001 - the files, without importing the package
    sources = {
        name: parquet_files([package / f"{name}.parquet"]) for name in ("transactions", "products", "demographics")
    }
    few = f"household_id IN (SELECT DISTINCT household_id FROM {sources['demographics']} ORDER BY 1 LIMIT {households})"
    purchases = f"FROM {sources['transactions']} WHERE {few} AND transaction_timestamp < '2017-02-01'"
    queries = {
        "transactions": purchases,
        "demographics": f"FROM {sources['demographics']} WHERE {few}",
        "products": f"FROM {sources['products']} WHERE product_id IN (SELECT product_id {purchases})",
    }
    folder.mkdir()
    with duckdb.connect() as connection:
        for name, query in queries.items():
            connection.execute(f"COPY ({query}) TO {literal(folder / f'{name}.parquet')} (FORMAT parquet)")

"""Export the towers of a release as TensorFlow SavedModels.

python jobs/export_towers.py --output towers
"""

from pathlib import Path

import click

from jobs import console


@click.command()
@console.releases_option
@console.release_option
@console.path_option(
    "--output", folder=True, default=console.ROOT / "towers", text="Folder of the SavedModels, a new one."
)
@console.job
def main(reporter: console.ConsoleReporter, releases: Path, version: str | None, output: Path) -> None:
    """Export the towers of a release as TensorFlow SavedModels.

    They take raw feature values and return vectors, for TensorFlow Serving or any other program with TensorFlow. No
    other job reads them.
    """
    console.load_tensorflow()
    from models.release.release import load_release
    from models.release.saved_models import export_towers
    from models.towers import Towers

    release = load_release(releases, version)
    export_towers(Towers.from_checkpoint(release.served, release.config), output)
    reporter.result(f"query_tower and item_tower of release {release.version} in {output}")


if __name__ == "__main__":
    main()

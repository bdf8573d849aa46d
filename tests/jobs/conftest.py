"""Jobs called within this process, where Feast and TensorFlow are loaded once for all of them."""

import importlib
from dataclasses import dataclass
from pathlib import Path

import pytest

QUICK = ("--epochs", 1, "--label-weeks", 1)


@dataclass
class Trained:
    """A release, and what its training held in memory when it was written."""

    releases: Path
    sources: object
    fusions: object


@pytest.fixture(scope="session")
def call():
    """Call a job with words, as `python jobs/<name>.py` does; returns exit_code, stdout and stderr."""
    from click.testing import CliRunner

    def call(name, *words):
        job = importlib.import_module(f"jobs.{name}")
        return CliRunner().invoke(job.main, [str(word) for word in words], catch_exceptions=False)

    return call


@pytest.fixture(scope="session")
def trained(call, toy, tmp_path_factory):
    """A short training on the toy world as it is. Whoever asks for it leaves it as it was."""
    from jobs import releasing

    kept = {}

    def keeping(name, make):
        def made(*arguments):
            kept[name] = make(*arguments)
            return kept[name]

        return made

    releases = tmp_path_factory.mktemp("artifacts")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("sources_at", "fusions_of"):
            patch.setattr(releasing, name, keeping(name, getattr(releasing, name)))
        done = call("train", "--repo", toy.repo, "--releases", releases, *QUICK)
    assert done.exit_code == 0, done.stderr
    return Trained(releases, kept["sources_at"][0], kept["fusions_of"])

"""Jobs called within this process, where Feast and TensorFlow are loaded once for all of them."""

import importlib

import pytest


@pytest.fixture(scope="session")
def call():
    """Call a job with words, as `python jobs/<name>.py` does; returns exit_code, stdout and stderr."""
    from click.testing import CliRunner

    def call(name, *words):
        job = importlib.import_module(f"jobs.{name}")
        return CliRunner().invoke(job.main, [str(word) for word in words], catch_exceptions=False)

    return call

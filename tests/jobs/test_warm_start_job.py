"""A warm start from the shared release, with a cut one day later."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

LATER = "2020-03-02"  # the validation window begins on 2020-02-24, that of the earlier release on 2020-02-23


@dataclass
class WarmStart:
    """The folder of both releases, their versions, the earlier one first, and what the second training printed."""

    releases: Path
    versions: tuple
    output: str
    details: str

    def file(self, number, name):
        return json.loads((self.releases / self.versions[number] / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def warm_start(call, toy, trained, tmp_path_factory):
    releases = tmp_path_factory.mktemp("warm_start") / "artifacts"
    shutil.copytree(trained.releases, releases)
    done = call(
        "train", "--repo", toy.repo, "--releases", releases, "--as-of", LATER, "--from", "latest", "--verbose"
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    later = (releases / "LATEST").read_text(encoding="utf-8").strip()
    return WarmStart(releases, (trained.version, later), done.stdout, done.stderr)


def test_the_overlap_with_the_earlier_release_is_printed(warm_start):
    [line] = [line.strip() for line in warm_start.output.splitlines() if line.strip().startswith("overlap ")]

    assert 0.5 < float(line.split()[1].rstrip(":")) <= 1
    assert warm_start.versions[0] in line
    assert "top 12" in line


def test_it_trains_one_epoch_on_the_days_since_the_earlier_cut_and_some_before(warm_start):
    from models.release.earlier_release import REPLAY_DAYS

    earlier, later = (warm_start.file(number, "manifest.json") for number in (0, 1))

    assert (earlier["warm_start_from"], later["warm_start_from"]) == (None, warm_start.versions[0])
    assert later["config"]["epochs"] == 1
    assert later["config"]["training_days"] == 1 + REPLAY_DAYS
    assert later["cut"] == "2020-02-24T00:00:00+00:00"
    assert 0 < later["rows"]["purchases_trained"] < later["rows"]["purchases_before_cut"]


def test_its_recall_of_new_items_stays_near_that_of_the_earlier_release(warm_start):
    def recall(number):
        return warm_start.file(number, "metrics.json")["epochs"][-1]["window_metrics"]["new_item_recalls"]["12"]

    baselines = warm_start.file(1, "metrics.json")["baselines"]
    assert recall(1) > 2 * baselines["last week's bestsellers"]["new_item_recalls"]["12"]
    assert recall(1) > recall(0) - 0.1


def test_it_keeps_the_vocabularies_and_the_scales_of_the_earlier_release(warm_start):
    before, after = (warm_start.file(number, "validated/vocabularies.json") for number in (0, 1))

    for service, vocabularies in before.items():
        for name, ids in vocabularies.items():
            assert set(ids) <= set(after[service][name])
    assert warm_start.file(0, "validated/scales.json") == warm_start.file(1, "validated/scales.json")


def test_diversity_is_printed_with_verbose_and_kept(warm_start):
    lines = [line for line in warm_start.details.splitlines() if "mean cosine" in line]

    assert len(lines) == 2  # of the epoch and of the refit
    diversities = warm_start.file(1, "metrics.json")["epochs"][0]["window_metrics"]["diversities"]
    assert len(diversities) == 2
    assert all(diversity["mean_cosine"] < 0.999 for diversity in diversities.values())
    assert all(diversity["distinct_items"] > diversity["k"] for diversity in diversities.values())


def test_the_leakage_test_knows_where_vocabularies_and_scales_come_from(warm_start, toy_store, tmp_path):
    from features.progress import SILENT
    from features.store.data_end import data_end
    from models.release.release import load_release
    from pipelines.leakage.leakage_test import LeakageTest

    version = warm_start.versions[1]
    release = load_release(warm_start.releases, version)
    test = LeakageTest(release, warm_start.releases / version, [], data_end(toy_store), 1, SILENT)

    stage = test.compare_release(toy_store, tmp_path / "release")

    assert len(stage.comparisons) == 4
    assert [comparison.differences for comparison in stage.comparisons if comparison.differences] == []


@pytest.fixture
def refused(call, toy, warm_start):
    def refused(*arguments):
        done = call("train", "--repo", toy.repo, "--releases", warm_start.releases, *arguments)
        assert (done.exit_code, done.stdout) == (1, "")
        return done.stderr.rstrip().splitlines()[-1].removeprefix("error: ")

    return refused


@pytest.mark.parametrize("version", ["20200223-default-00000000", "../x"])
def test_a_release_that_is_missing_or_malformed_is_refused_by_name(refused, version):
    assert version in refused("--from", version)


def test_a_release_trained_on_days_of_the_validation_window_is_refused(refused, warm_start):
    message = refused("--from", "LATEST", "--as-of", "2020-02-28")

    assert warm_start.versions[1] in message
    assert "2020-02-24" in message
    assert "2020-02-21" in message


def test_another_preset_is_refused(refused, warm_start):
    message = refused("--from", warm_start.versions[0], "--as-of", LATER, "--preset", "seed")

    assert warm_start.versions[0] in message
    assert "query_service" in message
    assert "--preset" in message

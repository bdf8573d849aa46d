"""A training that goes on from a release of two days before."""

import json
import re
from dataclasses import dataclass

import pytest

EARLIER, LATER = "2020-02-28", "2020-03-01"  # the cuts are a week before


@dataclass
class Story:
    """A project, its two releases and what the second training said."""

    project: object
    releases: object
    versions: tuple
    said: str

    def manifest(self, place):
        return json.loads((self.releases / self.versions[place] / "manifest.json").read_text(encoding="utf-8"))

    def file(self, place, name):
        return json.loads((self.releases / self.versions[place] / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def story(call, toy, tmp_path_factory):
    releases, versions = tmp_path_factory.mktemp("artifacts"), []
    words = ("--repo", toy.repo, "--releases", releases, "--label-weeks", 1)
    for more in (("--as-of", EARLIER, "--epochs", 1), ("--as-of", LATER, "--from", "latest")):
        done = call("train", *words, *more)
        assert done.exit_code == 0, done.stderr
        versions.append((releases / "LATEST").read_text(encoding="utf-8").strip())
    return Story(toy, releases, tuple(versions), done.stdout)


def test_it_says_in_one_line_how_much_of_the_earlier_top_stands_in_the_new_one(story):
    (line,) = [line for line in story.said.splitlines() if line.startswith("overlap ")]

    told = re.fullmatch(
        rf"overlap (\d\.\d{{4}}): the share of each user's top 12 by release {story.versions[0]} that is in the "
        r"new one \(\d+ users, both as of 2020-02-23\)",
        line,
    )
    assert told
    assert 0.5 < float(told[1]) <= 1


def test_it_trains_once_on_the_days_since_and_a_few_before(story):
    from models.release.earlier_release import REPLAY_DAYS

    manifest = story.manifest(1)

    assert (story.manifest(0)["warm_start_from"], manifest["warm_start_from"]) == (None, story.versions[0])
    assert manifest["config"]["epochs"] == 1
    assert manifest["config"]["training_days"] == 2 + REPLAY_DAYS
    assert manifest["cut"] == "2020-02-23T00:00:00+00:00"
    assert 0 < manifest["rows"]["purchases_trained"] < manifest["rows"]["purchases_before_cut"]


def test_it_does_not_forget(story):
    def recall(place):
        return story.file(place, "metrics.json")["epochs"][-1]["window_metrics"]["new_item_recalls"]["12"]

    popular = story.file(1, "metrics.json")["baselines"]["last week's bestsellers"]["new_item_recalls"]["12"]
    assert recall(1) > 2 * popular
    assert recall(1) > recall(0) - 0.1


def test_words_of_before_stay_in_it_with_their_scales(story):
    before, after = (story.file(place, "vocabularies.json") for place in (0, 1))

    for service, vocabularies in before.items():
        for name, words in vocabularies.items():
            assert set(words) <= set(after[service][name])
    assert story.file(0, "scales.json") == story.file(1, "scales.json")


def test_the_figures_that_tell_a_collapse_are_printed_and_kept(story):
    lines = [line for line in story.said.splitlines() if line.startswith("  query vectors: mean cosine ")]

    assert len(lines) == 2  # of the epoch, and of what is released
    assert re.search(
        r"; new-item query vectors: mean cosine -?\d\.\d{3}, effective rank \d+\.\d of \d+, \d+ items", lines[0]
    )
    diversities = story.file(1, "metrics.json")["epochs"][0]["window_metrics"]["diversities"]
    assert set(diversities) == {"query vectors", "new-item query vectors"}
    assert all(diversity["mean_cosine"] < 0.999 for diversity in diversities.values())
    assert all(diversity["distinct_items"] > diversity["k"] for diversity in diversities.values())


def test_the_leak_check_knows_where_its_words_and_scales_are_from(story, tmp_path):
    from pipelines.leakage.questions import LeakQuestions

    from features.store.data_end import data_end
    from features.store.registry import open_feature_store
    from models.release.release import load_release

    store = open_feature_store(story.project.repo)
    folder = story.releases / story.versions[1]
    release = load_release(story.releases, story.versions[1])
    questions = LeakQuestions(release, folder, [], data_end(store), 1, lambda *_: lambda _: None)

    stage = questions.released(store, tmp_path / "release")

    assert len(stage.comparisons) == 4
    assert [comparison.differences for comparison in stage.comparisons if comparison.differences] == []


@pytest.fixture
def refused(call, story):
    def refused(*words):
        done = call("train", "--repo", story.project.repo, "--releases", story.releases, *words)
        assert (done.exit_code, done.stdout) == (1, "")
        return done.stderr.rstrip().splitlines()[-1].removeprefix("error: ")

    return refused


def test_a_release_that_is_not_there_or_is_no_release_is_refused(refused, story):
    assert refused("--from", "20200223-default-00000000") == (
        f"There is no release 20200223-default-00000000 in {story.releases}: run `python jobs/train.py` first."
    )
    assert refused("--from", "../x").startswith("'../x' is not the name of a release")


def test_a_release_that_has_seen_what_is_to_judge_is_refused(refused, story):
    assert refused("--from", "LATEST", "--as-of", EARLIER).startswith(
        f"Release {story.versions[1]} has learned from everything before 2020-02-23, and the new cut is 2020-02-21: "
        "there is nothing new."
    )


def test_another_preset_is_refused(refused, story):
    said = refused("--from", story.versions[0], "--preset", "seed")

    assert said.startswith(f"Release {story.versions[0]} has query_service query_tower_v")
    assert said.endswith("choose the release's --preset, or train without --from.")

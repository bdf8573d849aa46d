"""A release is read as it was written, or refused by name."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from features.errors import InputError
from features.store.service_schema import FeatureColumn, TowerSchemas
from models.config import SEED

OLD_RELEASES = Path(__file__).parents[2] / "fixtures" / "releases"


@pytest.fixture(scope="module")
def towers(tiny):
    return tiny.towers(seed=3)


@pytest.fixture(scope="module")
def written(tiny, towers, tmp_path_factory):
    releases = tmp_path_factory.mktemp("releases")
    return releases, tiny.write_release(releases, towers)


@pytest.fixture
def releases(written, tmp_path):
    """A copy of the releases, for tests that change it."""
    shutil.copytree(written[0], tmp_path / "releases")
    return tmp_path / "releases"


@pytest.fixture
def folder(releases, written):
    return releases / written[1]


def assert_refused(releases, *parts, version=None):
    """Loading the release is refused with a message that holds these parts."""
    from models.release.release import load_release

    with pytest.raises(InputError) as caught:
        load_release(releases, version)
    for part in parts:
        assert part in str(caught.value)


def change_manifest(folder, **changes):
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_release_is_loaded_as_it_was_written(written, towers, tiny):
    from models.release.release import load_release

    release = load_release(written[0])

    assert release.version == written[1]
    for loaded, expected in zip(
        release.query_tower.query_vectors(tiny.users), towers.query_vectors(tiny.users), strict=True
    ):
        np.testing.assert_allclose(loaded, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(release.item_vectors, towers.item_vectors(tiny.items))
    assert release.item_ids.tolist() == ["a", "b", "c"]
    assert {name: array.tolist() for name, array in release.arrays.items()} == {
        "sales_7d": [3, 0, 1],
        "sales_28d": [9, 2, 1],
        "repurchase_rates": [0.5, 0.25, 0.125],
        "garment_groups": [0, 1, 0],
        "neighbours": [[1, 2], [0, -1], [0, -1]],
        "similarities": [[0.5, 0.25], [0.5, 0], [0.25, 0]],
    }
    assert release.blender == {
        "keep": {"sources": ["two_tower"], "intercept": -1.5},
        "drop": {"sources": [], "intercept": 0.0},
    }
    assert release.schemas == tiny.schemas


def test_the_item_tower_of_a_release_computes_its_item_vectors(written, tiny):
    from models.release.release import load_item_tower, load_release

    release = load_release(written[0])

    vectors = load_item_tower(written[0], release).vectors(tiny.items)
    np.testing.assert_allclose(vectors, release.item_vectors, rtol=1e-5, atol=1e-6)


def test_a_release_is_one_folder_beside_the_file_latest(written):
    releases, version = written

    assert names_in(releases) == [version, "LATEST"]
    assert (releases / "LATEST").read_text(encoding="utf-8") == f"{version}\n"
    assert version.startswith("20200923-seed-")
    assert names_in(releases / version) == [
        "blender.json",
        "garment_groups.npy",
        "item_ids.npy",
        "item_tower",
        "item_vectors.npy",
        "manifest.json",
        "metrics.json",
        "neighbours.npy",
        "query_tower",
        "repurchase_rates.npy",
        "sales_28d.npy",
        "sales_7d.npy",
        "scales.json",
        "similarities.npy",
        "vocabularies.json",
        "weights.npz",
    ]


def test_the_manifest_describes_the_release_and_lists_every_other_file(written):
    folder = written[0] / written[1]
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))

    assert {name: manifest[name] for name in ("format", "version", "created", "as_of", "cut", "training_start")} == {
        "format": 5,
        "version": written[1],
        "created": "2020-09-24T12:00:00+00:00",
        "as_of": "2020-09-23T00:00:00+00:00",
        "cut": "2020-09-16T00:00:00+00:00",
        "training_start": None,
    }
    assert manifest["config"]["preset"] == "seed"
    query = manifest["services"]["query"]
    assert query["columns"][2] == {"name": "status", "dtype": "String", "encoding": "one_hot", "view": ""}
    assert query["columns"][4] == {
        "name": "recent_counts",
        "dtype": "Array(Int64)",
        "encoding": "aligned",
        "view": "",
        "of": "recent_items",
    }
    assert len(query["fingerprint"]) == 16
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert set(manifest["files"]) == files - {"manifest.json"}
    assert all(len(digest) == 64 for digest in manifest["files"].values())


def test_a_release_holds_vocabularies_scales_and_metrics(written):
    folder = written[0] / written[1]

    assert json.loads((folder / "vocabularies.json").read_text(encoding="utf-8")) == {
        "query_tower_v9": {
            "user_id": ["u1", "u2", "u3"],
            "status": ["ACTIVE", "LEFT"],
            "recent_items": ["a", "b", "c"],
            "colours": ["blue", "red"],
        },
        "item_tower_v9": {"item_id": ["a", "b", "c"], "colour": ["blue", "red"], "group": ["Hats", "Shoes"]},
    }
    scales = json.loads((folder / "scales.json").read_text(encoding="utf-8"))
    assert list(scales) == ["query_tower_v9", "item_tower_v9"]
    assert list(scales["query_tower_v9"]) == ["age", "spend"]
    assert scales["query_tower_v9"]["age"] == {"mean": 40.0, "deviation": 20.0}
    assert json.loads((folder / "metrics.json").read_text(encoding="utf-8")) == {"best_epoch": 1}


def test_equal_weights_give_equal_versions(written, tiny, towers, tmp_path):
    assert tiny.write_release(tmp_path, towers, commit="another") == written[1]
    assert tiny.write_release(tmp_path, tiny.towers(seed=4)) != written[1]


@pytest.mark.parametrize(
    "change",
    [
        {"filters": {"for_sale": False}},
        {"request_services": {"sources_v1": "0123abcd"}},
        {"config": {**SEED.to_json(), "epochs": 9}},
    ],
    ids=str,
)
def test_other_settings_give_another_version(written, tiny, towers, tmp_path, change):
    assert tiny.write_release(tmp_path, towers, **change) != written[1]


def states(folder):
    """Content, modification time and inode of every file."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in files}


def test_a_release_with_equal_contents_is_not_written_again(releases, folder, tiny, towers, caplog):
    before = states(releases)

    with caplog.at_level("INFO", "models"):
        assert tiny.write_release(releases, towers, latest=False, commit="another", seed=2) == folder.name

    assert states(releases) == before
    assert [folder.name in message for message in caplog.messages] == [True]


@pytest.mark.parametrize("name", ["item_vectors.npy", "manifest.json"])
def test_a_damaged_release_is_replaced_by_one_with_equal_contents(releases, folder, tiny, towers, name):
    from models.release.release import load_release

    (folder / name).write_text("{", encoding="utf-8")
    assert_refused(releases, folder.name)

    assert tiny.write_release(releases, towers, latest=False) == folder.name

    assert load_release(releases).version == folder.name


def test_a_release_of_the_same_version_with_other_contents_is_not_replaced(releases, folder, tiny, towers):
    change_manifest(folder, content_digest=f"{folder.name[-8:]}{'0' * 56}")
    before = states(releases)

    with pytest.raises(InputError, match=f"{folder.name}.*other contents"):
        tiny.write_release(releases, towers, latest=False)

    assert states(releases) == before


def test_earlier_releases_stay_loadable_by_name(releases, written, tiny):
    from models.release.release import load_release

    later = tiny.write_release(releases, tiny.towers(seed=4))

    assert load_release(releases).version == later
    assert load_release(releases, written[1]).version == written[1]


def test_a_release_is_current_only_after_make_latest(releases, written, tiny):
    from models.release.release import load_release
    from models.release.writer import make_latest

    later = tiny.write_release(releases, tiny.towers(seed=4), latest=False)

    assert load_release(releases).version == written[1]
    assert load_release(releases, later).version == later
    make_latest(releases, later)
    assert load_release(releases).version == later


def test_a_failure_while_writing_leaves_the_current_release_unchanged(releases, written, tiny, monkeypatch):
    before = names_in(releases)
    monkeypatch.setattr("models.release.writer.file_digests", lambda _: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        tiny.write_release(releases, tiny.towers(seed=4))

    assert names_in(releases) == before
    assert (releases / "LATEST").read_text(encoding="utf-8").strip() == written[1]


@pytest.mark.parametrize(
    "name",
    [
        "item_vectors.npy",
        "item_ids.npy",
        "sales_7d.npy",
        "sales_28d.npy",
        "repurchase_rates.npy",
        "garment_groups.npy",
        "neighbours.npy",
        "similarities.npy",
        "blender.json",
        "vocabularies.json",
        "scales.json",
        "metrics.json",
        "query_tower/saved_model.pb",
        "query_tower/variables/variables.data-00000-of-00001",
        "item_tower/saved_model.pb",
    ],
)
def test_a_changed_file_is_refused_by_name(releases, folder, name):
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)

    assert_refused(releases, folder.name, "changed after it was written", name)


def test_a_missing_file_is_refused_by_name(releases, folder):
    (folder / "sales_7d.npy").unlink()

    assert_refused(releases, folder.name, "sales_7d.npy is missing")


@pytest.mark.parametrize("name", ["blender.json", "weights.npz", "item_ids.npy", "query_tower/saved_model.pb"])
def test_a_required_file_that_the_manifest_omits_is_refused_by_name(releases, folder, name):
    files = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"]
    (folder / name).unlink()
    change_manifest(folder, files={file: digest for file, digest in files.items() if file != name})

    assert_refused(releases, folder.name, f"{name} is missing")


def test_an_added_file_is_refused_by_name(releases, folder):
    (folder / "query_tower" / "assets").mkdir(exist_ok=True)
    (folder / "query_tower" / "assets" / "extra.bin").touch()

    assert_refused(releases, folder.name, "query_tower/assets/extra.bin is not in its manifest")


@pytest.mark.parametrize("number", [0, 3, 4, "5", None])
def test_another_format_is_refused_by_name(releases, folder, number):
    change_manifest(folder, format=number)

    assert_refused(releases, folder.name, f"format {number!r}", "format 5", "train again")


def test_a_release_of_the_previous_format_is_refused_by_name():
    [folder] = OLD_RELEASES.iterdir()

    assert_refused(OLD_RELEASES, folder.name, "format 4", "format 5", "train again", version=folder.name)


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00"])
def test_an_invalid_manifest_is_refused_by_name(releases, folder, text):
    (folder / "manifest.json").write_text(text, encoding="utf-8")

    assert_refused(releases, folder.name, "manifest.json", "train again")


def test_a_renamed_folder_is_refused_by_name(releases, folder):
    folder.rename(releases / "20200923-seed-00000000")

    assert_refused(releases, "20200923-seed-00000000", folder.name, version="20200923-seed-00000000")


def test_arrays_of_different_lengths_are_refused_by_name(releases, folder):
    change_manifest(folder, items=4)

    assert_refused(releases, folder.name, "arrays of different lengths")


@pytest.mark.parametrize(
    "version", ["../x", "/etc", "20200923-seed-0000000", "20200923-seed-00000000/..", "latest", " "]
)
def test_an_invalid_release_name_is_refused(releases, version):
    assert_refused(releases, f"'{version}' is not a release name", version=version)


def test_an_invalid_name_in_latest_is_refused(releases):
    (releases / "LATEST").write_text("../../elsewhere\n", encoding="utf-8")

    assert_refused(releases, "'../../elsewhere' is not a release name")


def test_a_missing_release_is_refused_with_the_command_that_creates_one(releases, tmp_path):
    version = "20200923-seed-00000000"
    assert_refused(releases, version, str(releases), "`python jobs/train.py`", version=version)
    assert_refused(tmp_path / "none", f"{tmp_path}/none", "`python jobs/train.py`")


def test_features_of_another_order_dtype_or_encoding_are_refused_by_service(written, tiny):
    from models.release.release import load_release

    release = load_release(written[0])
    release.check_tower_services(tiny.schemas)
    query, item = tiny.query_schema, tiny.item_schema

    others = [
        (TowerSchemas(replace(query, columns=query.columns[::-1]), item), query.service),
        (TowerSchemas(query, replace(item, columns=item.columns[:2])), item.service),
        (
            TowerSchemas(
                replace(query, columns=(FeatureColumn("age", "Float32", "log"), *query.columns[1:])),
                item,
            ),
            query.service,
        ),
    ]
    for schemas, service in others:
        with pytest.raises(InputError, match=f"{written[1]}.*'{service}'"):
            release.check_tower_services(schemas)


def test_request_services_that_differ_from_those_of_the_release_are_refused_by_name(tiny, towers, tmp_path):
    from models.release.release import load_release

    version = tiny.write_release(tmp_path, towers, request_services={"sources_v1": "0123abcd", "ranking_v1": "aa"})
    release = load_release(tmp_path)

    release.check_request_services({"sources_v1": "0123abcd"})
    with pytest.raises(InputError) as changed:
        release.check_request_services({"ranking_v1": "aa", "sources_v1": "4567abcd"})
    with pytest.raises(InputError) as unknown:
        release.check_request_services({"sources_v2": "0123abcd"})
    assert all(part in str(changed.value) for part in (version, "'sources_v1'", "0123abcd", "4567abcd"))
    assert all(part in str(unknown.value) for part in (version, "'sources_v2'"))


def test_query_features_older_than_the_release_are_refused_and_much_newer_ones_logged(written, caplog):
    from models.release.release import load_release

    release = load_release(written[0])

    with pytest.raises(InputError, match=r"2020-09-23 00:00 UTC.*2020-09-22 23:59"):
        release.check_moment(datetime(2020, 9, 22, 23, 59, tzinfo=UTC))
    release.check_moment(datetime(2020, 9, 30, tzinfo=UTC))
    assert caplog.messages == []
    release.check_moment(datetime(2020, 10, 1, tzinfo=UTC))
    assert [written[1] in message and "8 days" in message for message in caplog.messages] == [True]


@pytest.mark.parametrize("name", ["services", "config", "request_services", "files"])
def test_a_manifest_that_lacks_an_entry_is_refused_by_its_name(folder, releases, name):
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    del manifest[name]
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

    assert_refused(releases, folder.name, f"lacks '{name}'")


def test_an_unknown_setting_in_a_manifest_is_refused_with_a_suggestion(folder, releases):
    change_manifest(folder, config={**SEED.to_json(), "item_memory_dimension": 3})

    assert_refused(releases, folder.name, "'item_memory_dimension'", "'item_memory_dimensions'")

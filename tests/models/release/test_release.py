"""A release is read as it was written, or refused by name."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from fixtures.towers import ITEMS

from features.errors import InputError
from features.ids import MAX_ID_LENGTH
from features.store.service_schema import FeatureColumn, TowerSchemas
from models.config import SEED

OLD_RELEASES = Path(__file__).parents[2] / "fixtures" / "releases"


def assert_refused(releases, *parts, version=None):
    """Loading the release is refused with a message that holds these parts."""
    from models.release.release import load_release

    with pytest.raises(InputError) as caught:
        load_release(releases, version)
    for part in parts:
        assert part in str(caught.value)


def change_manifest(folder, **changes):
    path = folder / "manifest.json"
    write_manifest(path, json.loads(path.read_text(encoding="utf-8")) | changes)


def write_manifest(path, manifest):
    from models.release.integrity import DIGEST, manifest_digest

    path.write_text(json.dumps({**manifest, DIGEST: manifest_digest(manifest)}), encoding="utf-8")


def test_a_release_is_loaded_as_it_was_written(written, towers, tiny):
    from models.release.release import load_release

    release = load_release(written[0])

    assert release.version == written[1]
    for loaded, expected in zip(
        release.query_tower.query_vectors(tiny.users), towers.query_vectors(tiny.users), strict=True
    ):
        np.testing.assert_allclose(loaded, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(release.item_vectors, towers.item_vectors(tiny.items))
    assert (release.served.query, release.served.item) == (towers.query, towers.item)
    for name, weights in towers.checkpoint.weights.items():
        np.testing.assert_array_equal(release.served.weights[name], weights)
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


def test_items_that_the_towers_do_not_know_have_no_item_memory(tiny, towers, tmp_path):
    from models.release.release import load_release

    items = tiny.table(tiny.item_schema, [*ITEMS[:2], {**ITEMS[2], "item_id": "bb"}])

    def replace_item(contents):
        ids, vectors = items["item_id"].combine_chunks(), towers.item_vectors(items)
        return replace(contents, item_ids=ids, item_vectors=vectors)

    tiny.write_release(tmp_path, towers, change=replace_item)

    vectors = load_release(tmp_path).item_vectors
    np.testing.assert_array_equal(vectors, towers.item_vectors(items))
    assert (vectors[:2, 4:] != 0).all()
    assert (vectors[2, 4:] == 0).all()


def test_one_long_id_takes_no_more_space_than_its_own_characters(tiny, towers, tmp_path):
    from models.release.release import load_release

    items = 2_000
    ids = pa.array(sorted([*(f"{item:04d}" for item in range(items - 1)), "x" * MAX_ID_LENGTH]))

    def replace_items(contents):
        arrays = {name: np.repeat(array[:1], items, axis=0) for name, array in contents.arrays.items()}
        vectors = np.repeat(contents.item_vectors[:1], items, axis=0)
        return replace(contents, item_ids=ids, item_vectors=vectors, arrays=arrays)

    version = tiny.write_release(tmp_path, towers, change=replace_items)

    # numpy texts would take 4 bytes for each character of the longest one.
    release, most = load_release(tmp_path), MAX_ID_LENGTH + items * (4 + 4)
    assert release.item_ids.equals(ids)
    assert release.item_ids.nbytes <= most + 4
    assert (tmp_path / version / "item_ids.parquet").stat().st_size <= most


def test_a_release_without_item_memory_is_loaded_as_it_was_written(tiny, tmp_path):
    from models.release.release import load_release

    towers = tiny.towers(seed=3, item_memory_dimensions=0)
    tiny.write_release(tmp_path, towers, config=replace(tiny.config, item_memory_dimensions=0).to_json())

    release = load_release(tmp_path)

    np.testing.assert_array_equal(release.item_vectors, towers.item_vectors(tiny.items))
    for loaded, expected in zip(
        release.query_tower.query_vectors(tiny.users), towers.query_vectors(tiny.users), strict=True
    ):
        np.testing.assert_allclose(loaded, expected, rtol=1e-5, atol=1e-6)


def test_earlier_releases_stay_loadable_by_name(releases, written, tiny):
    from models.release.release import load_release

    later = tiny.write_release(releases, tiny.towers(seed=4))

    assert load_release(releases).version == later
    assert load_release(releases, written[1]).version == written[1]


@pytest.mark.parametrize(
    "name",
    [
        "item_contents.npy",
        "item_ids.parquet",
        "sales_7d.npy",
        "sales_28d.npy",
        "repurchase_rates.npy",
        "garment_groups.npy",
        "neighbours.npy",
        "similarities.npy",
        "blender.json",
        "metrics.json",
        *(
            f"{checkpoint}/{name}"
            for checkpoint in ("served", "validated")
            for name in ("vocabularies.json", "scales.json", "layers.npz", "embeddings/item_memory.npy")
        ),
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


@pytest.mark.parametrize("name", ["blender.json", "item_ids.parquet", "served/layers.npz", "validated/scales.json"])
def test_a_required_file_that_the_manifest_omits_is_refused_by_name(releases, folder, name):
    files = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"]
    (folder / name).unlink()
    change_manifest(folder, files={file: digest for file, digest in files.items() if file != name})

    assert_refused(releases, folder.name, f"{name} is missing")


def test_an_added_file_is_refused_by_name(releases, folder):
    (folder / "served" / "embeddings" / "extra.npy").touch()

    assert_refused(releases, folder.name, "served/embeddings/extra.npy is not in its manifest")


@pytest.mark.parametrize("number", [0, 5, 8, "9", None])
def test_another_format_is_refused_by_name(releases, folder, number):
    change_manifest(folder, format=number)

    assert_refused(releases, folder.name, f"format {number!r}", "format 11", "train again")


def test_a_release_of_the_previous_format_is_refused_by_name():
    [folder] = OLD_RELEASES.iterdir()

    assert_refused(OLD_RELEASES, folder.name, "format 5", "format 11", "train again", version=folder.name)


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


def test_a_missing_release_is_refused_with_those_that_exist_or_the_command_that_creates_one(releases, tmp_path):
    version = "20200923-seed-00000000"
    existing = (releases / "LATEST").read_text(encoding="utf-8").strip()
    assert_refused(releases, version, str(releases), existing, version=version)
    assert_refused(tmp_path, version, "`python jobs/train.py`", version=version)
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
    write_manifest(folder / "manifest.json", manifest)

    assert_refused(releases, folder.name, f"lacks '{name}'")


def test_an_unknown_setting_in_a_manifest_is_refused_with_a_suggestion(folder, releases):
    change_manifest(folder, config={**SEED.to_json(), "item_memory_dimension": 3})

    assert_refused(releases, folder.name, "'item_memory_dimension'", "'item_memory_dimensions'")


@pytest.mark.parametrize("name", [".DS_Store", "served/.DS_Store", "._manifest.json", "Thumbs.db", ".nfs000001"])
def test_hidden_files_of_file_managers_do_not_change_a_release(releases, folder, name):
    from models.release.release import load_release

    (folder / name).write_bytes(b"icons")

    assert load_release(releases).version == folder.name


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", " is empty"),
        (b" \n\n", " is empty"),
        (b"latest\n", ": 'latest' is not a release name"),
        (b"\x1b[31m\n", ": '\\x1b[31m' is not a release name"),
        (b"\xff\xfe2\x00", " is not UTF-8"),
    ],
)
def test_a_latest_that_names_no_release_is_named(tmp_path, content, problem):
    (tmp_path / "LATEST").write_bytes(content)

    assert_refused(tmp_path, f"{tmp_path / 'LATEST'}{problem}")


def test_a_manifest_that_was_changed_is_refused(folder, releases):
    path = folder / "manifest.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"seed": 1', '"seed": 2'), encoding="utf-8")

    assert_refused(releases, folder.name, "manifest.json", "was changed after it was written")


def test_a_manifest_without_its_digest_is_refused(folder, releases):
    path = folder / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["manifest_digest"]
    path.write_text(json.dumps(content), encoding="utf-8")

    assert_refused(releases, folder.name, "manifest.json", "was changed after it was written")


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(
    "name", ["sales_7d.npy", "item_contents.npy", "blender.json", "served/embeddings", "served/scales.json"]
)
def test_numbers_that_are_not_finite_are_refused_even_if_the_manifest_lists_them(folder, releases, name, value):
    from models.release.integrity import file_digests

    path = folder / name
    path = min(path.iterdir()) if path.is_dir() else path
    if path.suffix == ".npy":
        array = np.array(np.load(path, allow_pickle=False), np.float32)
        array.flat[0] = value
        np.save(path, array, allow_pickle=False)
    else:
        content = json.loads(path.read_text(encoding="utf-8"))
        numbers = content["keep"] if "keep" in content else next(each for each in content.values() if each)
        name = "intercept" if "keep" in content else min(numbers)
        numbers[name] = {"mean": value, "deviation": 1.0} if isinstance(numbers[name], dict) else value
        path.write_text(json.dumps(content), encoding="utf-8")
    digests = file_digests(folder)
    del digests["manifest.json"]
    change_manifest(folder, files=digests)

    assert_refused(releases, folder.name, "no finite number", path.stem)

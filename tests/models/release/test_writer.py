"""Writing a release: its files, its version, and what happens if the version exists."""

import json

import numpy as np
import pytest

from features.errors import InputError
from models.config import SEED


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_release_is_one_folder_beside_the_file_latest(written):
    releases, version = written

    assert names_in(releases) == [version, "LATEST"]
    assert (releases / "LATEST").read_text(encoding="utf-8") == f"{version}\n"
    assert version.startswith("20200923-seed-")
    assert names_in(releases / version) == [
        "blender.json",
        "garment_groups.npy",
        "item_contents.npy",
        "item_ids.parquet",
        "manifest.json",
        "metrics.json",
        "neighbours.npy",
        "repurchase_rates.npy",
        "sales_28d.npy",
        "sales_7d.npy",
        "served",
        "similarities.npy",
        "user_neighbours.npz",
        "validated",
    ]
    for checkpoint in ("served", "validated"):
        assert names_in(releases / version / checkpoint) == [
            "embeddings",
            "layers.npz",
            "scales.json",
            "vocabularies.json",
        ]


def test_the_manifest_describes_the_release_and_lists_every_other_file(written):
    folder = written[0] / written[1]
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))

    assert {name: manifest[name] for name in ("format", "version", "created", "as_of", "cut", "training_start")} == {
        "format": 11,
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
        "refers_to": "recent_items",
    }
    assert len(query["fingerprint"]) == 16
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert set(manifest["files"]) == files - {"manifest.json"}
    assert all(len(digest) == 64 for digest in manifest["files"].values())


@pytest.mark.parametrize("checkpoint", ["served", "validated"])
def test_a_release_holds_the_vocabularies_and_scales_of_its_towers(written, checkpoint):
    folder = written[0] / written[1] / checkpoint

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


def test_a_release_holds_metrics(written):
    folder = written[0] / written[1]

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


@pytest.mark.parametrize("name", ["item_contents.npy", "manifest.json"])
def test_a_damaged_release_is_replaced_by_one_with_equal_contents(releases, folder, tiny, towers, name):
    from models.release.release import load_release

    (folder / name).write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=folder.name):
        load_release(releases)

    assert tiny.write_release(releases, towers, latest=False) == folder.name

    assert load_release(releases).version == folder.name


def test_a_release_with_numbers_that_cannot_be_served_is_replaced(releases, folder, tiny, towers):
    from models.release.integrity import DIGEST, file_digests, manifest_digest
    from models.release.release import load_release

    contents = np.load(folder / "item_contents.npy", allow_pickle=False)
    np.save(folder / "item_contents.npy", np.full_like(contents, np.nan), allow_pickle=False)
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["files"] = {name: digest for name, digest in file_digests(folder).items() if name != path.name}
    path.write_text(json.dumps({**manifest, DIGEST: manifest_digest(manifest)}), encoding="utf-8")
    with pytest.raises(InputError, match="no finite number"):
        load_release(releases)

    assert tiny.write_release(releases, towers, latest=False) == folder.name

    assert (load_release(releases).item_vectors[:, : contents.shape[1]] == contents).all()


def test_a_release_of_the_same_version_with_other_contents_is_not_replaced(releases, folder, tiny, towers):
    from models.release.integrity import DIGEST, manifest_digest

    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8")) | {"content_digest": f"{folder.name[-8:]}{'0' * 56}"}
    path.write_text(json.dumps({**manifest, DIGEST: manifest_digest(manifest)}), encoding="utf-8")
    before = states(releases)

    with pytest.raises(InputError, match=f"{folder.name}.*other contents"):
        tiny.write_release(releases, towers, latest=False)

    assert states(releases) == before


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

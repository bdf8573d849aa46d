"""The towers of a release as SavedModels."""


def test_the_towers_of_a_release_are_exported(call, served_project, tmp_path):
    import tensorflow as tf

    folder = tmp_path / "towers"

    done = call("export_towers", "--releases", served_project.releases, "--output", folder)

    assert done.exit_code == 0, done.stderr
    version = (served_project.releases / "LATEST").read_text(encoding="utf-8").strip()
    assert version in done.stdout
    inputs = {
        tower: set(tf.saved_model.load(str(folder / tower)).signatures["embed"].structured_input_signature[1])
        for tower in ("query_tower", "item_tower")
    }
    assert inputs == {
        "query_tower": {"user_id", "age_at_request", "month_sin", "month_cos"},
        "item_tower": {"item_id", "garment_group_name", "index_group_name"},
    }


def test_an_existing_folder_is_refused_by_name(call, served_project, tmp_path):
    (tmp_path / "kept.txt").touch()

    done = call("export_towers", "--releases", served_project.releases, "--output", tmp_path)

    assert done.exit_code == 1
    assert str(tmp_path) in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_what_a_killed_export_left_is_removed_also_if_its_folder_is_whole(call, served_project, tmp_path):
    (tmp_path / "towers").mkdir()
    (tmp_path / ".scratch-12345678").mkdir()  # locked by no process

    done = call("export_towers", "--releases", served_project.releases, "--output", tmp_path / "towers")

    assert done.exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["towers"]

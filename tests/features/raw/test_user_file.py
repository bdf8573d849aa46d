import logging

import pytest

from features.errors import InputError
from features.raw.user_file import read_user_ids


@pytest.fixture
def path(tmp_path):
    return tmp_path / "users.txt"


def error_of(path):
    with pytest.raises(InputError) as caught:
        read_user_ids(path)
    return str(caught.value)


def test_ids_are_read_in_order_as_text(path):
    path.write_text("0002\n0001\n\n  10  \n", encoding="utf-8")

    assert read_user_ids(path) == ["0002", "0001", "10"]


def test_any_line_ends_and_a_byte_order_mark_are_accepted(path):
    path.write_bytes(b"\xef\xbb\xbf0002\r\n0001\r\nM\xc3\xbcller")

    assert read_user_ids(path) == ["0002", "0001", "Müller"]


def test_lines_of_blanks_are_ignored(path):
    path.write_text("\ufeff\ufeff\n0001\n\u200b\n\xa0\t\n", encoding="utf-8")

    assert read_user_ids(path) == ["0001"]


def test_duplicate_ids_are_ignored_with_a_warning(path, caplog):
    path.write_text("b\na\nb\nb\n", encoding="utf-8")

    with caplog.at_level(logging.WARNING):
        assert read_user_ids(path) == ["b", "a"]
    assert caplog.messages == [f"{path}: 2 duplicate user ids ignored"]


def test_a_missing_file_is_refused(path):
    assert f"{path} does not exist" in error_of(path)


def test_a_file_without_ids_is_refused(path):
    path.write_text("\n  \n", encoding="utf-8")

    assert f"{path} has no user id" in error_of(path)


def test_a_file_that_is_not_utf_8_is_refused(path):
    path.write_bytes("Müller\n".encode("latin-1"))

    assert f"{path} is not UTF-8" in error_of(path)


def test_a_control_character_is_refused_with_its_line(path):
    path.write_text("0001\n\n00\t02\n", encoding="utf-8")

    assert f"{path}, line 3: '00\\t02'" in error_of(path)

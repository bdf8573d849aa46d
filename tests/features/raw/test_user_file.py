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


def test_windows_line_ends_a_byte_order_mark_and_a_missing_last_line_end_do_no_harm(path):
    path.write_bytes(b"\xef\xbb\xbf0002\r\n0001\r\nM\xc3\xbcller")

    assert read_user_ids(path) == ["0002", "0001", "Müller"]


def test_repeated_ids_count_once_and_aloud(path, caplog):
    path.write_text("b\na\nb\nb\n", encoding="utf-8")

    with caplog.at_level(logging.WARNING):
        assert read_user_ids(path) == ["b", "a"]
    assert caplog.messages == [f"{path}: 2 repeated user ids count once"]


def test_a_missing_file_is_refused(path):
    assert error_of(path) == f"There is no file {path}: --users takes a text file with one user id a line."


def test_a_file_without_ids_is_refused(path):
    path.write_text("\n  \n", encoding="utf-8")

    assert error_of(path) == f"{path} holds no user id: --users takes a text file with one user id a line."


def test_a_file_that_is_not_utf_8_is_refused(path):
    path.write_bytes("Müller\n".encode("latin-1"))

    assert error_of(path) == f"{path} is not UTF-8 text: --users takes a text file with one user id a line."


def test_a_control_character_is_refused_with_its_line(path):
    path.write_text("0001\n\n00\t02\n", encoding="utf-8")

    assert error_of(path) == f"{path}, line 3: '00\\t02' is not a user id: it holds a control character."

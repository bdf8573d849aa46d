from collections import Counter
from pathlib import Path

from plugins.scheduling import GROUPS, LONGEST_FIRST

FILES = Counter(path.stem for path in Path(__file__).parents[1].rglob("test_*.py"))


def test_every_file_in_a_group_exists():
    assert set(GROUPS) - set(FILES) == set()


def test_every_name_in_the_order_is_a_group_or_a_file_without_a_group():
    assert set(LONGEST_FIRST) - set(GROUPS.values()) - (set(FILES) - set(GROUPS)) == set()


def test_no_two_files_share_a_name_because_groups_go_by_name():
    assert [name for name, count in FILES.items() if count > 1] == []

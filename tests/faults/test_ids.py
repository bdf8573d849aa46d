"""One rule for ids, in every place that takes one."""

import duckdb
import pytest
from fixtures.raw_files import FILES, error_of, write_customers, write_sales

from candidates.filters.settings import read_settings
from features.errors import InputError
from features.ids import BLANKS, CONTROL_CHARACTERS_SQL, MAX_ID_LENGTH, parse_id, unknown_ids_sentence
from features.raw.raw_tables import load_raw_tables
from features.raw.user_file import read_user_ids
from features.sql import literal

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"  # one emoji of three, with zero-width joiners
VALID = {
    "leading zeros": "0001",
    "family emoji": FAMILY,
    "blank within": "a b",
    "no-break space within": "a\xa0b",
    "combining marks": "e\u0301",
    "Persian with non-joiner": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "right to left": "\u05d0\u05d1\u05d2",
    "direction mark within": "a\u202eb",
    "quotes": 'O\'Brien "x"',
    "path": "../../etc/passwd",
    "SQL": "'; DROP TABLE users; --",
    "formula": "=1+1",
    "brackets": "[*?]",
    "percent": "100%",
    "null as text": "null",
    "the longest": "x" * MAX_ID_LENGTH,
    "the longest in four bytes": "\U0001f467" * MAX_ID_LENGTH,
}
INVALID = {
    "NUL at the end": "a\0",
    "NUL within": "a\0b",
    "escape sequence": "a\x1b[31mb",
    "tab within": "a\tb",
    "bell": "\a",
    "delete": "a\x7fb",
    "C1 control": "a\x9bb",
    "line separator within": "a\u2028b",
    "too long": "x" * (MAX_ID_LENGTH + 1),
    "ten kilobytes": "x" * 10_000,
}


@pytest.fixture
def in_raw_tables(database, raw_dir):
    """Load raw tables in which a user has this id in both tables, and return the id in the typed tables."""

    def in_raw_tables(user):
        quoted = '"' + user.replace('"', '""') + '"'
        write_customers(raw_dir, f"{quoted},20\n", header="customer_id,age\n")
        write_sales(raw_dir, f"2018-09-20,{quoted},0108775015,0.02,1\n")
        load_raw_tables(database, raw_dir)
        [(known, buyer)] = database.sql(
            "SELECT users.user_id, purchases.user_id FROM users JOIN purchases USING (user_id)"
        ).fetchall()
        assert known == buyer
        return known

    return in_raw_tables


@pytest.fixture
def in_a_file_of_users(tmp_path):
    def in_a_file_of_users(user):
        (tmp_path / "users.txt").write_bytes(f"{user}\n".encode())
        [read] = read_user_ids(tmp_path / "users.txt")
        return read

    return in_a_file_of_users


@pytest.fixture
def in_filter_settings(tmp_path):
    def in_filter_settings(item):
        escaped = "".join(f"\\U{ord(char):08x}" for char in item)
        (tmp_path / "filters.toml").write_text(f'blocked_items = ["{escaped}"]\n')
        [read] = read_settings(tmp_path / "filters.toml").blocked_items
        return read

    return in_filter_settings


@pytest.fixture
def as_an_option():
    def as_an_option(user):
        from pipelines.candidate_views import check_options

        [read] = check_options("rank", {"--user"}, [user])
        return read

    return as_an_option


PLACES = ["in_raw_tables", "in_a_file_of_users", "in_filter_settings", "as_an_option"]


@pytest.fixture(params=PLACES)
def read_id(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("kind", VALID)
def test_an_id_is_the_same_everywhere(read_id, kind):
    assert read_id(VALID[kind]) == VALID[kind]


@pytest.mark.parametrize("blank", ["  ", "\t", "\xa0", "\u3000", "\ufeff", "\u200b"], ids=ascii)
def test_blanks_around_an_id_are_removed_everywhere(read_id, blank):
    assert read_id(f"{blank}a b{blank}") == "a b"


@pytest.mark.parametrize("kind", INVALID)
def test_what_is_no_id_is_refused_everywhere(read_id, kind):
    with pytest.raises(InputError) as caught:
        read_id(INVALID[kind])

    message = str(caught.value)
    assert ("256" in message) == (len(INVALID[kind]) > MAX_ID_LENGTH)
    assert len(message) < 500
    assert message.isprintable()


def test_blanks_are_removed_in_tables_with_a_warning(database, raw_dir, caplog):
    write_customers(raw_dir, " 0001,20\n0002\xa0,30\n0003,\n", header="customer_id,age\n")

    load_raw_tables(database, raw_dir)

    assert database.sql("SELECT user_id FROM users").fetchall() == [("0001",), ("0002",), ("0003",)]
    assert f"{raw_dir}/customers.csv: blanks around 2 values of customer_id removed" in caplog.messages


def test_two_ids_that_differ_in_blanks_are_one(database, raw_dir):
    write_customers(raw_dir, "0001,20\n0001 ,30\n", header="customer_id,age\n")

    assert "customer_id is a duplicate in 1 row (line 3: '0001')" in error_of(database, raw_dir)


def test_python_and_sql_know_the_same_blanks_and_control_characters():
    every = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE points AS SELECT unnest(?) AS point", [every])
        blanks = connection.sql(f"SELECT point FROM points WHERE trim(point, {literal(BLANKS)}) = ''").fetchall()
        controls = connection.sql(
            f"SELECT point FROM points WHERE regexp_matches(point, '{CONTROL_CHARACTERS_SQL}')"
        ).fetchall()

    def is_control(point):
        try:
            return parse_id(f"a{point}b") != f"a{point}b"
        except ValueError:
            return True

    assert {point for (point,) in blanks} == set(BLANKS)
    assert {point for point in every if point.isspace()} < set(BLANKS)
    assert {point for (point,) in controls} == set(filter(is_control, every))


def test_a_line_of_a_hundred_megabytes_is_refused_without_being_read(tmp_path):
    path = tmp_path / "users.txt"
    with path.open("wb") as file:
        file.write(b"0001\n")
        file.truncate(100_000_000)

    with pytest.raises(InputError) as caught:
        read_user_ids(path)

    assert f"{path}, line 2: " in str(caught.value)
    assert "at most 256 characters" in str(caught.value)


def test_long_descriptions_and_those_with_nul_are_refused(database, raw_dir):
    for value, problem in (("x" * 1_001, "has more than 1,000 characters"), ("Jersey\0", "holds a NUL character")):
        text = FILES["articles.csv"].replace("Jersey Basic", value)
        (raw_dir / "articles.csv").write_text(text)

        assert f"articles.csv: garment_group_name {problem} in 1 row (line 2: " in error_of(database, raw_dir)


@pytest.mark.parametrize(
    ("unknown", "total", "sentence"),
    [
        (["7"], 1, "1 of 1 user is unknown ('7')"),
        (["7", "8"], 5, "2 of 5 users are unknown ('7', '8')"),
        ([*"abcd"], 2_000, "4 of 2,000 users are unknown (first three: 'a', 'b', 'c')"),
        (["\x1b"], 9, "1 of 9 users is unknown ('\\x1b')"),
    ],
)
def test_unknown_ids_are_counted_and_shown(unknown, total, sentence):
    assert unknown_ids_sentence(unknown, total, "user") == sentence


def test_ids_are_counted_and_shown_in_the_same_way_whatever_they_are():
    assert unknown_ids_sentence([*"abcd"], 9, "item", "blocked") == (
        "4 of 9 items are blocked (first three: 'a', 'b', 'c')"
    )

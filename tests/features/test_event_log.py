"""The event log: each event once, all events of a request or none, and purchases without reversed ones."""

import sqlite3
import subprocess
import sys
from datetime import timedelta

import pytest
from fixtures.feature_tables import day

from features.errors import InputError
from features.event_log import EventConflictError, EventLog, PurchaseEvent, Reversal, read_logged_purchases


@pytest.fixture
def log(tmp_path):
    log = EventLog(tmp_path / "events.db")
    yield log
    log.close()


def purchase(event_id, user="u", item="a", moment=None, price=1.5):
    return PurchaseEvent(event_id, user, item, moment or day(1, hours=9), price)


def ids_of(table):
    return table["item_id"].to_pylist()


def test_an_event_that_is_sent_again_counts_once(log):
    assert log.append([[purchase("1"), purchase("2", item="b")]]) == [[True, True]]
    assert log.append([[purchase("1"), purchase("3", item="c")]]) == [[False, True]]
    assert ids_of(log.purchases(day(1), ["u"])) == ["a", "b", "c"]
    assert log.last_sequence == 3


@pytest.mark.parametrize(
    "other", [purchase("1", user="v"), purchase("1", item="b"), purchase("1", price=2.0), purchase("1", moment=day(2)),
              Reversal("1", "2")],
)  # fmt: skip
def test_an_event_id_with_another_content_is_a_conflict_and_nothing_of_its_request_is_written(log, other):
    log.append([[purchase("1"), purchase("2")]])

    before, conflict, after = log.append([[purchase("before")], [purchase("with"), other], [purchase("after")]])

    assert (before, after) == ([True], [True])
    assert isinstance(conflict, EventConflictError)
    assert "'1'" in str(conflict)
    assert [log.has(event) for event in ("before", "with", "after")] == [True, False, True]


def test_reversed_purchases_do_not_count(log):
    log.append([[purchase("1"), purchase("2", item="b"), Reversal("r", "1")]])

    assert ids_of(log.purchases(day(1), ["u"])) == ["b"]
    assert log.append([[Reversal("r", "1")]]) == [[False]]
    assert ids_of(read_logged_purchases(log.path, None)) == ["b"]


@pytest.mark.parametrize(("reverses", "named"), [("unknown", "unknown"), ("r", "r"), ("1", "another event")])
def test_what_cannot_be_reversed_is_a_conflict(log, reverses, named):
    log.append([[purchase("1"), Reversal("r", "1")]])

    [conflict] = log.append([[Reversal("second", reverses)]])

    assert isinstance(conflict, EventConflictError)
    assert named in str(conflict)


def test_purchases_are_found_by_time_and_user(log):
    log.append([[purchase("1"), purchase("2", item="b", moment=day(2)), purchase("3", "v", moment=day(3))]])

    assert ids_of(log.purchases(day(2), ["u"])) == ["b"]
    assert log.purchases(day(2), ["v"]).to_pylist() == [
        {"user_id": "v", "item_id": "a", "purchased_at": day(3), "price": 1.5, "sales_channel_id": None}
    ]
    assert log.purchases(day(2), ["nobody"]).num_rows == 0
    assert log.users_after(0) == ["u", "v"]
    assert log.users_after(2) == ["v"]
    assert log.find_purchase("3").purchased_at == day(3)


def test_another_process_that_is_killed_after_an_append_has_lost_nothing(tmp_path):
    path = tmp_path / "events.db"
    code = (
        "import os, sys; from datetime import datetime, UTC; from pathlib import Path\n"
        "from features.event_log import EventLog, PurchaseEvent\n"
        "log = EventLog(Path(sys.argv[1]))\n"
        "log.append([[PurchaseEvent('1', 'u', 'a', datetime(2020, 1, 1, tzinfo=UTC), 1.0)]])\n"
        "log._connection.execute('begin immediate')\n"
        "log._append(PurchaseEvent('2', 'u', 'b', datetime(2020, 1, 1, tzinfo=UTC), 1.0))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)

    log = EventLog(path)

    assert [log.has("1"), log.has("2")] == [True, False]
    assert ids_of(log.purchases(day(1), ["u"])) == ["a"]
    log.close()


def test_moments_are_exact_to_the_microsecond(log):
    moment = day(1) + timedelta(microseconds=1)
    log.append([[purchase("1", moment=moment)]])
    assert log.purchases(moment, ["u"])["purchased_at"].to_pylist() == [moment]
    assert log.purchases(moment + timedelta(microseconds=1), ["u"]).num_rows == 0


def test_a_file_that_is_no_log_is_refused_and_stays(tmp_path):
    text, other = tmp_path / "text.db", tmp_path / "other.db"
    text.write_text("no database, but long enough to be taken for the header of one " * 4)
    with sqlite3.connect(other) as connection:
        connection.execute("create table anything (x)")
    before = {path: path.read_bytes() for path in (text, other)}

    for path in (text, other):
        with pytest.raises(InputError, match=path.name):
            EventLog(path)
        with pytest.raises(InputError, match=path.name):
            read_logged_purchases(path, None)
    with pytest.raises(InputError, match="does not exist"):
        read_logged_purchases(tmp_path / "missing.db", None)

    assert {path: path.read_bytes() for path in (text, other)} == before

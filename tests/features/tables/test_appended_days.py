"""Feature tables with one more day begin with the row groups of the tables without it."""

import pyarrow.parquet as pq
import pytest
from fixtures.feature_tables import day, write


@pytest.mark.parametrize("users_per_bucket", [100, 2], ids=["one bucket", "several buckets"])
def test_the_past_rows_of_every_table_have_the_same_digest_after_one_more_day(tmp_path, monkeypatch, users_per_bucket):
    from feast import FeatureView, FileSource

    from features.store.past_rows import PastRows
    from features.tables import feature_tables

    monkeypatch.setattr(feature_tables, "_USERS_PER_BUCKET", users_per_bucket)
    monkeypatch.setattr(feature_tables, "_USERS_PER_WINDOW", users_per_bucket)
    monkeypatch.setattr(feature_tables, "_ROWS_PER_BATCH", 7)
    monkeypatch.setattr(feature_tables, "_LISTS_PER_BATCH", 7)
    users = [f"user {number}" for number in range(6)]
    purchases = [
        (user, item, day(number, hours=9))
        for number in range(1, 15)
        for position, user in enumerate(users)
        for item in "abc"[: (number + position) % 4]
    ]
    ends = [
        write(tmp_path / "early", [purchase for purchase in purchases if purchase[2] < day(14)], users=users),
        write(tmp_path / "late", purchases, users=users),
    ]
    assert ends == [day(14), day(15)]

    def past(folder):
        files = {name: folder / f"{name}.parquet" for name in feature_tables.TABLES}
        sources = {name: FileSource(path=str(file), timestamp_field="event_timestamp") for name, file in files.items()}
        past = PastRows(FeatureView(name=name, source=source) for name, source in sources.items())
        for file in files.values():
            past.sha256(file)
        return past.digests([day(13), day(14)])

    early, late = past(tmp_path / "early"), past(tmp_path / "late")
    assert set(early[day(14)]) == set(feature_tables.TABLES)
    assert early == late
    assert pq.read_metadata(tmp_path / "early" / "user_bought_items_daily.parquet").num_row_groups > 6

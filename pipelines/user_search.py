"""Ids of users by their first characters, for people who look for one."""

import threading
from bisect import bisect_left

import pyarrow as pa

from features.store.catalogue import user_ids
from pipelines.serving import CandidatePipeline


class UserSearch:
    """Finds the users with a profile as of the moment of a pipeline.

    The ids are read from the offline store at the first search, and kept: 64 bytes for each of H&M's users.

    Args:
        pipeline: of the release.
    """

    def __init__(self, pipeline: CandidatePipeline) -> None:
        self._pipeline, self._lock = pipeline, threading.Lock()
        self._ids: pa.StringArray | None = None

    def find(self, prefix: str, limit: int) -> list[str]:
        """Return the first `limit` ids that begin with a prefix, ascending by their UTF-8 bytes.

        Raises:
            InputError: the table of users is missing or damaged, or it is empty.
        """
        with self._lock:
            if self._ids is None:
                self._ids = user_ids(self._pipeline.reader.store, self._pipeline.moment)
        ids = self._ids
        start = bisect_left(range(len(ids)), prefix.encode(), key=lambda place: ids[place].as_py().encode())
        found: list[str] = ids.slice(start, limit).to_pylist()
        return [user for user in found if user.startswith(prefix)]

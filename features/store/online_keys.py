"""Keys of the online store."""

from collections.abc import Sequence

from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value


def entity_keys(join_key: str, ids: Sequence[str]) -> list[EntityKey]:
    """Return the keys of ids in the online store."""
    return [EntityKey(join_keys=[join_key], entity_values=[Value(string_val=id_)]) for id_ in ids]

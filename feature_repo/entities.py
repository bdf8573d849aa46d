"""Entities: what features describe."""

from feast import Entity, ValueType

user = Entity(
    name="user", join_keys=["user_id"], value_type=ValueType.STRING, description="A customer; customer_id as text."
)
item = Entity(
    name="item", join_keys=["item_id"], value_type=ValueType.STRING, description="An article; article_id as text."
)

"""Who asks for what. A service that changes gets a new version beside the old one.

The tag `embedded_key` says that the entity's own id is a feature of the tower too.
"""

from feast import FeatureService
from feature_views import (
    item_availability,
    item_catalog,
    item_sales_daily,
    user_activity_daily,
    user_bought_items_daily,
    user_lately_items_daily,
    user_recent_items_daily,
    user_tastes_daily,
)
from on_demand_views import item_at_request, request_month, user_at_request

EMBED_USER = {"embedded_key": "user_id"}
EMBED_ITEM = {"embedded_key": "item_id"}

query_tower_v1 = FeatureService(
    name="query_tower_v1",
    features=[user_at_request[["age_at_request"]], request_month],
    tags=EMBED_USER,
    description="The notebook's query tower: user, age, season.",
)
item_tower_v1 = FeatureService(
    name="item_tower_v1",
    features=[item_catalog[["garment_group_name", "index_group_name"]]],
    tags=EMBED_ITEM,
    description="The notebook's item tower: item, garment group, index group.",
)

# Club status, news and activity are what they were when customers.csv was written: using them for earlier days would
# tell the future. They stay out until their table has a history.
query_tower_v2 = FeatureService(
    name="query_tower_v2",
    features=[
        user_at_request,
        request_month,
        user_activity_daily[
            ["purchases_7d", "purchases_28d", "purchases_total", "active_days_total", "spend_28d", "mean_price"]
        ],
        user_recent_items_daily[["recent_items"]],
    ],
    description="A user by what he did: activity, recent purchases, season.",
)
item_tower_v2 = FeatureService(
    name="item_tower_v2",
    features=[
        item_catalog[
            [
                "product_type_name",
                "product_group_name",
                "graphical_appearance_name",
                "colour_group_name",
                "department_name",
                "index_name",
                "index_group_name",
                "section_name",
                "garment_group_name",
            ]
        ],
        item_sales_daily[["sales_1d", "sales_7d", "sales_28d", "sales_total", "mean_price"]],
    ],
    tags=EMBED_ITEM,
    description="An item by what it is and how it sells at the moment.",
)

query_tower_v3 = FeatureService(
    name="query_tower_v3",
    features=[
        user_activity_daily[["purchases_7d", "purchases_total", "active_days_total"]],
        user_recent_items_daily[["recent_items", "recent_counts", "recent_days"]],
        user_tastes_daily,
    ],
    description="A user by his lists and by how much he buys: nothing by which one user could be told from all others.",
)
item_tower_v3 = FeatureService(
    name="item_tower_v3",
    features=[
        item_catalog[
            [
                "product_type_name",
                "product_group_name",
                "graphical_appearance_name",
                "colour_group_name",
                "department_name",
                "index_name",
                "index_group_name",
                "section_name",
                "garment_group_name",
            ]
        ],
        item_sales_daily[
            [
                "sales_1d",
                "sales_7d",
                "sales_28d",
                "sales_total",
                "first_purchases_7d",
                "first_purchases_28d",
                "buyers_total",
                "mean_price",
            ]
        ],
        item_at_request,
    ],
    tags=EMBED_ITEM,
    description="An item by what it is, how it sells at the moment, to how many new buyers, and since when.",
)

already_bought_v1 = FeatureService(
    name="already_bought_v1",
    features=[user_bought_items_daily[["bought_items"]]],
    description="What the filter of bought items needs.",
)
candidate_sources_v1 = FeatureService(
    name="candidate_sources_v1",
    features=[user_bought_items_daily],
    description="What the sources of candidates need of a user: what he bought, how often, how long ago.",
)
popularity_v1 = FeatureService(
    name="popularity_v1",
    features=[item_sales_daily[["sales_7d"]]],
    description="What the popularity list is ordered by.",
)
popularity_v2 = FeatureService(
    name="popularity_v2",
    features=[item_sales_daily[["sales_7d", "sales_28d"]], item_catalog[["garment_group_name"]]],
    description="What the popularity lists are ordered by, over two windows and within garment groups.",
)
popularity_v3 = FeatureService(
    name="popularity_v3",
    features=[
        item_sales_daily[["sales_7d", "sales_28d", "first_purchases_28d", "buyers_total"]],
        item_catalog[["garment_group_name"]],
    ],
    description="What bestsellers are ordered by, within garment groups too, and how often an item is bought again.",
)
item_card_v1 = FeatureService(
    name="item_card_v1",
    features=[item_catalog[["prod_name"]]],
    description="What a person wants to read of an item.",
)
filter_users_v1 = FeatureService(
    name="filter_users_v1",
    features=[user_at_request[["age_at_request"]], user_activity_daily[["last_purchase_at"]]],
    description="What the filters of candidates need of a user: how old he is, and when he bought last.",
)
filter_items_v1 = FeatureService(
    name="filter_items_v1",
    features=[
        item_catalog[["garment_group_name"]],
        item_sales_daily[["last_sold_at"]],
        item_availability,
    ],
    description="What the filters of candidates need of an item: its group, its last sale, whether it may be shown.",
)
filter_items_v2 = FeatureService(
    name="filter_items_v2",
    features=[
        item_catalog[["department_name", "garment_group_name"]],
        item_sales_daily[["last_sold_at"]],
        item_availability,
    ],
    description="The same, and of which department an item is: lists may hold only so many of each.",
)

_ranking_users = [
    user_activity_daily[["purchases_7d", "purchases_28d", "purchases_total", "active_days_total", "mean_price"]],
    user_tastes_daily,
]
_ranking_items = [
    item_sales_daily[
        ["sales_1d", "sales_7d", "sales_28d", "sales_total", "first_purchases_28d", "buyers_total", "mean_price"]
    ],
    item_catalog[["product_type_name", "garment_group_name", "department_name"]],
]
ranking_v1 = FeatureService(
    name="ranking_v1",
    features=[*_ranking_users, *_ranking_items],
    description="What the ranker knows of a user and a candidate; both have a mean_price, so ask for full names.",
)
ranking_users_v1 = FeatureService(
    name="ranking_users_v1",
    features=_ranking_users,
    description="The users' part of ranking_v1, which is read once for each user instead of once for each candidate.",
)
ranking_items_v1 = FeatureService(
    name="ranking_items_v1",
    features=_ranking_items,
    description="The items' part of ranking_v1, which is read once for each item instead of once for each candidate.",
)
ranking_v2 = FeatureService(
    name="ranking_v2",
    features=[*_ranking_users, user_lately_items_daily, *_ranking_items],
    description="The same, and how often the user has bought an item lately.",
)
ranking_users_v2 = FeatureService(
    name="ranking_users_v2",
    features=[*_ranking_users, user_lately_items_daily],
    description="The users' part of ranking_v2; the items' part is that of ranking_v1.",
)

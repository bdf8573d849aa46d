"""Feature services: the features each consumer reads, in order. A changed service is a new version, not an edit.

Only services that something reads are declared. The tag `embedded_key` marks a service whose tower also embeds the
entity id itself.
"""

from feast import FeatureService
from feature_views import (
    item_availability,
    item_catalog,
    item_sales_daily,
    user_activity_daily,
    user_bought_items_daily,
    user_earlier_items,
    user_lately_items_daily,
    user_recent_items_daily,
    user_tastes_daily,
)
from on_demand_views import item_at_request, request_month, user_at_request

EMBED_USER = {"embedded_key": "user_id"}
EMBED_ITEM = {"embedded_key": "item_id"}

# No service reads club status, news subscription or activity: customers.csv holds their current values only, and using
# them for earlier days would leak the future. They can be added once their table has a history.
query_tower_v1 = FeatureService(
    name="query_tower_v1",
    features=[user_at_request[["age_at_request"]], request_month],
    tags=EMBED_USER,
    description="Query tower of preset `seed`: user id, age and month of the request.",
)
item_tower_v1 = FeatureService(
    name="item_tower_v1",
    features=[item_catalog[["garment_group_name", "index_group_name"]]],
    tags=EMBED_ITEM,
    description="Item tower of preset `seed`: item id, garment group and index group.",
)

query_tower_v3 = FeatureService(
    name="query_tower_v3",
    features=[
        user_activity_daily[["purchases_7d", "purchases_total", "active_days_total"]],
        user_recent_items_daily[["recent_items", "recent_counts", "recent_days"]],
        user_tastes_daily,
    ],
    description="Query tower: purchase counts, recent items and most frequent categories; no user id.",
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
    description="Item tower: item id, catalogue attributes, sales, buyers, mean price, days since first and last sale.",
)

# A candidate request reads the online store once: everything about its users, and once per pipeline all items.
candidate_request_v2 = FeatureService(
    name="candidate_request_v2",
    features=[
        user_at_request[["age_at_request", "days_since_last_purchase"]],
        request_month,
        user_activity_daily[
            [
                "purchases_7d",
                "purchases_28d",
                "purchases_total",
                "active_days_total",
                "mean_price",
                "last_purchase_at",
            ]
        ],
        user_recent_items_daily[["recent_items", "recent_counts", "recent_days"]],
        user_tastes_daily,
        user_lately_items_daily,
        user_bought_items_daily,
    ],
    description="Candidate request: all user features of the query towers, candidate sources, filters and the ranker.",
)
earlier_items_v1 = FeatureService(
    name="earlier_items_v1",
    features=[user_earlier_items],
    description="Filter of bought items, read for users whose list of bought_items is full.",
)
candidate_items_v1 = FeatureService(
    name="candidate_items_v1",
    features=[
        item_catalog[["product_type_name", "department_name", "garment_group_name"]],
        item_sales_daily[
            [
                "sales_1d",
                "sales_7d",
                "sales_28d",
                "sales_total",
                "first_purchases_28d",
                "buyers_total",
                "mean_price",
                "last_sold_at",
            ]
        ],
        item_availability,
    ],
    description="Candidate sources, filters and ranker: sales, buyers, price, categories and availability of items.",
)
item_card_v1 = FeatureService(
    name="item_card_v1",
    features=[item_catalog[["prod_name"]]],
    description="Display names of items.",
)

# Parts of candidate_request_v2, for point-in-time joins. Training needs each part at a different step, and joining all
# of a user's lists each time would scan the largest feature tables three times.
candidate_sources_v2 = FeatureService(
    name="candidate_sources_v2",
    features=[user_bought_items_daily],
    description="Candidate sources and purchase filters: a user's items, purchases, days since and between them.",
)
filter_users_v1 = FeatureService(
    name="filter_users_v1",
    features=[user_at_request[["age_at_request"]], user_activity_daily[["last_purchase_at"]]],
    description="Candidate filters, user side: age and time of the last purchase.",
)
ranking_users_v3 = FeatureService(
    name="ranking_users_v3",
    features=[
        user_at_request[["days_since_last_purchase"]],
        user_activity_daily[["purchases_7d", "purchases_28d", "purchases_total", "active_days_total", "mean_price"]],
        user_tastes_daily,
        user_lately_items_daily,
    ],
    description="Ranker, user side: activity, most frequent categories and purchases per item in 28 and 91 days.",
)

"""The names of columns that Python code speaks of, written once; SQL and declarations spell theirs out.

Raw names are those of the H&M competition's files; from the feature tables on, the project speaks of users
and items. All timestamps are UTC, `timestamp[us, tz=UTC]` in Parquet.
"""

from typing import Final

# Raw tables, as published.
CUSTOMER_ID: Final = "customer_id"
ARTICLE_ID: Final = "article_id"
T_DAT: Final = "t_dat"
PRICE: Final = "price"
SALES_CHANNEL_ID: Final = "sales_channel_id"
SINCE: Final = "since"

# Feature tables and everything after them.
USER_ID: Final = "user_id"
ITEM_ID: Final = "item_id"
USER_CODE: Final = "user_code"
NEW: Final = "new"
EVENT_TIMESTAMP: Final = "event_timestamp"
CREATED_TIMESTAMP: Final = "created_timestamp"
PURCHASED_AT: Final = "purchased_at"
REQUEST_TIMESTAMP: Final = "request_timestamp"
ROW_ID: Final = "row_id"
RECENT_ITEMS: Final = "recent_items"
RECENT_COUNTS: Final = "recent_counts"
RECENT_DAYS: Final = "recent_days"
BOUGHT_ITEMS: Final = "bought_items"
BOUGHT_COUNTS: Final = "bought_counts"
BOUGHT_DAYS: Final = "bought_days"
LATELY_ITEMS: Final = "lately_items"
LATELY_COUNTS: Final = ("lately_counts_28d", "lately_counts_91d")
PROD_NAME: Final = "prod_name"
GARMENT_GROUP_NAME: Final = "garment_group_name"
DEPARTMENT_NAME: Final = "department_name"
AGE: Final = "age"
AGE_AT_REQUEST: Final = "age_at_request"
LAST_PURCHASE_AT: Final = "last_purchase_at"
LAST_SOLD_AT: Final = "last_sold_at"
MEAN_PRICE: Final = "mean_price"

# The same in the raw table `availability` and after it.
FOR_SALE: Final = "for_sale"
CHANNELS: Final = "channels"
MINIMUM_AGE: Final = "minimum_age"

# Candidate sets.
RANK: Final = "rank"
SCORE: Final = "score"
RETRIEVAL_RANK: Final = "retrieval_rank"
RANKING_SCORE: Final = "ranking_score"
SOURCES: Final = "sources"
SOURCE_RANKS: Final = "source_ranks"
SOURCE_SCORES: Final = "source_scores"

# The customers' and articles' descriptive columns that become features, with the raw name they have in the files.
# The raw files may lack any of those not marked as needed; a column that is absent is null throughout.
USER_COLUMNS: Final = {
    "age": "age",
    "birth_date": "birth_date",
    "club_member_status": "club_member_status",
    "fashion_news_frequency": "fashion_news_frequency",
    "postal_code": "postal_code",
    "fashion_news": "FN",
    "active": "Active",
}
ITEM_COLUMNS: Final = {
    "prod_name": "prod_name",
    "product_type_name": "product_type_name",
    "product_group_name": "product_group_name",
    "graphical_appearance_name": "graphical_appearance_name",
    "colour_group_name": "colour_group_name",
    "department_name": "department_name",
    "index_name": "index_name",
    "index_group_name": "index_group_name",
    "section_name": "section_name",
    "garment_group_name": "garment_group_name",
}

# How far back the windowed features look, in whole days. Whole weeks, so that every weekday counts equally often.
DAY: Final = 1
WEEK: Final = 7
MONTH: Final = 28
QUARTER: Final = 91

# List features hold the most recent distinct items, newest first, or the most frequent words: at most so many.
MAX_RECENT_ITEMS: Final = 128
MAX_BOUGHT_ITEMS: Final = 2_000
MAX_LATELY_ITEMS: Final = 1_000
MAX_TASTES: Final = 50

"""Column names that Python code uses, and sizes of windows and lists. SQL and declarations spell names out.

Raw tables have the names of the H&M competition's files (customers, articles); all other tables speak of users and
items. All timestamps are UTC, `timestamp[us, tz=UTC]` in Parquet.
"""

from typing import Final

# Raw tables.
CUSTOMER_ID: Final = "customer_id"
ARTICLE_ID: Final = "article_id"
T_DAT: Final = "t_dat"
PRICE: Final = "price"
SALES_CHANNEL_ID: Final = "sales_channel_id"
SINCE: Final = "since"

# Feature tables and derived tables.
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
BOUGHT_GAPS: Final = "bought_gaps"
EARLIER_ITEMS: Final = "earlier_items"
LATELY_ITEMS: Final = "lately_items"
LATELY_COUNTS: Final = ("lately_counts_28d", "lately_counts_91d")
PROD_NAME: Final = "prod_name"
GARMENT_GROUP_NAME: Final = "garment_group_name"
DEPARTMENT_NAME: Final = "department_name"
AGE: Final = "age"
AGE_AT_REQUEST: Final = "age_at_request"
LAST_PURCHASE_AT: Final = "last_purchase_at"
DAYS_SINCE_LAST_PURCHASE: Final = "days_since_last_purchase"
LAST_SOLD_AT: Final = "last_sold_at"
MEAN_PRICE: Final = "mean_price"

# In the raw table `availability` and in feature tables.
FOR_SALE: Final = "for_sale"
CHANNELS: Final = "channels"
MINIMUM_AGE: Final = "minimum_age"

# Candidate files.
RANK: Final = "rank"
SCORE: Final = "score"
RETRIEVAL_RANK: Final = "retrieval_rank"
RANKING_SCORE: Final = "ranking_score"
SOURCES: Final = "sources"
SOURCE_RANKS: Final = "source_ranks"
SOURCE_SCORES: Final = "source_scores"

# Descriptive columns of customers and articles, by feature name with the raw name. Columns that are not required may be
# absent from the raw files; their values are null.
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

# Lengths of the windows, in days: whole weeks, so that every weekday counts equally often.
DAY: Final = 1
WEEK: Final = 7
MONTH: Final = 28
QUARTER: Final = 91

# Maximum lengths of lists of the most recent items and of the most frequent categories.
MAX_RECENT_ITEMS: Final = 128
MAX_BOUGHT_ITEMS: Final = 2_000
MAX_LATELY_ITEMS: Final = 1_000
MAX_TASTES: Final = 50

# Most candidates per user: the lists of a block of users take 80 bytes per candidate, 400 MB per block.
MAX_CANDIDATES: Final = 5_000

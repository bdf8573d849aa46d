"""Display names of the demo data's products, as SQL over the package's table `products`.

Products have no names, only a type ("SFT DRNK SNGL SRV BTL CARB (EX"), a package size and a manufacturer, which many
products share. A name is the readable form of all three, with a number if it would not be unique: "Soft drink single
serve, 20 oz, brand 103 #19". Names are for display only: no service but `item_card_v1` reads them.
"""

from typing import Final

MAX_LENGTH: Final = 45  # characters; a type is cut at a word to fit

# Abbreviations of product types, as whole words.
_WORDS: Final = {
    "brd": "bread",
    "btl": "bottle",
    "btr": "butter",
    "catfd": "cat food",
    "chix": "chicken",
    "choc": "chocolate",
    "crbntd": "carbonated",
    "dnrs": "dinners",
    "dogfd": "dog food",
    "drnk": "drink",
    "drnking": "drinking",
    "fd": "food",
    "flvrd": "flavored",
    "frz": "frozen",
    "frzn": "frozen",
    "gds": "goods",
    "grnd": "ground",
    "mlt": "multi",
    "mneral": "mineral",
    "pkg": "package",
    "plstc": "plastic",
    "prem": "premium",
    "prep": "prepared",
    "sft": "soft",
    "sgl": "single",
    "sngl": "single",
    "srv": "serve",
    "sv": "serve",
    "sw": "sweet",
    "whl": "whole",
    "wtr": "water",
}
_NUMBER_LENGTH: Final = 4  # " #12"; a third digit exceeds the length


def _replaced(text: str, *replacements: tuple[str, str]) -> str:
    """SQL that replaces regular expressions in an SQL text, one after another."""
    for pattern, replacement in replacements:
        text = f"regexp_replace({text}, '{pattern}', '{replacement}', 'g')"
    return text


# The category where the type is missing; without remarks in parentheses, which the package cuts off at 30 characters.
_TYPE: Final = _replaced(
    "lower(trim(coalesce(product_type, product_category)))",
    (r"(.)\s*\(.*$", r"\1"),
    (r"\s*([:/])\s*", r"\1 "),
    (r"/ ", "/"),
    (r"\s+", " "),
    *((rf"\b{word}\b", full) for word, full in _WORDS.items()),
    (r"^ss | all$", ""),
)
# "L     8 OZ" is 8 oz, "(600) 4 LB" 4 lb and "1 DZ" 1 dozen; "974246  PK" is no size.
_SIZE: Final = _replaced(
    "regexp_extract(lower("
    + _replaced("package_size", (r"\s+", " "))
    + r"), '(^|[^0-9./-])((\d{1,4} )?(\d{1,4}|\.\d{1,2})([./-]\d{1,4}){0,3} [a-z ]+)$', 2)",
    (r"\bga$", "gal"),
    (r"\bdz$", "dozen"),
)
_BRAND: Final = "CASE brand WHEN 'Private' THEN 'store brand' ELSE 'brand ' || manufacturer_id END"

NAMES: Final = f"""
    SELECT product_id, name || CASE WHEN same > 1 THEN ' #' || number ELSE '' END AS name
    FROM (
        SELECT product_id, name, count(*) OVER (PARTITION BY name) AS same,
               row_number() OVER (PARTITION BY name ORDER BY product_id) AS number
        FROM (
            SELECT product_id, upper(left(type, 1)) || substr(
                       CASE WHEN length(type) <= room THEN type
                       ELSE regexp_replace(left(type, room + 1), '[^a-z0-9]+[a-z0-9]*$', '') END, 2
                   ) || details AS name
            FROM (
                SELECT *, {MAX_LENGTH - _NUMBER_LENGTH} - length(details) AS room
                FROM (
                    SELECT product_id, {_TYPE} AS type, concat(', ' || nullif({_SIZE}, ''), ', ' || {_BRAND}) AS details
                    FROM products
                )
            )
        )
    )
"""

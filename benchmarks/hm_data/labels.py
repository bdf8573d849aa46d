"""Names of the categories of the generated catalogue, and how departments belong to them.

The numbers of values are close to those of the H&M catalogue; the names are this project's own.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Index:
    """One index of the catalogue, such as menswear.

    Attributes:
        code: letter, as in `index_code`.
        name: as in `index_name`.
        short: for the names of departments and sections.
        group: position in `INDEX_GROUPS`.
        share: of the articles.
        departments: number of departments.
        sections: number of sections.
        garment_groups: positions in `GARMENT_GROUPS` of its departments.
    """

    code: str
    name: str
    short: str
    group: int
    share: float
    departments: int
    sections: int
    garment_groups: tuple[int, ...]


INDEX_GROUPS: Final = ("Womenswear", "Young Fashion", "Menswear", "Baby and Children", "Sportswear")
INDEX_GROUP_NUMBERS: Final = (1, 2, 3, 4, 26)
GARMENT_GROUPS: Final = (
    "Jersey Plain", "Jersey Print", "Knits", "Blouses", "Shirts", "Trousers", "Jeans", "Dresses", "Skirts", "Shorts",
    "Jackets", "Suits", "Swim", "Underwear", "Sleepwear", "Socks", "Shoes", "Bags", "Jewellery", "Small Accessories",
    "Offers",
)  # fmt: skip
_CLOTHES: Final = (0, 1, 2, 3, 5, 7, 10, 6, 8, 9, 4, 11, 20)
_KIDS: Final = (0, 1, 2, 5, 10, 7, 6, 9, 14, 4)
INDICES: Final = (
    Index("A", "Womenswear", "Women", 0, 0.246, 52, 13, (*_CLOTHES, 14, 15)),
    Index("B", "Lingerie and Tights", "Lingerie", 0, 0.064, 13, 3, (13, 14, 15, 12)),
    Index("C", "Women Accessories", "Women Acc", 0, 0.066, 20, 3, (19, 18, 17, 16)),
    Index("D", "Young Fashion", "Young", 1, 0.144, 54, 8, (*_CLOTHES, 19, 16)),
    Index("F", "Menswear", "Men", 2, 0.119, 55, 13, (0, 1, 2, 4, 5, 6, 9, 10, 11, 13, 15, 16, 19, 20)),
    Index("G", "Baby Sizes", "Baby", 3, 0.084, 21, 4, _KIDS),
    Index("H", "Children Small Sizes", "Kids", 3, 0.114, 30, 4, _KIDS),
    Index("I", "Children Large Sizes", "Teens", 3, 0.087, 23, 3, (*_KIDS, 8)),
    Index("J", "Children Accessories", "Kids Acc", 3, 0.044, 18, 2, (19, 16, 15, 12)),
    Index("S", "Sportswear", "Sport", 4, 0.032, 13, 3, (0, 1, 5, 10, 13)),
)
DEPARTMENTS: Final = sum(index.departments for index in INDICES)
SECTION_WORDS: Final = (
    "Everyday", "Basics", "Trend", "Tailored", "Premium", "Casual", "Outdoor", "Denim", "Party", "Plus", "Modern",
    "Studio", "Holiday",
)  # fmt: skip

# The product group of each garment group; then its product types, as a noun behind each of TYPE_WORDS.
PRODUCT_GROUPS: Final = (
    "Upper Body", "Upper Body", "Upper Body", "Upper Body", "Upper Body", "Lower Body", "Lower Body", "Full Body",
    "Lower Body", "Lower Body", "Outerwear", "Full Body", "Swimwear", "Underwear", "Nightwear", "Socks and Tights",
    "Shoes", "Bags", "Jewellery", "Accessories", "Items",
)  # fmt: skip
TYPE_NOUNS: Final = (
    "T-shirt", "Top", "Jumper", "Blouse", "Shirt", "Trousers", "Jeans", "Dress", "Skirt", "Shorts", "Jacket", "Blazer",
    "Swimsuit", "Bra", "Pyjamas", "Socks", "Shoe", "Bag", "Necklace", "Belt", "Set",
)  # fmt: skip
TYPE_WORDS: Final = ("Classic", "Slim", "Wide", "Short", "Long", "Light")
# Cosine amplitude of the seasons on the logarithm of sales; positive means that summer is the season.
SUMMER: Final = (
    0.2, 0.1, -0.9, 0.3, 0.0, 0.0, -0.1, 0.8, 0.6, 1.5, -1.2, -0.1, 1.6, 0.0, -0.2, -0.5, 0.0, 0.1, 0.1, -0.2, 0.0,
)  # fmt: skip
# The median list price of each garment group, in units of the shop's currency.
LIST_PRICES: Final = (9, 12, 23, 18, 20, 22, 27, 25, 18, 14, 40, 45, 14, 12, 18, 7, 27, 18, 7, 9, 9)

APPEARANCES: Final = (
    "Solid", "All over", "Melange", "Striped", "Denim wash", "Front motif", "Small motif", "Checked", "Two-tone",
    "Lace", "Embroidered", "Ribbed", "Dotted", "Glitter", "Mixed", "Washed", "Jacquard", "Metallic", "Mesh", "Sequin",
    "Appliqué", "Textured", "Contrast", "Photo", "Chambray", "Neon", "Slub", "Sheer", "Diamond", "Unknown",
)  # fmt: skip
COLOUR_MASTERS: Final = (
    "Black", "Blue", "White", "Pink", "Grey", "Red", "Beige", "Green", "Khaki", "Yellow", "Orange", "Brown", "Purple",
    "Turquoise", "Gold", "Silver", "Multi", "Unknown",
)  # fmt: skip
SHADES: Final = ("", "Dark ", "Light ")
COLOURS: Final = len(SHADES) * 16 + 2  # the last two masters have no shades
COLOUR_VALUES: Final = ("Medium", "Bright", "Dark", "Deep", "Light", "Dusty", "Undefined", "Unknown")
NAME_STARTS: Final = (
    "Al", "Be", "Ca", "Da", "El", "Fi", "Gre", "Ha", "In", "Jo", "Ka", "Lu", "Ma", "No", "Or", "Pe", "Ro", "Sa", "Ti",
    "Vi",
)  # fmt: skip
NAME_MIDDLES: Final = ("", "la", "ri", "ne", "do", "sta", "mi", "va")
NAME_ENDS: Final = (
    "bel", "cia", "dor", "fine", "gan", "len", "lo", "mina", "na", "nette", "ra", "rell", "ri", "sby", "sia", "ston",
    "tty", "vana", "vis", "zo",
)  # fmt: skip
MATERIALS: Final = ("cotton jersey", "a cotton weave", "a fine knit", "satin", "linen", "denim", "twill", "mesh")
DETAILS: Final = ("a round neck", "pockets", "an elastic waist", "buttons", "a zip", "a lining", "seams", "a print")


@dataclass(frozen=True, eq=False)
class Departments:
    """The categories of each department, all of shape (DEPARTMENTS,).

    Attributes:
        index: position in `INDICES`.
        garment_group: position in `GARMENT_GROUPS`.
        section: number of the section within its index, from 0.
        name: several departments of one index and garment group may share a name.
    """

    index: NDArray[np.int16]
    garment_group: NDArray[np.int16]
    section: NDArray[np.int16]
    name: tuple[str, ...]


def departments() -> Departments:
    """Return the departments, which are the same in every catalogue."""
    rows = [
        (position, index.garment_groups[number % len(index.garment_groups)], number % index.sections, number)
        for position, index in enumerate(INDICES)
        for number in range(index.departments)
    ]
    names = []
    for position, garment_group, _, number in rows:
        index = INDICES[position]
        version = min(number // len(index.garment_groups), 2)
        names.append(f"{index.short} {GARMENT_GROUPS[garment_group]}{f' {version + 1}' if version else ''}")
    columns = np.array([row[:3] for row in rows], np.int16).T
    return Departments(columns[0], columns[1], columns[2], tuple(names))

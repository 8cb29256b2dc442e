"""What fills the gaps of a request: places, times, names, kinds of food.

Knows no templates beyond the marks ``#DOMAIN-ACT-SLOT#`` they use.
"""

from __future__ import annotations

import random
import re

_SLOT = re.compile(r"#[A-Z]+-[A-Z]+-([A-Z]+)#")

_CITIES = (
    "cambridge", "london kings cross", "norwich", "ely", "stevenage", "broxbourne",
    "birmingham new street", "leicester",
    "manchester", "stansted airport", "oxford", "leeds", "san francisco", "chicago", "new york",
    "toronto", "the airport",
)  # fmt: skip
_TIMES = (
    "5:30", "noon", "seven o'clock", "half past eight", "a quarter to nine", "17:15",
    "ten in the morning", "6 pm",
    "eleven thirty", "three fifteen", "9:45", "midnight", "8 am", "two in the afternoon",
)  # fmt: skip
_DAYS = (
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "tomorrow",
    "next friday",
    "the twelfth of may", "saturday night",
)  # fmt: skip
_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "2", "3", "5")
_AREAS = ("centre", "north", "south", "east", "west", "old town", "city center", "downtown area")
_PRICES = ("cheap", "moderate", "expensive", "reasonable", "mid-range", "inexpensive")
_NAMES = (
    "the golden wok", "pizza hut", "the gardenia", "the university arms", "saint john's college",
    "the blue lagoon",
    "la margherita", "the rice house", "the riverside inn", "the fitzwilliam museum",
    "alexander's", "the grand hotel",
)  # fmt: skip
_FOODS = (
    "chinese", "italian", "indian", "british", "thai", "french", "korean", "mediterranean",
    "spanish", "vegetarian",
    "portuguese", "seafood", "mexican", "japanese", "gastropub",
)  # fmt: skip
_KINDS = (
    "museum",
    "park",
    "theatre",
    "guesthouse",
    "hotel",
    "college",
    "nightclub",
    "swimming pool",
    "cinema",
    "gallery",
)
_DEPARTMENTS = (
    "children's surgery",
    "cardiology",
    "the emergency room",
    "oncology",
    "physiotherapy",
)

_FILLS: dict[str, tuple[str, ...]] = {
    "AREA": _AREAS,
    "ARRIVE": _TIMES,
    "DAY": _DAYS,
    "DEPART": _CITIES,
    "DEPARTMENT": _DEPARTMENTS,
    "DEST": _CITIES,
    "FOOD": _FOODS,
    "LEAVE": _TIMES,
    "NAME": _NAMES,
    "PEOPLE": _NUMBERS,
    "PRICE": _PRICES,
    "STARS": _NUMBERS,
    "STAY": _NUMBERS,
    "TIME": _TIMES,
    "TYPE": _KINDS,
}


def filled(template: str, rng: random.Random) -> str:
    """``template`` with every slot filled; one of an unknown name becomes a number."""
    return _SLOT.sub(lambda found: rng.choice(_FILLS.get(found[1], _NUMBERS)), template)

"""Country calling codes: which one a phone number begins with."""

from typing import Final

# No code begins with another one, so a number has one at most. +1 and +7 are shared by several countries.
# Source: ITU-T E.164 list of assigned country codes; read 2026-11.
ONE_DIGIT: Final = "17"
# By the first digit, which second ones make a code; by the first two, which third ones do.
TWO_DIGITS: Final = {
    "2": "07",
    "3": "0123469",
    "4": "013456789",
    "5": "12345678",
    "6": "0123456",
    "8": "1246",
    "9": "0123458",
}
THREE_DIGITS: Final = {
    "21": "12368",
    "22": "0123456789",
    "23": "0123456789",
    "24": "0123456789",
    "25": "012345678",
    "26": "0123456789",
    "29": "01789",
    "35": "0123456789",
    "37": "0123456789",
    "38": "01235679",
    "42": "013",
    "50": "0123456789",
    "59": "0123456789",
    "67": "023456789",
    "68": "012356789",
    "69": "012",
    "80": "08",
    "85": "02356",
    "87": "08",
    "88": "01236",
    "96": "012345678",
    "97": "012345679",
    "99": "234568",
}

# Source: ITU-T E.164: a number has at most 15 digits. What is shorter than 5 is no subscriber's.
SHORTEST: Final = 5
LONGEST: Final = 15


def calling_code(digits: str) -> str | None:
    """The calling code of an international number in digits, without a plus; None for anything else."""
    if not (SHORTEST <= len(digits) <= LONGEST and digits.isdecimal()):
        return None
    if digits[0] in ONE_DIGIT:
        return digits[0]
    if digits[1] in TWO_DIGITS.get(digits[0], ""):
        return digits[:2]
    return digits[:3] if digits[2] in THREE_DIGITS.get(digits[:2], "") else None

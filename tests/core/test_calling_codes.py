"""A number's calling code is found by its first digits."""

from itertools import product

import pytest

from wamon.core.calling_codes import calling_code


@pytest.mark.parametrize(
    ("digits", "code"),
    [
        ("15550100234", "1"),
        ("77010001234", "7"),
        ("27821234567", "27"),
        ("4917612345678", "49"),
        ("5511912345678", "55"),
        ("919876543210", "91"),
        ("250788123200", "250"),
        ("972501234567", "972"),
        ("35312345678", "353"),
        ("88012345678", "880"),
        ("68312", "683"),
    ],
)
def test_code_is_what_the_number_begins_with(digits: str, code: str) -> None:
    assert calling_code(digits) == code


@pytest.mark.parametrize(
    "digits",
    [
        "",
        "1555",
        "1" * 16,
        "+15550100234",
        "1 555 010 0234",
        "US.13491208655302741918",
        "٤٩١٧٦١٢٣٤٥٦٧",
        "00491761234567",
    ],
)
def test_what_is_no_international_number_has_none(digits: str) -> None:
    assert calling_code(digits) is None


@pytest.mark.parametrize("digits", ["21012345678", "25912345678", "38412345678", "69912345678", "99912345678"])
def test_number_under_no_assigned_code_has_none(digits: str) -> None:
    assert calling_code(digits) is None


def test_codes_are_bounded_in_number_and_none_begins_with_another() -> None:
    starts = ("".join(each) for each in product("0123456789", repeat=3))

    codes = {code for start in starts if (code := calling_code(start + "5550100"))}

    assert 200 < len(codes) < 230
    assert not [(one, other) for one in codes for other in codes if one != other and other.startswith(one)]

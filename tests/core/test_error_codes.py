"""Meta's error codes: the table against the facts, and what a Graph call concludes from a code."""

from collections import Counter

import pytest

from wamon.core.error_codes import (
    ALL,
    SOURCE,
    Bounce,
    ErrorClass,
    ErrorCode,
    GraphFaultKind,
    Owner,
    classify_fault,
    lookup,
)

# Every code that the facts name, each under the class that they give it (first letter of the column "class").
CLASSES = {
    ErrorClass.TOKEN: {0, 3, 10, 102, 104, 190, *range(200, 300), 131005},
    ErrorClass.THROTTLE: {4, 17, 32, 341, 613, *range(80000, 80100), 130429, 131048, 131056, 133016},
    ErrorClass.PLATFORM: {1, 2, 131000, 131016, 131057, 133004, 2494100},
    ErrorClass.RECIPIENT: {130403, 130472, 131026, 131030, 131043, 131049, 131050, 137000},
    ErrorClass.SENDER: {
        *(33, 368, 130497, 131031, 131037, 131042, 131044, 131045, 131064),
        *(133010, 134011, 139000, 141006, 141010, 141014),
    },
    ErrorClass.MEDIA: {131052, 131053},
    ErrorClass.TEMPLATE: {
        *(131063, 132000, 132001, 132005, 132007, 132008, 132012, 132015, 132016, 132018),
        *(134100, 134101, 134102, 141002, 2388019),
        *(2388039, 2388040, 2388047, 2388072, 2388073, 2388293, 2388299),
    },
    ErrorClass.FLOW: {132068, 132069, 139001, 139002, 139003, 139004},
    ErrorClass.REGISTRATION: {
        *(133000, 133005, 133006, 133008, 133009, 133015, 136024),
        *(2388012, 2388091, 2388093, 2388103, 2593107, 2593108),
    },
    ErrorClass.CALLING: {*range(138000, 138019), 138024, 138025},
    ErrorClass.REQUEST: {
        *(100, 192, 803, 131008, 131009, 131021, 131047, 131051, 131055, 131062, 135000, 1752041),
        *(200005, 200006, 200007, 131020, 131041, 131059, *range(131201, 131216)),
        *(139100, 139101, 139102, 139103, *range(147001, 147006)),
    },
}


@pytest.mark.parametrize(
    ("code", "error_class"), [(code, error_class) for error_class, codes in CLASSES.items() for code in sorted(codes)]
)
def test_every_code_of_the_facts_is_found_under_its_class(code: int, error_class: ErrorClass) -> None:
    row = lookup(code)

    assert row is not None
    assert row.code <= code <= row.last_code
    assert row.error_class is error_class


def test_table_holds_no_code_beyond_the_facts() -> None:
    listed = set().union(*CLASSES.values())

    assert {code for row in ALL for code in range(row.code, row.last_code + 1)} == listed


def test_each_code_has_exactly_one_row() -> None:
    keys = Counter((row.code, row.last_code, row.subcode) for row in ALL)

    assert [key for key, count in keys.items() if count > 1] == []


def test_ranges_do_not_overlap() -> None:
    ranges = [(row.code, row.last_code) for row in ALL if row.last_code != row.code]

    assert ranges == [(200, 299), (80000, 80099)]


@pytest.mark.parametrize("row", ALL, ids=lambda row: row.label)
def test_texts_are_whole_sentences_and_titles_are_short(row: ErrorCode) -> None:
    assert 0 < len(row.title) < 60
    assert not row.title.endswith(".")
    for text in (row.meaning, row.cause, row.fix):
        assert text == text.strip()
        assert len(text) > 5
        assert text.endswith(".")


@pytest.mark.parametrize(
    ("code", "bounce"),
    [
        (131026, Bounce.HARD),
        (131050, Bounce.HARD),
        (130403, Bounce.HARD),
        (131049, Bounce.SOFT),
        (130472, Bounce.SOFT),
        (131043, Bounce.SOFT),
        (137000, Bounce.SOFT),
    ],
)
def test_bounces_are_those_of_the_facts(code: int, bounce: Bounce) -> None:
    row = lookup(code)

    assert row is not None
    assert row.bounce is bounce


def test_no_other_code_bounces() -> None:
    bouncing = {row.code for row in ALL if row.bounce is not Bounce.NONE}

    assert bouncing == {131026, 131050, 130403, 131049, 130472, 131043, 137000}


def test_calling_errors_say_nothing_about_messaging() -> None:
    calling = {row.error_class for row in ALL if 138000 <= row.code <= 138999}

    assert calling == {ErrorClass.CALLING}


@pytest.mark.parametrize(
    ("code", "owner"),
    [
        (2, Owner.META),
        (190, Owner.META_ADMIN),
        (131008, Owner.US),
        (131026, Owner.RECIPIENT),
        (131042, Owner.FINANCE),
        (132015, Owner.MARKETING),
        (138008, Owner.UNKNOWN),
    ],
)
def test_owner_is_whoever_can_act(code: int, owner: Owner) -> None:
    row = lookup(code)

    assert row is not None
    assert row.owner is owner


def test_at_most_a_dozen_classes_since_they_label_a_metric() -> None:
    assert len(ErrorClass) <= 12
    assert {row.error_class for row in ALL} == set(ErrorClass) - {ErrorClass.UNKNOWN}


@pytest.mark.parametrize("subcode", [458, 459, 460, 463, 464, 467, 492])
def test_subcodes_of_190_have_rows_of_their_own(subcode: int) -> None:
    row = lookup(190, subcode)

    assert row is not None
    assert row.subcode == subcode
    assert row.label == f"190/{subcode}"


def test_subcode_without_a_row_falls_back_to_the_code() -> None:
    row = lookup(190, 999)

    assert row is not None
    assert row.label == "190"
    assert row.subcode is None


def test_single_row_wins_over_the_range_around_it() -> None:
    labels = [row.label for code in (200, 201, 80007, 80014) if (row := lookup(code))]

    assert labels == ["200", "200-299", "80007", "80000-80099"]


@pytest.mark.parametrize("code", [-1, 5, 199, 300, 79999, 80100, 131027, 138019, 999999])
def test_code_that_the_table_lacks_is_not_found(code: int) -> None:
    assert lookup(code) is None


def test_table_is_in_order_and_says_where_it_comes_from() -> None:
    assert [row.code for row in ALL] == sorted(row.code for row in ALL)
    assert "2026-09" in SOURCE


@pytest.mark.parametrize(
    ("code", "subcode", "kind"),
    [
        (190, None, GraphFaultKind.TOKEN),
        (190, 463, GraphFaultKind.TOKEN),
        (190, 999, GraphFaultKind.TOKEN),
        (0, None, GraphFaultKind.TOKEN),
        (102, None, GraphFaultKind.TOKEN),
        (3, None, GraphFaultKind.PERMISSION),
        (10, None, GraphFaultKind.PERMISSION),
        (200, None, GraphFaultKind.PERMISSION),
        (299, None, GraphFaultKind.PERMISSION),
        (131005, None, GraphFaultKind.PERMISSION),
        (100, 33, GraphFaultKind.ASSET),
        (33, None, GraphFaultKind.ASSET),
        (803, None, GraphFaultKind.ASSET),
        (803, 2446079, GraphFaultKind.ASSET),
        (4, None, GraphFaultKind.THROTTLED),
        (17, None, GraphFaultKind.THROTTLED),
        (32, None, GraphFaultKind.THROTTLED),
        (341, None, GraphFaultKind.THROTTLED),
        (613, None, GraphFaultKind.THROTTLED),
        (613, 1996, GraphFaultKind.THROTTLED),
        (80000, None, GraphFaultKind.THROTTLED),
        (80007, 2446079, GraphFaultKind.THROTTLED),
        (80008, None, GraphFaultKind.THROTTLED),
        (80099, None, GraphFaultKind.THROTTLED),
        (130429, None, GraphFaultKind.THROTTLED),
        (131056, None, GraphFaultKind.THROTTLED),
        (1, None, GraphFaultKind.TRANSIENT),
        (2, None, GraphFaultKind.TRANSIENT),
        (131000, None, GraphFaultKind.TRANSIENT),
        (131016, None, GraphFaultKind.TRANSIENT),
        (131057, None, GraphFaultKind.TRANSIENT),
        (100, None, GraphFaultKind.REFUSED),
        (100, 2388019, GraphFaultKind.REFUSED),
        (104, None, GraphFaultKind.REFUSED),
        (368, None, GraphFaultKind.REFUSED),
        (131009, None, GraphFaultKind.REFUSED),
        (131031, None, GraphFaultKind.REFUSED),
        (200007, None, GraphFaultKind.REFUSED),
        (138000, None, GraphFaultKind.REFUSED),
        (424242, None, GraphFaultKind.UNKNOWN),
        (None, None, GraphFaultKind.UNKNOWN),
    ],
)
def test_fault_follows_from_the_code(code: int | None, subcode: int | None, kind: GraphFaultKind) -> None:
    assert classify_fault(code, subcode, http_status=400, is_transient=False) is kind


@pytest.mark.parametrize("http_status", [200, 400, 401, 403, 404, 429, 500, 503])
def test_status_does_not_change_what_a_known_code_says(http_status: int) -> None:
    kinds = [
        classify_fault(code, subcode, http_status=http_status, is_transient=False)
        for code, subcode in [(190, None), (3, None), (100, 33), (80007, None), (100, None), (2, None)]
    ]

    assert kinds == [
        GraphFaultKind.TOKEN,
        GraphFaultKind.PERMISSION,
        GraphFaultKind.ASSET,
        GraphFaultKind.THROTTLED,
        GraphFaultKind.REFUSED,
        GraphFaultKind.TRANSIENT,
    ]


@pytest.mark.parametrize("code", [0, 10, 33, 100, 190, 200, 131031, 424242, None])
def test_answer_marked_transient_is_never_a_denial(code: int | None) -> None:
    assert classify_fault(code, None, http_status=400, is_transient=True) is GraphFaultKind.TRANSIENT


def test_throttle_stays_a_throttle_when_marked_transient() -> None:
    assert classify_fault(4, None, http_status=400, is_transient=True) is GraphFaultKind.THROTTLED


@pytest.mark.parametrize("code", [None, 424242])
@pytest.mark.parametrize(
    ("http_status", "kind"),
    [
        (429, GraphFaultKind.THROTTLED),
        (500, GraphFaultKind.TRANSIENT),
        (502, GraphFaultKind.TRANSIENT),
        (599, GraphFaultKind.TRANSIENT),
        (401, GraphFaultKind.UNKNOWN),
        (404, GraphFaultKind.UNKNOWN),
        (200, GraphFaultKind.UNKNOWN),
    ],
)
def test_status_decides_only_without_a_known_code(code: int | None, http_status: int, kind: GraphFaultKind) -> None:
    assert classify_fault(code, None, http_status=http_status, is_transient=False) is kind

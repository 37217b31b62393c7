"""The pages of alerts: what they show, and that their forms do what they say for whom they should."""

import re
from datetime import timedelta

import pytest

from tests.core.telling import CAUSE, number
from tests.operators import Floor
from tests.web.paging import HOST, Reader, words


def a_floor() -> Floor:
    """One number is YELLOW, one is RED, and people know."""
    floor = Floor()
    floor.see("YELLOW", number(0))
    floor.see("RED", number(1))
    floor.passes(timedelta(minutes=1))
    return floor


@pytest.fixture
def reader() -> Reader:
    return Reader(a_floor())


def id_of(reader: Reader, phone_number_id: str) -> str:
    (found,) = [
        each.id for each in reader.floor.operations.alerts() if each.labels.get("phone_number_id") == phone_number_id
    ]
    return found


def overlays(reader: Reader, phone_number_id: str) -> list[tuple[str, str]]:
    (found,) = [
        each for each in reader.floor.operations.alerts() if each.labels.get("phone_number_id") == phone_number_id
    ]
    return [(each.kind, each.by) for each in found.overlays]


# --- what is shown ----------------------------------------------------------------------------------------------------


def test_open_alerts_are_listed_worst_first(reader: Reader) -> None:
    text = words(reader.get("/alerts"))

    assert text.index("critical is RED") < text.index("warning is YELLOW")
    assert "2 alerts, worst first" in text
    assert "Nothing is silenced." in text


@pytest.mark.parametrize(
    ("query", "shown", "not_shown"),
    [
        ("?severity=critical", "is RED", "is YELLOW"),
        ("?q=yellow", "is YELLOW", "is RED"),
        ("?q=201", "is RED", "is YELLOW"),
        ("?q=number%20200", "is YELLOW", "is RED"),
        ("?page=7", "is YELLOW", "nothing"),
        ("?page=\u00b2", "is YELLOW", "nothing"),
    ],
)
def test_alerts_are_searched_and_filtered(reader: Reader, query: str, shown: str, not_shown: str) -> None:
    text = words(reader.get(f"/alerts{query}"))

    assert shown in text
    assert not_shown not in text


def test_search_that_finds_nothing_says_so(reader: Reader) -> None:
    text = words(reader.get("/alerts?q=nowhere"))

    assert "0 of 2 alerts" in text
    assert "None of the 2 alerts fits." in text


def test_many_alerts_come_in_pages() -> None:
    floor = Floor()
    floor.see("YELLOW", *(number(n) for n in range(150)))
    reader = Reader(floor)

    first, second = reader.get("/alerts?q=phone"), reader.get("/alerts?q=phone&page=2")

    assert first.count('<tr id="alert-') == 100
    assert second.count('<tr id="alert-') == 50
    assert 'rel="next" href="/alerts?q=phone&amp;page=2"' in first
    assert "101 to 150 of 150" in second


def test_one_alert_tells_its_story_and_what_may_be_done(reader: Reader) -> None:
    text = words(reader.get(f"/alerts/{id_of(reader, '201')}"))

    assert text.startswith("is RED critical · phone number 201")
    assert "2026-11-22 10:00:00 UTC open · critical" in text
    assert "everything about this number everything about this account this kind of alert" in text


def test_ended_alert_is_still_there(reader: Reader) -> None:
    ended = id_of(reader, "200")
    reader.floor.see("GREEN", number(0))
    reader.floor.see("GREEN", number(0), after=60)

    assert "warning, ended" in words(reader.get(f"/alerts/{ended}"))
    assert ended not in reader.get("/alerts")
    assert ended in reader.get("/alerts?all=1")


def test_alert_that_is_not_there_is_404_and_names_the_next_step(reader: Reader) -> None:
    answer = reader.ask("GET", "/alerts/ffffffffffff")

    assert answer.status_code == 404
    assert "There is no alert 'ffffffffffff'" in words(answer.text)


def test_cause_of_an_inhibited_alert_is_linked() -> None:
    floor = Floor(CAUSE)
    floor.cause("BAD")
    reader = Reader(floor)

    assert "is the cause" in words(reader.get("/alerts"))


def test_what_others_wrote_is_text_and_nothing_else(reader: Reader) -> None:
    reader.send("/silences", matchers="waba_id=<b>", reason="<script>alert(1)</script>", lasts="1h", name='"><i>')

    page = reader.get("/alerts")

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<i>" not in page


def test_page_holds_no_inline_style_or_script(reader: Reader) -> None:
    for path in ("/alerts", f"/alerts/{id_of(reader, '201')}", "/silences/new", "/runbooks"):
        page = reader.get(path)

        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?! src=\"/static/)", page), path
        assert "://" not in page, path


# --- what is done -----------------------------------------------------------------------------------------------------


def test_acknowledging_goes_back_to_where_the_form_was(reader: Reader) -> None:
    answer = reader.send(
        f"/alerts/{id_of(reader, '201')}/acknowledge", came_from="/alerts?q=red&did=closed", name="Kim", act="a1"
    )

    assert (answer.status_code, answer.headers["location"]) == (303, "/alerts?q=red&did=acknowledged")
    assert overlays(reader, "201") == [("acknowledged", "Kim")]
    assert "Acknowledged: nobody is reminded" in words(reader.get(answer.headers["location"]))


def test_who_signed_in_acts_in_their_own_name() -> None:
    reader = Reader(a_floor(), user="mira")

    page = reader.get(f"/alerts/{id_of(reader, '201')}")
    reader.send(f"/alerts/{id_of(reader, '201')}/acknowledge", name="Kim")

    assert 'name="name"' not in page
    assert "you are mira" in page
    assert overlays(reader, "201") == [("acknowledged", "mira")]


def test_nameless_act_is_somebodys(reader: Reader) -> None:
    reader.send(f"/alerts/{id_of(reader, '201')}/acknowledge", name="  ")

    assert overlays(reader, "201") == [("acknowledged", "someone at the page")]


def test_same_form_sent_twice_acts_once(reader: Reader) -> None:
    for _ in range(2):
        answer = reader.send("/silences", matchers="waba_id=100", reason="move", lasts="1h", name="Kim", act="same")

        assert answer.headers["location"] == "/alerts?did=silenced#silences"
    assert len(reader.floor.operations.silences()) == 1


@pytest.mark.parametrize(
    ("scope", "matchers"),
    [
        ("alert", ('phone_number_id="201"', 'rule="Bad"', 'waba_id="100"')),
        ("number", ('phone_number_id="201"',)),
        ("account", ('waba_id="100"',)),
        ("rule", ('rule="Bad"',)),
    ],
)
def test_alert_is_silenced_as_widely_as_wanted(reader: Reader, scope: str, matchers: tuple[str, ...]) -> None:
    target = id_of(reader, "201")

    answer = reader.send(
        f"/alerts/{target}/silence", came_from=f"/alerts/{target}", scope=scope, lasts="3d", reason="move", name="Kim"
    )

    (silence,) = reader.floor.operations.silences()
    assert answer.headers["location"] == f"/alerts/{target}?did=silenced"
    assert tuple(sorted(silence.matchers)) == tuple(each.replace('"', "") for each in matchers)
    assert silence.ends_at - silence.starts_at == timedelta(days=3)
    assert (silence.author, silence.reason) == ("Kim", "move")


def test_silence_is_ended(reader: Reader) -> None:
    reader.floor.silence("waba_id=100", name="5111ce")
    (silence,) = reader.floor.operations.silences()

    answer = reader.send(f"/silences/{silence.id}/end", name="Kim")

    assert answer.headers["location"] == "/alerts?did=ended"
    assert reader.floor.operations.silences() == ()


def test_preview_shows_what_would_be_hidden_and_changes_nothing(reader: Reader) -> None:
    text = words(reader.get("/silences/new?matchers=phone_number_id%3D201%0D%0Awaba_id%3D100"))

    assert "1 open alert critical is RED" in text
    assert reader.floor.operations.silences() == ()


def test_alert_is_closed_with_its_reason(reader: Reader) -> None:
    target = id_of(reader, "201")

    answer = reader.send(f"/alerts/{target}/close", came_from=f"/alerts/{target}", reason="given up", name="Kim")

    assert answer.headers["location"] == f"/alerts/{target}?did=closed"
    assert [each.id for each in reader.floor.operations.alerts()] == [id_of(reader, "200")]


# --- what is refused --------------------------------------------------------------------------------------------------


def test_what_cannot_be_comes_back_with_what_was_typed(reader: Reader) -> None:
    target = id_of(reader, "201")

    answer = reader.send(f"/alerts/{target}/silence", scope="number", lasts="7d", reason="", name="Kim")

    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert '<option value="number" selected>' in answer.text
    assert '<option value="7d" selected>' in answer.text
    assert 'value="Kim"' in answer.text


@pytest.mark.parametrize(
    ("fields", "words_of_error"),
    [
        ({"matchers": "a", "lasts": "1h", "reason": "r"}, "'a' is not a matcher"),
        ({"matchers": "a=b", "lasts": "soon", "reason": "r"}, "it is not said for how long"),
        ({"matchers": "a=b", "lasts": "99d", "reason": "r"}, "30"),
        ({"matchers": "", "lasts": "1h", "reason": "r"}, ""),
    ],
)
def test_silence_that_cannot_be_says_why(reader: Reader, fields: dict[str, str], words_of_error: str) -> None:
    answer = reader.send("/silences", **fields)

    assert answer.status_code == 400
    assert words_of_error in words(answer.text)
    assert reader.floor.operations.silences() == ()


def test_unknown_scope_silences_nothing(reader: Reader) -> None:
    answer = reader.send(f"/alerts/{id_of(reader, '201')}/silence", scope="all", lasts="1h", reason="r")

    assert answer.status_code == 400
    assert reader.floor.operations.silences() == ()


def test_store_that_refuses_is_503_and_nothing_changes(reader: Reader) -> None:
    reader.floor.refuses = True

    answer = reader.send(f"/alerts/{id_of(reader, '201')}/acknowledge", name="Kim")

    assert answer.status_code == 503
    assert overlays(reader, "201") == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example:9877", "Origin": "http://evil.example:9877", "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_form_of_another_site_changes_nothing(reader: Reader, headers: dict[str, str]) -> None:
    answer = reader.send(f"/alerts/{id_of(reader, '201')}/acknowledge", headers=headers, name="Kim")

    assert answer.status_code == 403
    assert overlays(reader, "201") == []


@pytest.mark.parametrize(("hosts", "user"), [(("wamon.example",), ""), ((), "mira")])
def test_form_is_taken_under_the_name_of_our_page_and_from_who_signed_in(hosts: tuple[str, ...], user: str) -> None:
    reader = Reader(a_floor(), hosts=hosts, user=user)
    headers = {"Host": "wamon.example", "Origin": "https://wamon.example"}

    answer = reader.send(f"/alerts/{id_of(reader, '201')}/acknowledge", headers=headers)

    assert answer.status_code == 303
    assert len(overlays(reader, "201")) == 1


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b'{"name": "Kim"}', "application/json", 415),
        (b"name=Kim", "multipart/form-data", 415),
        (b"name=" + b"x" * 70_000, "application/x-www-form-urlencoded", 413),
        (b"&".join(b"a=b" for _ in range(50)), "application/x-www-form-urlencoded", 400),
        (b"name=\xff", "application/x-www-form-urlencoded", 400),
        (b"name=%ff", "application/x-www-form-urlencoded", 400),
    ],
)
def test_body_that_is_no_form_changes_nothing(reader: Reader, content: bytes, kind: str, status: int) -> None:
    path = f"/alerts/{id_of(reader, '201')}/acknowledge"

    answer = reader.ask("POST", path, content=content, headers={"Content-Type": kind})

    assert answer.status_code == status
    assert overlays(reader, "201") == []


@pytest.mark.parametrize(
    "referer", [f"http://{HOST}//evil.example/", "http://evil.example/alerts", "", "javascript:alert(1)", "http://["]
)
def test_nobody_is_sent_elsewhere(reader: Reader, referer: str) -> None:
    answer = reader.send(f"/alerts/{id_of(reader, '201')}/acknowledge", headers={"Referer": referer})

    assert answer.headers["location"] == "/alerts?did=acknowledged"


def test_words_of_the_address_are_not_shown(reader: Reader) -> None:
    assert "hello" not in words(reader.get("/alerts?did=hello"))


@pytest.mark.parametrize("path", ["/alerts/x/acknowledge", "/alerts/x/silence", "/alerts/x/close", "/silences"])
def test_what_changes_something_is_no_link(reader: Reader, path: str) -> None:
    assert reader.ask("GET", path).status_code == 405


def test_command_in_a_next_step_is_code_and_the_rest_is_text(reader: Reader) -> None:
    page = reader.ask("GET", "/alerts/fff%3Cb%3E").text

    assert "There is no alert &#39;fff&lt;b&gt;&#39;" in page
    assert "<code>wamon alerts list</code>" in page

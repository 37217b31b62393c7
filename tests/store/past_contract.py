"""What a store must remember of the past: markers, and all that happened as one sequence."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

import pytest

from tests.fakes import START
from tests.store.contract import CLOSE, OPEN, RAISE, ReadableStore, Run
from tests.store.samples import (
    FLAG,
    GAUGE,
    NUMBER,
    OTHER_NUMBER,
    SIGNALS,
    STATE_SET,
    alert,
    change,
    changes,
    later,
    transition,
)
from wamon.core.alerting import AlertState, Severity
from wamon.core.health import Change, Signal, Subject, Value
from wamon.core.markers import Marker, MarkerKind
from wamon.core.past import Gap, Happening, Page, PastKind, Position, Step, Wanted


class PastStore(ReadableStore, Protocol):
    """A store that tells what has happened."""

    async def past(self, signals: Mapping[str, Signal[Value]], wanted: Wanted) -> Page: ...

    async def add_marker(self, marker: Marker) -> Marker | None: ...

    async def count_markers(self, since: datetime, until: datetime) -> int: ...

    async def last_markers(self) -> Mapping[MarkerKind, datetime]: ...

    async def prune(self, before: datetime, *, limit: int = 5000) -> int: ...


def marker(marker_id: str = "m1", **other: Any) -> Marker:
    plain = Marker(id=marker_id, at=START, kind=MarkerKind.DEPLOY, title="shop 4.2", source="ci")
    return replace(plain, **other)


def past(run: Run, store: PastStore, **wanted: Any) -> list[Happening]:
    return [each for _, each in run(store.past(SIGNALS, Wanted(**wanted))).happenings]


def known_again(was: str, after: str, *, at: datetime, **other: Any) -> Change:
    """A reading that was `was` before nobody could confirm it."""
    return replace(change(None, after, at=at), known_before=was, **other)


class PastContract:
    """Mixed into a class that gives `store`."""

    def test_marker_comes_back_as_it_was(self, run: Run, store: PastStore) -> None:
        full = marker(kind=MarkerKind.CAMPAIGN, text="Größer: 50 %", link="https://ci.example.com/7", tags=("a", "b"))

        assert run(store.add_marker(full)) is None

        assert past(run, store) == [full]

    def test_marker_of_an_id_that_is_there_changes_nothing(self, run: Run, store: PastStore) -> None:
        run(store.add_marker(marker()))

        earlier = run(store.add_marker(marker(title="another", at=later(9))))

        assert earlier == marker()
        assert past(run, store) == [marker()]

    def test_half_a_character_is_no_reason_to_lose_a_marker(self, run: Run, store: PastStore) -> None:
        run(store.add_marker(marker(title="half \ud83d")))

        assert past(run, store) == [marker(title="half ?")]

    def test_latest_marker_of_each_kind(self, run: Run, store: PastStore) -> None:
        run(store.add_marker(marker("m1", at=later(5))))
        run(store.add_marker(marker("m2", at=later(1))))
        run(store.add_marker(marker("m3", at=later(3), kind=MarkerKind.NOTE)))

        assert run(store.last_markers()) == {MarkerKind.DEPLOY: later(5), MarkerKind.NOTE: later(3)}

    def test_markers_are_counted_from_one_moment_on_before_another(self, run: Run, store: PastStore) -> None:
        for minute in range(4):
            run(store.add_marker(marker(f"m{minute}", at=later(minute))))

        assert run(store.count_markers(later(1), later(3))) == 2

    def test_everything_comes_newest_first(self, run: Run, store: PastStore) -> None:
        red, opened = change("GREEN", "RED", at=later(2)), transition(OPEN, 1, at=later(3))
        run(store.commit(changes(opened, history=(red,))))
        run(store.add_marker(marker(at=later(1))))

        assert past(run, store) == [Step(transition=opened, severity_before=None), red, marker(at=later(1))]

    def test_at_one_moment_what_was_done_comes_before_what_it_did(self, run: Run, store: PastStore) -> None:
        run(store.commit(changes(transition(OPEN, 1), history=(change("GREEN", "RED"),))))
        run(store.add_marker(marker()))

        page = run(store.past(SIGNALS, Wanted()))

        kinds = [position.kind for position, _ in page.happenings]
        assert kinds == [PastKind.ALERT, PastKind.CHANGE, PastKind.MARKER]

    @pytest.mark.parametrize("limit", [1, 2, 3, 5, 12])
    def test_pages_tell_everything_once(self, run: Run, store: PastStore, limit: int) -> None:
        # Three of each at each of four moments, all of one moment at the page's edge too.
        for minute in range(4):
            opened = [transition(OPEN, 1, rule=f"r{minute}{n}", at=later(minute)) for n in range(3)]
            seen = tuple(change("GREEN", f"{minute}{n}", at=later(minute)) for n in range(3))
            run(store.commit(changes(*opened, history=seen)))
            for n in range(3):
                run(store.add_marker(marker(f"m{minute}{n}", at=later(minute))))
        whole = run(store.past(SIGNALS, Wanted()))

        told: list[tuple[Position, Happening]] = []
        before, pages = None, 0
        while pages == 0 or before is not None:
            page = run(store.past(SIGNALS, Wanted(limit=limit, before=before)))
            told += page.happenings
            before, pages = page.last, pages + 1

        assert len(whole.happenings) == 36
        assert told == list(whole.happenings)
        assert pages == -(-36 // limit)

    def test_page_that_ends_where_the_past_ends_is_the_last(self, run: Run, store: PastStore) -> None:
        for n in range(3):
            run(store.add_marker(marker(f"m{n}", at=later(n))))

        assert run(store.past(SIGNALS, Wanted(limit=3))).last is None
        assert run(store.past(SIGNALS, Wanted(limit=2))).last == Position(later(1), 0, 2)

    def test_from_one_moment_on_and_before_another(self, run: Run, store: PastStore) -> None:
        run(store.commit(changes(history=tuple(change("x", str(n), at=later(n)) for n in range(5)))))

        found = past(run, store, since=later(1), until=later(3))

        assert [each.after for each in found if isinstance(each, Change)] == ["2", "1"]

    def test_what_a_poll_finds_first_is_no_change(self, run: Run, store: PastStore) -> None:
        lost, back = change("GREEN", None, at=later(1)), known_again("GREEN", "GREEN", at=later(2))
        run(store.commit(changes(history=(change(None, "GREEN"), lost, back))))

        assert past(run, store) == [back, lost]
        assert run(store.past(SIGNALS, Wanted(limit=2))).last is None

    def test_what_a_webhook_tells_first_is_a_change(self, run: Run, store: PastStore) -> None:
        told = replace(change(None, "RED"), source="webhook")
        run(store.commit(changes(history=(told,))))

        assert past(run, store) == [told]

    def test_what_is_found_first_of_a_template_in_trouble_is_a_change(self, run: Run, store: PastStore) -> None:
        found = replace(change(None, "PAUSED"), subject=Subject.template("100", "welcome", "de"))
        run(store.commit(changes(history=(found,))))

        assert past(run, store) == [found]

    def test_how_a_probe_ended_first_is_no_change(self, run: Run, store: PastStore) -> None:
        ended = replace(change(None, "ok"), subject=Subject.probe("account", Subject.waba("100")), source="wamon")
        run(store.commit(changes(history=(ended,))))

        assert past(run, store) == []

    def test_what_is_lost_at_one_moment_is_one_edge_and_what_is_back_is_another(
        self, run: Run, store: PastStore
    ) -> None:
        both = (NUMBER, OTHER_NUMBER)
        lost = tuple(replace(change("GREEN", None, at=later(1)), subject=each, source="age") for each in both)
        back = tuple(known_again("GREEN", "GREEN", at=later(2), subject=each) for each in both)
        run(store.commit(changes(history=lost)))
        run(store.commit(changes(history=back)))

        told = run(store.past(SIGNALS, Wanted())).happenings

        edge = Gap(
            at=later(1),
            is_over=False,
            signals=(lost[0].signal,),
            subjects=(NUMBER, OTHER_NUMBER),
            count=2,
            source="age",
        )
        over = replace(edge, at=later(2), is_over=True, source="poll")
        assert told == ((Position(later(2), 1, 3), over), (Position(later(1), 1, 1), edge))

    def test_what_came_back_otherwise_than_it_was_is_told_by_itself(self, run: Run, store: PastStore) -> None:
        numbers = [Subject.phone_number("100", str(n)) for n in range(3)]
        red = known_again("GREEN", "RED", at=later(2), subject=numbers[1])
        same = [known_again("GREEN", "GREEN", at=later(2), subject=numbers[n]) for n in (0, 2)]
        run(store.commit(changes(history=(same[0], red, same[1]))))

        told = past(run, store)

        assert told[0] == red
        assert [each.count for each in told if isinstance(each, Gap)] == [2]

    def test_end_of_a_restriction_is_told_with_what_it_was(self, run: Run, store: PastStore) -> None:
        restricted = Subject.restriction("100", "RESTRICTED_BIZ_INITIATED_MESSAGING")
        ended = [
            replace(change(None, None, signal=FLAG), before=True, known_before=True, subject=restricted, source="age"),
            replace(change("RED", None), subject=restricted, source="age"),
        ]
        run(store.commit(changes(history=tuple(ended))))

        assert past(run, store) == [ended[1], ended[0]]

    def test_edge_of_a_gap_is_told_of_the_subject_that_is_asked_for_alone(self, run: Run, store: PastStore) -> None:
        lost = [replace(change("GREEN", None), subject=each) for each in (NUMBER, OTHER_NUMBER)]
        run(store.commit(changes(history=tuple(lost))))

        assert past(run, store, about=(("phone_number_id", "201"),)) == [lost[1]]

    @pytest.mark.parametrize("limit", [1, 2, 3, 4])
    def test_pages_never_split_the_edge_of_a_gap(self, run: Run, store: PastStore, limit: int) -> None:
        numbers = [Subject.phone_number("100", str(n)) for n in range(9)]
        for minute in range(3):
            lost = (replace(change("GREEN", None, at=later(minute)), subject=each) for each in numbers)
            news = (replace(change("GREEN", "RED", at=later(minute)), subject=each) for each in numbers[:2])
            mixed = (*lost, *news)
            run(store.commit(changes(history=mixed[3:6] + mixed[9:] + mixed[:3] + mixed[6:9])))

        told: list[Happening] = []
        before, pages = None, 0
        while pages == 0 or before is not None:
            page = run(store.past(SIGNALS, Wanted(limit=limit, before=before)))
            told += [each for _, each in page.happenings]
            before, pages = page.last, pages + 1

        assert [each.count for each in told if isinstance(each, Gap)] == [9, 9, 9]
        assert (len(told), pages) == (9, -(-9 // limit))

    def test_only_the_kinds_that_are_wanted(self, run: Run, store: PastStore) -> None:
        run(store.commit(changes(transition(OPEN, 1), history=(change("GREEN", "RED"),))))
        run(store.add_marker(marker()))

        assert past(run, store, kinds=(PastKind.CHANGE, PastKind.MARKER)) == [change("GREEN", "RED"), marker()]

    @pytest.mark.parametrize(
        ("label", "expected"),
        [
            (("phone_number_id", "201"), 1),
            (("", "201"), 1),
            (("waba_id", "100"), 2),
            (("", "100"), 2),
            (("waba_id", "201"), 0),
            (("", "20"), 0),
            (("", "01"), 0),
            (("id", "100"), 0),
            (("", "phone_number_id"), 0),
        ],
    )
    def test_only_what_is_about_a_subject(
        self, run: Run, store: PastStore, label: tuple[str, str], expected: int
    ) -> None:
        mine, theirs = change("GREEN", "RED"), replace(change("GREEN", "RED"), subject=OTHER_NUMBER)
        run(store.commit(changes(history=(mine, theirs))))

        assert len(past(run, store, about=(label,))) == expected

    @pytest.mark.parametrize("name", ['x","waba_id":"999', "100% _good_", "größer", "a\\b"])
    def test_subject_with_any_name_is_found_by_it_and_by_nothing_else(
        self, run: Run, store: PastStore, name: str
    ) -> None:
        subject = Subject.template("100", name, "de")
        run(store.commit(changes(history=(replace(change("GREEN", "RED"), subject=subject),))))

        assert len(past(run, store, about=(("template", name),))) == 1
        assert len(past(run, store, about=(("", name),))) == 1
        assert past(run, store, about=(("waba_id", "999"),)) == []

    def test_markers_are_about_every_subject(self, run: Run, store: PastStore) -> None:
        run(store.commit(changes(history=(change("GREEN", "RED"),))))
        run(store.add_marker(marker()))

        assert past(run, store, about=(("phone_number_id", "999"),)) == [marker()]

    def test_step_tells_how_bad_it_was_before(self, run: Run, store: PastStore) -> None:
        opened = transition(OPEN, 1, severity=Severity.WARNING)
        raised = transition(RAISE, 2, at=later(1))
        run(store.commit(changes(opened, raised)))

        assert past(run, store) == [
            Step(transition=raised, severity_before=Severity.WARNING),
            Step(transition=opened, severity_before=None),
        ]

    def test_page_of_what_is_no_longer_known_is_not_the_last(self, run: Run, store: PastStore) -> None:
        known = change("GREEN", "RED", at=later(1))
        forgotten = Change(
            signal=SIGNALS[GAUGE.name],
            subject=known.subject,
            before=0.0,
            after=1.0,
            raw=None,
            at=later(2),
            source="poll",
        )
        run(store.commit(changes(history=(known, forgotten))))

        page = run(store.past({STATE_SET.name: SIGNALS[STATE_SET.name]}, Wanted(limit=1)))

        assert page.happenings == ()
        assert page.last is not None
        rest = run(store.past({STATE_SET.name: SIGNALS[STATE_SET.name]}, Wanted(limit=1, before=page.last)))
        assert [each for _, each in rest.happenings] == [known]
        assert rest.last is None

    def test_markers_are_forgotten_when_changes_are(self, run: Run, store: PastStore) -> None:
        run(store.commit(changes(history=(change("GREEN", "RED"), change("RED", "GREEN", at=later(60))))))
        for marker_id, minute in (("old", 0), ("recent", 60)):
            run(store.add_marker(marker(marker_id, at=later(minute))))

        while run(store.prune(later(30))):
            pass

        assert past(run, store) == [change("RED", "GREEN", at=later(60)), marker("recent", at=later(60))]

    def test_step_whose_step_before_was_forgotten_is_still_told(self, run: Run, store: PastStore) -> None:
        closed = transition(CLOSE, 2, at=later(60))
        ended = alert(state=AlertState.INACTIVE, last_observed_at=later(60))
        run(store.commit(changes(transition(OPEN, 1), closed, alerts=(ended,))))

        while run(store.prune(later(30))):
            pass

        assert past(run, store) == [Step(transition=closed, severity_before=None)]

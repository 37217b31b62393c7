"""The signals about the watching itself."""

from wamon.core import watch
from wamon.core.health import Signal


def test_every_signal_of_the_module_is_registered() -> None:
    declared = {value.name for value in vars(watch).values() if isinstance(value, Signal)}

    assert {signal.name for signal in watch.SIGNALS} == declared
    assert len(watch.SIGNALS) == len(declared)


def test_what_is_known_of_the_watching_never_ages() -> None:
    assert all(signal.is_event for signal in watch.SIGNALS)

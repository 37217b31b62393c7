"""How values look: colours that need no telling red from green, thresholds, and words for states.

Blue is well, amber wants a look, crimson is bad, grey is not known. They differ in lightness as well as in hue, and a
state always shows its word: nothing is told by colour alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard

from wamon.core.vocabulary import OTHER, Grade, Vocabulary

WELL: Final = "#4A90D9"
WATCH: Final = "#F2B134"
BAD: Final = "#A3123A"
UNKNOWN: Final = "#8E8E8E"
GONE: Final = "#6B5B95"
PLAIN: Final = "text"
# The colour of a cell that says nothing: `PLAIN` would fill it with the colour of letters.
CLEAR: Final = "transparent"

GRADE_COLOURS: Final[Mapping[Grade, str]] = MappingProxyType(
    {Grade.HEALTHY: WELL, Grade.WATCH: WATCH, Grade.DOWN: BAD, Grade.GONE: GONE, Grade.UNKNOWN: UNKNOWN}
)

# Units as Grafana calls them, and with how many decimals they are read; of an age so many smaller units besides the
# largest. Others have as many decimals as Grafana finds useful.
COUNT: Final = "locale"
SHARE: Final = "percentunit"
AGE: Final = "dtdurations"
TIMES: Final = "suffix: x"
DECIMALS: Final[Mapping[str, int]] = MappingProxyType({COUNT: 0, SHARE: 1, AGE: 1, TIMES: 1})

# The number that stands for a state; what it was before it became unknown is UNKNOWN_CODE plus that state's number.
OTHER_CODE: Final = 90
UNKNOWN_CODE: Final = 100


def thresholds(*steps: tuple[float, str], base: str = PLAIN) -> build.ThresholdsConfig:
    """The base colour, which is also that of no value at all, and from each value on another one."""
    first = dashboard.Threshold(value=None, color=base)
    rest = [dashboard.Threshold(value=value, color=colour) for value, colour in steps]
    return build.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps([first, *rest])


def words(values: Mapping[Any, tuple[str, str]]) -> dashboard.ValueMap:
    """A mapping of values, numbers or words, to text and colour, in the order given."""
    return dashboard.ValueMap(
        options={
            _key(value): dashboard.ValueMappingResult(text=text, color=colour, index=index)
            for index, (value, (text, colour)) in enumerate(values.items())
        }
    )


def _key(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def yes_no(yes: str, no: str, *, bad: str = BAD) -> dashboard.ValueMap:
    """Words for a flag that should be 1."""
    return words({1: (yes, WELL), 0: (no, bad)})


@dataclass(frozen=True, slots=True, kw_only=True)
class States:
    """An enumeration that is exported as one series a state, shown as one number a subject and as words.

    `last_known` is the family of what it was before it became unknown, where there is one. `is_full` is one that has
    series of value 0 for the states that are not.
    """

    metric: str
    label: str
    vocabulary: Vocabulary
    identity: tuple[str, ...] = ("waba_id", "phone_number_id")
    last_known: str | None = None
    is_full: bool = False
    codes: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        values = [value for value in self.vocabulary.values if value != "UNKNOWN"]
        codes = {**{value: code for code, value in enumerate(values, start=1)}, OTHER: OTHER_CODE}
        object.__setattr__(self, "codes", MappingProxyType(codes))

    def query(self, matchers: str) -> str:
        """The number of each subject's state; `matchers` select the subjects."""
        terms = self.series(matchers)
        if self.last_known is not None:
            was = " or ".join(self._term(self.last_known, matchers, *item) for item in self.codes.items())
            # Without the state's label, so that it stands beside UNKNOWN itself and is the greater number.
            terms = f"max by ({self._by}) ({was}) + {UNKNOWN_CODE} or {terms}"
        return f"max by ({self._by}) ({terms})"

    def series(self, matchers: str) -> str:
        """As `query`, but with the state's label, and without what it was before it became unknown."""
        # The good states last: most subjects are in them, and each `or` costs what stands before it.
        rarest_first = sorted(self.codes.items(), key=lambda item: (self.colour(item[0]) == WELL, -item[1]))
        terms = (self._term(self.metric, matchers, *item) for item in (("UNKNOWN", UNKNOWN_CODE), *rarest_first))
        return " or ".join(terms)

    @property
    def _by(self) -> str:
        return ", ".join(("job", "instance", *self.identity))

    def _term(self, metric: str, matchers: str, value: str, code: int) -> str:
        series = f'{metric}{{{matchers},{self.label}="{value}"}}'
        if self.is_full and metric == self.metric:
            series = f"({series} == 1)"
        return series if code == 1 else f"{series} * {code}"

    @property
    def words(self) -> dashboard.ValueMap:
        """What the numbers mean."""
        known = {code: (value, self.colour(value)) for value, code in self.codes.items()}
        was = {
            UNKNOWN_CODE + code: (f"UNKNOWN, was {value}", UNKNOWN if colour == WELL else colour)
            for code, (value, colour) in known.items()
            if self.last_known is not None
        }
        return words({**known, UNKNOWN_CODE: ("UNKNOWN", UNKNOWN), **was})

    def colour(self, value: str) -> str:
        """The colour of a state by its grade; amber for one that wamon does not know."""
        return WATCH if value == OTHER else GRADE_COLOURS[self.vocabulary.grade(value)]

    def graded(self, *grades: Grade) -> str:
        """The values of these grades as a regular expression."""
        return alternatives(value for value in self.codes if self.vocabulary.grade(value) in grades and value != OTHER)


def alternatives(values: Iterable[str]) -> str:
    """A regular expression of these values."""
    return "|".join(values)

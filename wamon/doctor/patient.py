"""What a check may look at and ask with."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wamon.config.settings import Settings
from wamon.core.ports import Notifier, Rule
from wamon.core.timing import Clock
from wamon.doctor.meta import Picture
from wamon.doctor.routes import Routing
from wamon.graph.visiting import Visitor


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """An installation: how it is configured, what Meta answered, and the ways to ask everybody else."""

    settings: Settings
    rules: Sequence[Rule]
    picture: Picture
    routing: Routing
    notifiers: Mapping[str, Notifier]
    visitor: Visitor
    clock: Clock
    random: random.Random

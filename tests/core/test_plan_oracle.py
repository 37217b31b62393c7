"""The plan against a naive reading of its specification, over random stories with restarts, overlays and clock faults.

A seed that fails is a story of its own: `Story(seed, oracle=Oracle())` tells it again.
"""

import pytest

from tests.core.telling_oracle import Oracle
from tests.core.telling_story import Story, Witness

# 50 stories of 400 steps: 20,000 steps a run.
SEEDS = range(50)
STEPS = 400


@pytest.mark.parametrize("seed", SEEDS)
def test_plan_does_what_a_plain_reading_of_its_specification_expects(seed: int) -> None:
    story = Story(seed, oracle=Oracle(), witness=Witness())

    story.run(STEPS)

    assert story.steps >= STEPS

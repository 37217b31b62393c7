"""The quality rating of a phone number: YELLOW warns, RED is critical, one alert for both."""

from datetime import datetime, timedelta

from wamon.core.alerting import Severity, Timing, Verdict
from wamon.core.health import SubjectKind
from wamon.core.ports import Owner, Rule, View, clear, firing, unknown
from wamon.probes.account import QUALITY_RATING
from wamon.rules.words import NoParams, evidence_of, number_context

SEVERITY = {"YELLOW": Severity.WARNING, "RED": Severity.CRITICAL}


def check(view: View, params: NoParams, now: datetime) -> Verdict | None:
    fact = view.fact(QUALITY_RATING)
    rating = view.value(QUALITY_RATING)
    if fact is None or rating is None:
        return unknown(now)
    if rating not in SEVERITY:
        return clear(fact.observed_at)
    evidence = (*evidence_of(fact, "Quality rating"), *number_context(view, besides=QUALITY_RATING))
    return firing(SEVERITY[rating], fact.observed_at, f"Quality rating {rating}", evidence=evidence)


QUALITY = Rule(
    name="WhatsAppQualityRating",
    kind=SubjectKind.PHONE_NUMBER,
    check=check,
    alertnames={Severity.WARNING: "WhatsAppQualityRatingYellow", Severity.CRITICAL: "WhatsAppQualityRatingRed"},
    # A false RED is cheaper than a late one, so one observation is enough for it (ALERTING section 2).
    timing=Timing(min_observations=2, min_observations_critical=1, keep_firing_for=timedelta(minutes=30)),
    params=NoParams(),
    meaning="Meta rates how recipients took this number's messages of the last days; YELLOW is medium, RED is low.",
    cause="Recipients block, report or ignore messages of this number; often one campaign or one template.",
    owner=Owner.MARKETING,
    steps=(
        "Stop campaigns and bulk sends from this number; leave replies to customers running.",
        "Find what changed in the last seven days: volume, templates, audience, opt-outs.",
        "Look for paused templates in WhatsApp Manager > Message templates: pausing goes along with a low rating.",
        "Wait: the rating follows what recipients do next, and the messaging limit does not grow while it is low.",
    ),
)
RULES = (QUALITY,)

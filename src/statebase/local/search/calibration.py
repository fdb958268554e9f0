"""Evidence to scores: 0.7 raw passes nothing with one embedder and all with another, a score means the same with each.

An embedder is measured on questions and facts that have nothing to do with each other. How many standard deviations a
cosine lies above the mean of those says how surprising it is. What part of the query's words a memory holds adds to
that, and a logistic curve turns the sum into 0..1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

IDENTICAL = 0.9995
"""Cosines from here on are those of identical texts, give or take the rounding of stored vectors."""

_USUAL = (0.0, 0.05)
"""A cosine as high as the mean of unrelated texts (this many deviations above it) gets this score."""
_SURPRISING = (2.5, 0.70)
"""A cosine so many deviations above it gets this one: few unrelated texts come here, most related ones do."""


def _logit(score: float) -> float:
    return math.log(score / (1 - score))


_WORDS = 7.0
"""The evidence of a memory that holds all words of the query, on the scale of the logistic curve."""
_WORDS_ALONE = 15.0
"""The same where the embedder does not know the language, and words decide."""
_FALL = 0.5
"""Words that cover little of a query that the embedder knows are there by chance: half of it is worth a third."""
_BEFORE = 0.3
"""How much of what speaks for a turn of a conversation speaks for the next turn too, which may be the answer to it."""
QUESTION = -3.0
"""The evidence of a memory that is a question itself: the answer is another one, often the next turn."""
_STEEPNESS = (_logit(_SURPRISING[1]) - _logit(_USUAL[1])) / (_SURPRISING[0] - _USUAL[0])
BASE = _logit(_USUAL[1])
"""The evidence of a memory whose cosine is the mean, and which shares no word with the query."""


@dataclass(frozen=True)
class Calibration:
    """Mean and deviation of the cosines of unrelated texts in a vector space."""

    mean: float
    deviation: float

    def score(self, cosine: float) -> float:
        """Return the score of a cosine: 0..1, higher for higher cosines, 1 for identical texts."""
        if cosine >= IDENTICAL:
            return 1.0
        return score(BASE + evidence_of_meaning((cosine - self.mean) / max(self.deviation, 1e-6), 1.0))


def evidence_of_meaning(surprise: float, trust: float) -> float:
    """Return the evidence of a cosine for a memory; higher is closer, without bounds.

    Args:
        surprise: Standard deviations of the cosine above the mean.
        trust: How much the embedder knows of the query's language: 0..1.
    """
    return float(_STEEPNESS * trust * surprise)


def evidence_of_words(share: float, trust: float) -> float:
    """Return the evidence of shared words for a memory.

    Args:
        share: The part of the query that its words cover.
        trust: How much the embedder knows of the query's language: 0..1.
    """
    words = _WORDS_ALONE + (_WORDS - _WORDS_ALONE) * trust
    return float(words * share ** (1 + _FALL * trust))


def carried_over(found: float) -> float:
    """Return what the evidence for a turn of a conversation adds to that for the next one."""
    return _BEFORE * min(max(found - BASE, 0.0), 20.0)


def score(found: float) -> float:
    """Return the score of a sum of evidence: 0..1."""
    # Bounded where the score does not change any more, and before exp() overflows.
    return round(1 / (1 + math.exp(-min(max(found, -60.0), 60.0))), 6)


def evidence_of_words_alone(share: float) -> float:
    """Return what speaks for a memory without a vector, whose score is the part of the query that its words cover."""
    return _logit(min(max(share, 1e-9), 1 - 1e-9))


QUERIES = (
    "What did the doctor say about his knee?",
    "How do I reset the alarm system?",
    "Which painter does she admire?",
    "When is the tax return due?",
    "Who feeds the horses on Sunday?",
    "How many rooms does the castle have?",
    "What is the plan for the school trip?",
    "Is the bridge open for trucks?",
    "Which fertiliser is good for roses?",
    "How was the interview with the candidate?",
    "What should the logo look like?",
    "Where can I leave my luggage?",
    "Why was the shipment sent back?",
    "Does he know how to ski?",
    "What is the recipe for the apple cake?",
    "How heavy is the anchor of the ship?",
    "Which version of the compiler is installed?",
    "What does the lease say about repairs?",
    "Who won the election in the village?",
    "How long is the battery warranty?",
    "What time does the ferry arrive?",
    "Which vaccine does the cat need?",
    "How do we train new volunteers?",
    "What is her opinion on the merger?",
    "Where was the old photograph taken?",
    "Is there a cure for the disease?",
    "How do I tune a violin?",
    "Which satellite takes these pictures?",
    "What is the dress code at the wedding?",
    "How much salt goes into the dough?",
    "Why does the compressor make noise?",
    "What did the inspectors find in the cellar?",
    "preferred brand of tyres",
    "name of the yoga instructor",
    "speed limit in the tunnel",
    "holiday plans of the accountant",
    "error in the translation of the contract",
    "list of endangered birds",
    "budget for the fireworks",
    "meaning of the national anthem",
)
"""Questions, none of which any of `DOCUMENTS` answers."""

DOCUMENTS = (
    "The lighthouse was painted white again in 1962",
    "Prefers aisle seats at the cinema",
    "The tomato seedlings are on the window sill",
    "Our mailing list moved to another provider",
    "He studied Latin for six years",
    "The router is behind the bookshelf",
    "Her nephew delivers pizza in Naples",
    "The swimming pool is heated by the sun",
    "Forgot the umbrella on the tram",
    "The algorithm sorts the records by date",
    "Gave a talk on medieval trade routes",
    "The penguin enclosure is being rebuilt",
    "Pays for the magazine by bank transfer",
    "The crane can lift up to nine tons",
    "Every package gets a tracking number",
    "Sleeps badly when the moon is full",
    "The glacier has lost a third of its ice",
    "Plays goalkeeper in an amateur team",
    "The minutes are kept by the secretary",
    "A thin layer of dust covers the piano keys",
    "The judge adjourned the hearing",
    "Wants the summary in three sentences",
    "The blacksmith still works with charcoal",
    "Soldered the loose cable himself",
    "The kindergarten takes children from the age of two",
    "She is writing a play about miners",
    "The firewall blocks port 25",
    "Bought a second-hand telescope",
    "The currency was devalued twice",
    "Has a scar above the left eyebrow",
    "The orchestra rehearses in a former church",
    "Drinks nothing but tap water",
    "The orchard belongs to the monastery",
    "All rooms are fitted with a smoke detector",
    "The surfboard is under the stairs",
    "Grandfather repaired clocks for a living",
    "The survey covers 40 counties",
    "Her glasses have a blue frame",
    "The museum shop sells replicas of coins",
    "Users may upload files of up to 20 MB",
)
"""Facts that answer none of `QUERIES`."""

"""Words and pairs of characters that say how a sentence is built, not what it is about."""

from __future__ import annotations

import re

from .folding import folded

_ENGLISH = frozenset(
    (
        # English
        "a about am an and any are as at be been being but by can could did do does doing for from had has "
        "have having he her hers him his how i if in into is it its just me my no nor not of off on or our "
        "ours out she should so some such tell than that the their them then there these they this those to "
        "too was we were what when where whether which who whose why will with would you your yours s t "
        "d ll m re ve don "
    ).split()
)
"""English words."""

_FOREIGN = frozenset(
    (
        # German, Dutch
        "der das den dem des ein eine einen einem einer eines und oder ist sind wird wo wie wann wer wen wem "
        "warum welche welcher welches ich er sie wir ihr sein seine seinen ihre ihren ihrem sich nicht mit "
        "von vom zu zum zur im auf aus bei fur uber nach als auch es gibt haben wurde wofur worin womit woher "
        "wohin het een en van zijn haar hij ze wat waar wie hoe welke wanneer waarom is op met voor aan bij "
        "naar niet ook "
        # Spanish, Portuguese, Italian, French
        "el la los las un una unos unas y o e es son de del al que quien quienes cual cuales cuando donde "
        "como por para con sin se su sus lo le les en esta este tiene ha os as um uma uns umas do da dos das "
        "no na nos nas ao que qual quais quando onde por com sem seu sua seus suas ele ela tem foi il lo gli "
        "i uno della dello dei degli delle di che chi quale quali quando dove come perche per con suo sua "
        "suoi sue ha nel nella al alla le la les un une des du et ou est sont qui que quoi quel quelle quels "
        "quelles quand comment pourquoi dans sur avec sans pour par son sa ses leur il elle ils elles a au "
        "aux ce cette ces "
        # Turkish, Polish
        "ve veya bir bu su o ne nedir kim kimin nerede nereye neden nasil hangi kac mi mu icin ile da de i "
        "oraz lub jest sa kto co gdzie kiedy jak dlaczego ktory ktora ktore czy nie na w z do od po za sie "
        "jego jej "
        # Russian, in the form that this module gives them
        "и в во на с со у к по за из от до о об что кто где когда как почему какои какая какое какие чеи это "
        "он она они его ее их не ли а но для при сколько куда откуда "
        # Arabic, Hebrew
        "في من علي الي عن ما ماذا من متي اين كيف لماذا هل اي هو هي هم التي الذي و של את על עם מה מי מתי איפה "
        "איך למה האם הוא היא הם זה "
        # Hindi
        "का की के को में से पर है हैं था थी थे क्या कौन कब कहाँ कहां कैसे क्यों किस किसने कौनसा और या वह यह "
        "उसका उसकी उसके ने "
    ).split()
)
STOP_WORDS = _ENGLISH | _FOREIGN
"""Of languages that put spaces between words, as `folding.py` writes them; none that says something in English."""

STOP_PAIRS = frozenset(
    (
        "的 了 是 在 他 她 我 你 们 吗 呢 什 么 哪 谁 几 和 什么 么时 时候 哪里 哪儿 怎么 为什 多少 "
        "是什 的是 是谁 他的 她的 他在 她在 は を が に で の と も か へ です ます ました した "
        "ですか ますか すか たか てい いま いる ます ませ まし すか は何 何を 何が 何で どこ こで "
        "いつ だれ 誰が 誰の どの どん んな なに なぜ って され れて こと "
    ).split()
)
"""Of Chinese and Japanese."""

KOREAN_STOP_WORDS = frozenset(
    (
        "무엇 어디 누구 언제 어떻게 왜 무슨 어느 어떤 몇 그 그녀 저 나 너 것 수 있 있습니 있는 있나요 그의 그녀의 누가 "
    ).split()
)


def foreign_part(text: str) -> float:
    """Return how many of the stop words in a text are of another language than English: 0..1; 0 without any."""
    words = re.findall(r"[^\W\d_]+", folded(text).lower())
    english = sum(word in _ENGLISH for word in words)
    foreign = sum(word in _FOREIGN and word not in _ENGLISH for word in words)
    return foreign / (english + foreign) if foreign else 0.0

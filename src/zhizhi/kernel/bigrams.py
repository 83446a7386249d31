"""Words for a search index that finds Chinese: every two neighbouring characters are a word, and every single one.

Databases split text at blanks, which Chinese does not have; three-character grams miss the many words of two.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

_RUN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]+|[^\W_]+", re.UNICODE)
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")
MOST = 12
"""Words of one query that are looked for; what follows is not."""


def _runs(text: str) -> list[str]:
    found = []
    for run in _RUN.findall(unicodedata.normalize("NFKC", text).casefold()):
        found += re.findall(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]+|[^\u3400-\u4dbf\u4e00-\u9fff]+", run)
    return found


def index_words(text: str) -> list[str]:
    """Return the words under which a text is found, each once.

    >>> index_words("在享救助 Aid2")
    ['在', '享', '救', '助', '在享', '享救', '救助', 'aid2']
    """
    words: list[str] = []
    for run in _runs(text):
        if _HAN.match(run):
            words += [*run, *(a + b for a, b in pairwise(run))]
        else:
            words.append(run)
    return list(dict.fromkeys(words))


def query_words(text: str) -> list[str]:
    """Return the words that a text must have for a query to find it; a query without any letter or digit has none.

    >>> query_words("救助 家庭"), query_words("医"), query_words("!?")
    (['救助', '家庭'], ['医'], [])
    """
    words: list[str] = []
    for run in _runs(text):
        if _HAN.match(run) and len(run) > 1:
            words += [a + b for a, b in pairwise(run)]
        else:
            words.append(run)
    return list(dict.fromkeys(words))[:MOST]

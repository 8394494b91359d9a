"""Which language the reader reads, and how a message is written in both.

Every text a reader may see stands in the code once, in both languages, side by side::

    raise ValueError(say(en=f"stride must be at least 1, got {stride}", ko=f"스트라이드는 1 이상이어야 하는데 {stride}이에요. 고쳐 주세요."))

A notebook names its language in its first cell with `segcourse.use_language("ko")`. Elsewhere the environment variable
``SEGCOURSE_LANG`` decides, and English where nothing is said.
"""

import os
from contextlib import contextmanager
from contextvars import ContextVar

LANGUAGES = ("en", "ko")

_chosen: ContextVar[str | None] = ContextVar("segcourse_language", default=None)
_process = {"language": None}   # what use_language chose: seen by every thread, a context's own choice comes first


def check_language(language: str) -> str:
    """Return `language` if the course is written in it, else raise ValueError."""
    if language not in LANGUAGES:
        raise ValueError(f"the course is written in {' and '.join(LANGUAGES)}, not in {language!r}: choose one of the two")
    return language


def use_language(language: str) -> None:
    """Make `language` ("en" or "ko") the language of every text from here on. Raises ValueError for any other."""
    _process["language"] = check_language(language)


@contextmanager
def reading(language: str):
    """Use `language` inside a with block only."""
    token = _chosen.set(check_language(language))
    try:
        yield
    finally:
        _chosen.reset(token)


def current() -> str:
    """The language in force: "en" or "ko"."""
    from_environment = os.environ.get("SEGCOURSE_LANG", "")
    return _chosen.get() or _process["language"] or (from_environment if from_environment in LANGUAGES else "en")


def say(*, en: str, ko: str) -> str:
    """The text in the language in force."""
    return ko if current() == "ko" else en


# Which syllable follows a number or a Latin name depends on how Korean reads its end.
_FINAL_LETTERS = set("lmnrLMNR")            # read with a final consonant: 엘, 엠, 엔, 알
_FINAL_DIGITS = {"0": "other", "1": "l", "3": "other", "6": "other", "7": "l", "8": "l"}   # 영 일 삼 육 칠 팔


def _final_of(word: str) -> str:
    """"none", "l" (ㄹ) or "other": the final consonant of the word as Korean reads it."""
    end = word.rstrip("'\"`) ")[-1:]
    if "가" <= end <= "힣":
        final = (ord(end) - ord("가")) % 28
        return "none" if final == 0 else "l" if final == 8 else "other"
    if end.isdigit():
        return _FINAL_DIGITS.get(end, "none")
    if end in _FINAL_LETTERS:
        return "l" if end in "lLrR" else "other"
    return "none"


def josa(word: object, pair: str) -> str:
    """The word with the Korean particle that fits it: ``josa("FCN", "은/는")`` is "FCN은".

    `pair` names the form after a final consonant first: "은/는", "이/가", "을/를", "과/와", "으로/로", "이에요/예요".
    """
    text = str(word)
    with_final, without = pair.split("/")
    final = _final_of(text)
    if pair == "으로/로":
        return text + (without if final in ("none", "l") else with_final)
    return text + (without if final == "none" else with_final)

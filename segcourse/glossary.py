"""The words of the course in both languages: `glossary.toml`, read.

    >>> from segcourse import glossary
    >>> glossary.find("receptive field").ko
    '수용 영역'

The page readers see, `notebooks/en/glossary.md`, is written from the same file, and Korean texts are held to it when notebooks are built.
"""

import difflib
import functools
import re
import tomllib
from dataclasses import dataclass
from importlib import resources

from segcourse.language import say


@dataclass(frozen=True)
class Term:
    """One term. `by`: "T" translated, "S" by sound; `chapter`: where it is first used, "01"; `gloss`: there it stands as 한국어(English).

    also: other Korean names that may be used; forbidden: patterns of those that may not.
    """

    en: str
    ko: str
    by: str
    chapter: str
    gloss: bool
    note_en: str
    note_ko: str
    also: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """What it means, in the language in force."""
        return say(en=self.note_en, ko=self.note_ko)

    @functools.cached_property
    def pattern(self) -> re.Pattern:
        """Its Korean names in a text: not inside another word, over a line's end too."""
        names = "|".join(re.escape(name).replace(r"\ ", r"\s+") for name in (self.ko, *self.also))
        return re.compile(rf"(?<![가-힣])(?:{names})")

    @functools.cached_property
    def wrong(self) -> re.Pattern | None:
        """The names that a Korean text must not use for it."""
        return re.compile("|".join(f"(?:{name})" for name in self.forbidden)) if self.forbidden else None


@functools.cache
def terms() -> tuple[Term, ...]:
    """Every term, in the order of the file. Raises ValueError for one that lacks something or stands there twice."""
    text = resources.files("segcourse").joinpath("glossary.toml").read_text(encoding="utf-8")
    return read(text)


def read(text: str) -> tuple[Term, ...]:
    """The terms of a glossary's TOML text. Raises ValueError for one that lacks something or stands there twice."""
    found: dict[str, Term] = {}
    names: dict[str, str] = {}
    for number, entry in enumerate(tomllib.loads(text)["term"], 1):
        name = entry.get("en") or f"number {number}"
        try:
            term = Term(**{key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()})
        except TypeError as error:
            raise ValueError(f"glossary.toml: the term {name} is not complete ({error}): it needs en, ko, by, chapter, gloss, note_en and note_ko") from None
        blank = next((key for key in ("en", "ko", "note_en", "note_ko") if not str(getattr(term, key)).strip()), None)
        if blank or term.by not in ("T", "S") or not re.fullmatch(r"\d\d", term.chapter):
            raise ValueError(f"glossary.toml: the term {name} has no {blank}, or by is not T or S, or chapter not two digits: fill it in")
        for korean in (term.ko, *term.also):
            if names.setdefault(korean, term.en) != term.en:
                raise ValueError(f"glossary.toml: {korean} stands for {names[korean]} and for {term.en}: a word has one meaning here")
        if term.en in found:
            raise ValueError(f"glossary.toml: {term.en} stands there twice: keep one")
        found[term.en] = term
    return tuple(found.values())


def find(word: str) -> Term:
    """The term called `word` in either language. Raises KeyError, naming the nearest, where there is none."""
    asked = word.strip().casefold()
    known = {name.casefold(): term for term in terms() for name in (term.en, term.ko, *term.also)}
    if asked not in known:
        near = (difflib.get_close_matches(asked, known, n=1, cutoff=0.4) or ["receptive field"])[0]
        raise KeyError(say(en=f"the glossary has no {word!r}: try {near!r}", ko=f"용어집에 {word!r} 항목이 없어요. {near!r} 항목을 찾아봐 주세요."))
    return known[asked]

"""What a machine can hear in Korean text: phrases that sound translated, and the wrong tone.

Each rule is a pattern and what to write instead. A line quoted with ">" may keep its own tone. The names of things are held to the glossary.
"""

import re
from collections.abc import Iterator

from segcourse import glossary

# (pattern, what to do instead)
RULES = [
    (r"당신", "address the reader without 당신"),
    (r"되어(?:지|진|질|짐|져|졌)", "a doubled passive: write 되다 or the active verb instead of 되어지다"),
    (r"에 의해", "a translated passive: name who does it as the subject instead of ~에 의해"),
    (r"것이 가능(?:합니다|해요|하다|하며|하고)", "write ~할 수 있어요 instead of ~하는 것이 가능하다"),
    (
        r"(?:^|(?<=[.!?] ))\s*(?:[-*>#]+\s*)*(?:이것은|우리는)(?=[\s,])",
        "do not open a sentence with 이것은 or 우리는: name the thing, or leave the subject out",
    ),
    (r"개의 \S+[을를] 가(?:지|져|진|집|졌|질)", "write 채널이 3개예요, not 3개의 채널을 가져요"),
    (r"[을를] 통해", "~을 통해 is glue: say with which verb (~로, ~해서, ~을 보면)"),
    (r"에 대해", "~에 대해 is glue: make it the object (~을, ~를) or write ~마다, ~에서"),
    # Markdown does not close emphasis between a bracket and a letter: the asterisks would be seen.
    (r"\)\*+[가-힣]", "bold does not end after a bracket before a letter: write **등변성**(equivariance)이라고"),
]
# A label in front of a value may end in a colon ("가중치 수:"), a sentence may not.
COLON = (r"[가-힣)”\"'*_]\s*:[*_\s]*$", "no colon at the end of a Korean sentence: end it with a full stop")
COLON_IN_LABEL = (r"(?:요|다|죠|까)\s*:[*_\s]*$", COLON[1])
# ~ㅂ니다, ~ㅂ니까: every syllable that ends in ㅂ, then the ending.
_ENDS_IN_B = "".join(chr(code) for code in range(ord("가"), ord("힣") + 1) if (code - ord("가")) % 28 == 17)
POLITE = (rf"\S*[{_ENDS_IN_B}]니(?:다|까)(?![가-힣])", "the voice is 해요체: ~해요, ~이에요, ~까요? instead of ~합니다, ~입니다")


def faults(text: str, *, label: bool = False) -> list[tuple[int, str]]:
    """(line, what is wrong and what to do) for every rule that the Korean `text` breaks; lines count from 0.

    `label` is for what the code shows: a label may end in a colon. A line quoted with ">" keeps its own tone.
    """
    found = []
    for number, line in enumerate(text.splitlines()):
        rules = [*RULES, COLON_IN_LABEL if label else COLON, *([] if line.lstrip().startswith(">") else [POLITE])]
        for pattern, remedy in rules:
            hit = re.search(pattern, line)
            if hit:
                found.append((number, f"“{hit[0].strip()}”: {remedy}"))
    return sorted([*found, *words(text)])


# Where a word is spoken of, it may stand: in quotes, in italics (not bold), in code, and in what a thing is called, too (~라고도 해요).
_SPOKEN_OF = re.compile(r"`[^`\n]+`|‘[^’\n]+’|“[^”\n]+”|'[^'\n]+'|\"[^\"\n]+\"|(?<!\*)\*(?!\*)[^*\n]+(?<!\*)\*(?!\*)")

_ALSO_CALLED = re.compile(r"이?라고도|이?라는 (?:말|이름)")


def words(text: str) -> list[tuple[int, str]]:
    """(line, what to write instead) for every name in the Korean `text` that the glossary has otherwise; lines count from 0."""
    lines = ["" if line.lstrip().startswith(">") else line for line in text.splitlines()]
    bare = _SPOKEN_OF.sub(lambda found: " " * len(found[0]), "\n".join(lines))
    return sorted({
        (bare.count("\n", 0, found.start()), f"“{found[0]}”: the course says {term.ko} for {term.en} (segcourse/glossary.toml)")
        for term in glossary.terms() if term.wrong
        for found in term.wrong.finditer(bare) if not _ALSO_CALLED.match(bare, found.end())
    })


def first_uses(texts: list[str]) -> Iterator[tuple[glossary.Term, int, int, bool]]:
    """(term, which text, line in it, whether 한국어(English) stands there) for the first use of every term in running text; headings do not count."""
    bare = [re.sub(r"(?m)^(?:#|\s*>).*$", lambda found: " " * len(found[0]), text) for text in texts]
    for term in glossary.terms():
        longer = [other for other in glossary.terms() if other is not term and any(name in whole and name != whole for name in (term.ko, *term.also)
                                                                                  for whole in (other.ko, *other.also))]
        for number, text in enumerate(bare):
            for other in longer:
                text = other.pattern.sub(lambda found: re.sub(r"\S", "_", found[0]), text)
            found = term.pattern.search(text)
            if found:
                behind = re.match(r"[*'’”\"]{0,3}\s?\([*]{0,2}[A-Za-z]", text[found.end():])
                yield term, number, text.count("\n", 0, found.start()), bool(behind)
                break

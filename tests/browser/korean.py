"""English words in what a Korean reader sees."""

import re

# What stays in Latin letters in a Korean sentence: abbreviations, names of networks, and names a reader meets in code.
ALLOWED = {"IoU", "mIoU", "ReLU", "FCN", "VGG", "CamVid", "max", "valid", "same", "void", "CRF", "bilateral", "ln"}
# Formulas: A and P are matrices, x and y what they act on.
FORMULA = re.compile(r"[AP]{0,2}[ABPxyks]?$")


def english_in(texts):
    """[(word, the text it stands in)] of words of Latin letters that are not allowed. One letter alone is a name in a formula."""
    found = []
    for text in texts:
        for word in re.findall(r"[A-Za-zÀ-ɏ][A-Za-zÀ-ɏ'_-]+", text):
            if word not in ALLOWED and not FORMULA.match(word):
                found.append((word, text))
    return found

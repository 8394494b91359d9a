"""Each claim of a chapter is decided by its cell: the asserts hold as they are, and fail once the operation the claim names is broken."""

from pathlib import Path

import pytest

from segcourse import language
from segcourse.authoring import build, check, spoil
from segcourse.authoring.source import read_chapter

ROOT = Path(__file__).resolve().parents[2]
CLAIMS = [(path.stem, claim) for path in build.sources(ROOT) for claim in check.claims().get(path.stem[:2], {})]


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """`bench(name)` is the Bench of a chapter and its table of spoils; the chapter's setup runs once."""
    import torch

    benches, threads = {}, torch.get_num_threads()  # a setup cell may set them for the whole process
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGCOURSE_QUICK", "1")
        patch.setenv("SEGCOURSE_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setitem(language._process, "language", "en")  # the setup cell chooses a language for the whole process

        def of(name):
            if name not in benches:
                chapter = read_chapter(ROOT / "notebooks" / "source" / f"{name}.py", ROOT)
                benches[name] = spoil.Bench(chapter), spoil.table(chapter, ROOT)
            return benches[name]

        yield of
    torch.set_num_threads(threads)


@pytest.mark.parametrize("chapter, claim", CLAIMS, ids=lambda value: value)
def test_claim_is_decided(bench, chapter, claim):
    cells, spoils = bench(chapter)
    failed = cells.decide(claim)
    assert failed is None, f"the assert of claim {claim} fails as it is: {failed}"
    assert claim in spoils, f"tests/notebooks/spoil_{chapter}.py does not say how claim {claim} is spoiled"
    assert cells.decide(claim, spoils[claim]) is not None, (
        f"the assert of claim {claim} holds although its operation is spoiled: it decides nothing"
    )

"""Where the course lives on the internet: the only place its address is written, and everything that is derived from it."""

REPOSITORY = "https://github.com/segcourse/segcourse"
BRANCH = "main"

_COLAB = "https://colab.research.google.com"


def colab_address(language: str, name: str) -> str:
    """The address that opens chapter `name` ("01_fcn") of `language` in Colab."""
    path = REPOSITORY.removeprefix("https://github.com/")
    return f"{_COLAB}/github/{path}/blob/{BRANCH}/notebooks/{language}/{name}.ipynb"


def colab_badge(language: str, name: str) -> str:
    """The badge that opens a chapter in Colab, as Markdown."""
    alt = {"en": "Open in Colab", "ko": "Colab에서 열기"}[language]
    return f"[![{alt}]({_COLAB}/assets/colab-badge.svg)]({colab_address(language, name)})"


def head_line(language: str, name: str, *, reading: float, running: float) -> str:
    """What stands under a chapter's title: Colab badge, the way to the other language, minutes of reading and of running."""
    badge = colab_badge(language, name)
    if language == "ko":
        return f"{badge} · [Read in English](../en/{name}.ipynb) · 읽는 데 {reading:g}분 · CPU 코어 2개로 실행하는 데 {running:g}분쯤"
    return f"{badge} · [한국어로 읽기](../ko/{name}.ipynb) · {reading:g} min to read · about {running:g} min to run on 2 CPU cores"


def install_cell(language: str) -> str:
    """The first code cell: in Colab it installs the course, where the course is already there it only names the language.

    A folder called segcourse in the working folder, as git clone leaves it, is found too, but has no origin.
    """
    comment = {
        "en": "# In Colab, this installs the course once; elsewhere it only sets the language.",
        "ko": "# Colab에서는 강의 패키지를 한 번 설치해요. 다른 곳에서는 언어만 정해요.",
    }[language]
    return (
        f"{comment}\n"
        "import importlib.util\n\n"
        'if getattr(importlib.util.find_spec("segcourse"), "origin", None) is None:\n'
        f'    %pip install -q "segcourse @ git+{REPOSITORY}"\n\n'
        "import segcourse\n\n"
        f'segcourse.use_language("{language}")'
    )

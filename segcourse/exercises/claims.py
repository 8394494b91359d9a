"""The lecture notes' claims: answered by the reader before the cell that decides, and the verdict after it.

The texts and verdicts stand in `claims.toml`. An answer is kept for the session only: what counts is to have said it first.
"""

import html
import tomllib
from functools import cache
from importlib import resources

from segcourse.language import say

VERDICTS = ("holds", "loose", "fails")
_answers: dict[str, str] = {}


@cache
def _chapters() -> dict[str, dict[str, dict[str, str]]]:
    return tomllib.loads(resources.files("segcourse.exercises").joinpath("claims.toml").read_text(encoding="utf-8"))


def claims(chapter: str) -> dict[str, dict[str, str]]:
    """The claims of `chapter` ("01"): id -> {"verdict", "en", "ko"}. Raises KeyError for a chapter without claims."""
    chapters = _chapters()
    if chapter not in chapters:
        raise KeyError(say(en=f"chapter {chapter!r} has no claims; there are {', '.join(chapters)}",
                           ko=f"{chapter!r} 장에는 주장이 없어요. {', '.join(chapters)} 중에서 골라 주세요."))
    return chapters[chapter]


def verdict_name(verdict: str) -> str:
    """"holds", "loose" or "fails" in the language in force."""
    return {"holds": say(en="holds", ko="맞아요"), "loose": say(en="half right", ko="반만 맞아요"), "fails": say(en="fails", ko="틀려요")}[verdict]


class Sheet:
    """The claims of one chapter with three buttons each, as ipywidgets; where no widget can run, the same as a table."""

    def __init__(self, chapter: str, only: tuple[str, ...] = ()):
        known = claims(chapter)
        for name in only:
            _find(name)
        self.claims = {name: known[name] for name in (only or known)}

    def _text(self, name: str) -> str:
        return self.claims[name][say(en="en", ko="ko")]

    def _repr_html_(self) -> str:
        choices = " · ".join(verdict_name(verdict) for verdict in VERDICTS)
        rows = "".join(f'<tr><th scope="row" style="text-align:left">{name}</th><td '
                       f'style="text-align:left">{html.escape(self._text(name))}</td>'
                       f'<td style="text-align:left;white-space:nowrap">{choices}</td></tr>' for name in self.claims)
        return f"<table>{rows}</table>"

    def __repr__(self) -> str:
        return "\n".join(f"{name}  {self._text(name)}" for name in self.claims)

    def widget(self):
        """A VBox of one row a claim: its text, and three toggle buttons that remember the choice."""
        import ipywidgets as widgets

        rows = []
        for name in self.claims:
            text = widgets.HTML(f"<b>{name}</b>&ensp;{html.escape(self._text(name))}")
            options = [(say(en="not yet", ko="아직"), "")] + [(verdict_name(verdict), verdict) for verdict in VERDICTS]
            buttons = widgets.ToggleButtons(options=options, value=_answers.get(name, ""), style={"button_width": "7em"})
            buttons.observe(lambda change, name=name: _answers.__setitem__(name, change["new"]), names="value")
            rows.append(widgets.VBox([text, buttons], layout={"margin": "0 0 0.6em 0"}))
        return widgets.VBox(rows)

    def _repr_mimebundle_(self, include=None, exclude=None):
        bundle, metadata = {"text/html": self._repr_html_(), "text/plain": repr(self)}, {}
        widget = self.widget()
        drawn = widget._repr_mimebundle_() if hasattr(widget, "_repr_mimebundle_") else None   # ipywidgets 8
        if drawn is None:                                                                       # ipywidgets 7
            view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
            drawn = {"application/vnd.jupyter.widget-view+json": view}
        data = drawn[0] if isinstance(drawn, tuple) else drawn
        view = data.get("application/vnd.jupyter.widget-view+json")
        if view:
            bundle["application/vnd.jupyter.widget-view+json"] = view
        return bundle, metadata


def _find(name: str) -> dict[str, str]:
    every = {key: claim for chapter in _chapters().values() for key, claim in chapter.items()}
    if name not in every:
        raise KeyError(say(en=f"there is no claim {name!r}; there are {', '.join(every)}",
                           ko=f"{name!r}라는 주장은 없어요. {', '.join(every)} 중에서 골라 주세요."))
    return every[name]


def decide(name: str) -> None:
    """Print the claim `name` ("1.9"), what the reader said of it, and the verdict."""
    claim = _find(name)
    said = _answers.get(name, "")
    verdict = verdict_name(claim["verdict"])
    print(f"{name}  {claim[say(en='en', ko='ko')]}")
    if not said:
        print(say(en=f"      Verdict: {verdict}.", ko=f"      결론은 “{verdict}”."))
    elif said == claim["verdict"]:
        print(say(en=f"      You said: {verdict_name(said)}. Verdict: {verdict}. Well judged.",
                  ko=f"      고른 답은 “{verdict_name(said)}”, 결론도 “{verdict}”. 잘 봤어요."))
    else:
        print(say(en=f"      You said: {verdict_name(said)}. Verdict: {verdict}.",
                  ko=f"      고른 답은 “{verdict_name(said)}”, 결론은 “{verdict}”."))


def sheet(chapter: str, *only: str) -> Sheet:
    """The answer sheet of `chapter`, or of some of its claims: the last line of a cell shows it."""
    return Sheet(chapter, only)

"""What every lab shares: one ES module, a state that is a short text, a static picture, and a page that needs no kernel.

A lab is a subclass of :class:`Lab` that names its JavaScript file, its fields and its texts. What a reader drags is computed and drawn in
the page by that file (design: widgets.md); Python hands over the data once and hears of the state when the reader pauses.
"""

import base64
import difflib
import json
import uuid
from dataclasses import dataclass
from html import escape
from importlib import resources

import anywidget
import traitlets

from segcourse.language import current, josa, say

VIEW = "application/vnd.jupyter.widget-view+json"


class LabValueError(traitlets.TraitError, ValueError):
    """A text or a keyword that describes no state of this lab. The message is one sentence with the remedy."""


def _number(value: float) -> str:
    """At most four decimals, as _base.js writes them: 2, -1, 0.25."""
    rounded = round(float(value), 4)
    return "0" if rounded == 0 else f"{rounded:.4f}".rstrip("0").rstrip(".")


@dataclass(frozen=True, kw_only=True)
class Field:
    """One named part of a lab's state, and how it is written in `lab.value`.

    kind: "int", "number", "choice" (one of `options`), "flag" (yes/no), "grid" (rows of numbers: ``1,2;3,4``),
    "cell" (``row,column`` or none).
    low, high: limits of a number or of every number in a grid, both included. rows, cols: least and largest size of a grid.
    """

    name: str
    kind: str
    default: object
    low: float = 0
    high: float = 0
    options: tuple[str, ...] = ()
    rows: tuple[int, int] = (1, 1)
    cols: tuple[int, int] = (1, 1)

    def wanted(self) -> str:
        """What may stand after ``name=``, in words, in the language in force."""
        low, high = _number(self.low), _number(self.high)
        (r0, r1), (c0, c1) = self.rows, self.cols
        sides = f"{r0}x{c0}" if (r0, c0) == (r1, c1) else say(en=f"{r0}x{c0} to {r1}x{c1}", ko=f"{r0}x{c0}에서 {r1}x{c1} 사이")
        return {
            "int": say(en=f"a whole number from {low} to {high}", ko=f"{low}에서 {high}까지의 정수"),
            "number": say(en=f"a number from {low} to {high}", ko=f"{low}에서 {high}까지의 수"),
            "choice": say(en="one of " + ", ".join(self.options), ko=f"{', '.join(self.options)} 중 하나"),
            "flag": say(en="yes or no", ko="yes나 no"),
            "grid": say(en=f"{sides} numbers from {low} to {high}", ko=f"크기가 {sides}이고 값이 {low}에서 {high}까지인 수"),
            "cell": say(en="a row and a column counted from 0, or none", ko="0부터 센 행과 열, 아니면 none"),
        }[self.kind]

    def _refuse(self, given: object) -> LabValueError:
        shown = str(given)
        shown = shown if len(shown) <= 40 else shown[:37] + "..."
        example = f"{self.name}={self.write(self.default)}"
        return LabValueError(say(
            en=f"{self.name} must be {self.wanted()}, got '{shown}': write for example {example}",
            ko=f"{josa(self.name, '은/는')} {self.wanted()}여야 하는데 '{shown}'{'이에요' if josa(shown, '이에요/예요').endswith('이에요') else '예요'}. "
               f"{example}처럼 써 주세요."))

    def read(self, text: str) -> object:
        """The value that `text` writes. Raises LabValueError naming the field, what came, and an example that would do."""
        try:
            return self.check(self._read(text))
        except (ValueError, TypeError, OverflowError):
            raise self._refuse(text) from None

    def _read(self, text: str) -> object:
        if self.kind == "int":
            return int(text)
        if self.kind == "number":
            return float(text)
        if self.kind == "flag":
            return {"yes": True, "no": False, "true": True, "false": False, "1": True, "0": False}.get(text.lower(), text)
        if self.kind == "grid":
            return [[float(part) for part in row.split(",")] for row in text.split(";")]
        if self.kind == "cell":
            return None if text.lower() == "none" else tuple(int(part) for part in text.split(","))
        return text

    def check(self, value: object) -> object:
        """The value in its plain form (bool, int, float, str, tuple, list of lists). Raises LabValueError for any other."""
        try:
            if self.kind in ("int", "number"):
                number = float(value)
                if not self.low <= number <= self.high or (self.kind == "int" and number != int(number)):
                    raise ValueError
                return int(number) if self.kind == "int" else number
            if self.kind == "flag":
                if value not in (True, False):
                    raise ValueError
                return bool(value)
            if self.kind == "grid":
                rows = [[float(v) for v in row] for row in (value.tolist() if hasattr(value, "tolist") else value)]
                fits = (self.rows[0] <= len(rows) <= self.rows[1] and self.cols[0] <= len(rows[0]) <= self.cols[1]
                        and all(len(row) == len(rows[0]) for row in rows) and all(self.low <= v <= self.high for row in rows for v in row))
                if not fits:
                    raise ValueError
                return rows
            if self.kind == "cell":
                if value is None:
                    return None
                row, column = (int(part) for part in value)
                if row < 0 or column < 0:
                    raise ValueError
                return row, column
            if value not in self.options:
                raise ValueError
            return value
        except (ValueError, TypeError, OverflowError, IndexError):
            raise self._refuse(value) from None

    def write(self, value: object) -> str:
        """The text that stands after ``name=``; `read` is its inverse."""
        if self.kind in ("int", "number"):
            return _number(value)
        if self.kind == "flag":
            return "yes" if value else "no"
        if self.kind == "grid":
            return ";".join(",".join(_number(v) for v in row) for row in value)
        if self.kind == "cell":
            return "none" if value is None else ",".join(str(part) for part in value)
        return str(value)


# What some labs share and others need not carry.
_SHARED = {"no_inverse": ("_round_trip.js",), "switches": ("_round_trip.js",)}


def module_source(name: str) -> str:
    """The ES module of a lab: what all labs share, what a few share, then NAME.js. A widget's module cannot import its neighbours, so they are joined."""
    folder = resources.files("segcourse.labs")
    return "\n".join((folder / file).read_text(encoding="utf-8") for file in ("_base.js", *_SHARED.get(name, ()), f"{name}.js"))


def style_source() -> str:
    """The style sheet of the labs."""
    return (resources.files("segcourse.labs") / "lab.css").read_text(encoding="utf-8")


class Lab(anywidget.AnyWidget):
    """An interactive figure. `value` is its state as a short text; setting it moves the page, and the page moves it when the reader pauses.

    A subclass sets ``module`` (file name without .js), ``fields``, ``_esm = module_source(...)``, ``_css = style_source()``, and defines
    ``texts() -> dict`` (every text of the page, through `say`) and ``static_picture() -> figures.Figure``; ``data() -> bytes`` and
    ``settings() -> dict`` hand over what the page needs once. Keywords of the constructor are fields: ``labs.transposed_conv(stride=3)``.
    Raises LabValueError (a ValueError) for a field or a value that does not exist.
    """

    module = ""
    fields: tuple[Field, ...] = ()
    _ipython_display_ = None     # ipywidgets 7 would show the view without the picture beside it

    value = traitlets.Unicode("").tag(sync=True)
    _start = traitlets.Unicode("").tag(sync=True)
    _texts = traitlets.Dict().tag(sync=True)
    _fields = traitlets.List().tag(sync=True)
    _settings = traitlets.Dict().tag(sync=True)
    _data = traitlets.Bytes(b"").tag(sync=True)

    def __init__(self, **state):
        start = self.write_state(self.complete(state))
        self._picture = None
        texts = self._shared_texts() | self.texts()
        super().__init__(value=start, _start=start, _texts=texts, _settings=self.settings(), _data=self.data(), _fields=[
            {"name": f.name, "kind": f.kind, "default": f.write(f.default), "low": f.low, "high": f.high, "options": list(f.options),
             "rows": list(f.rows), "cols": list(f.cols)} for f in self.fields])

    # -- what a subclass hands over ------------------------------------------------------------------------------------------------

    def texts(self) -> dict[str, str]:
        """Every text of the page, in the language in force. "title" names the lab to a screen reader."""
        return {}

    def settings(self) -> dict:
        """What the page needs besides texts and bytes (JSON)."""
        return {}

    def data(self) -> bytes:
        """Pictures and weights, as bytes; the page gets them once."""
        return b""

    def _shared_texts(self) -> dict[str, str]:
        return {
            "language": current(),
            "reset": say(en="Start again", ko="처음으로"),
            "tryThis": say(en="Try this", ko="해 보세요"),
            "setUp": say(en="set it up", ko="바로 준비"),
            "yes": say(en="yes", ko="네"),
            "no": say(en="no", ko="아니요"),
            "cellLabel": say(en="{grid}, row {row}, column {column}", ko="{grid}, {row}행 {column}열"),
        }

    # -- the state as text ---------------------------------------------------------------------------------------------------------

    @classmethod
    def _field(cls, name: str) -> Field:
        for field in cls.fields:
            if field.name == name:
                return field
        names = [field.name for field in cls.fields]
        near = difflib.get_close_matches(name, names, n=1)
        raise LabValueError(say(
            en=f"this lab has no '{name}': " + (f"did you mean {near[0]}?" if near else f"it has {', '.join(names)}"),
            ko=f"이 실험실에 '{name}' 항목은 없어요. " + (f"{near[0]}인지 확인해 주세요." if near else f"{', '.join(names)} 중에서 골라 주세요.")))

    @classmethod
    def complete(cls, given: dict) -> dict:
        """The whole state: `given` checked, everything else at its default."""
        checked = {name: cls._field(name).check(v) for name, v in given.items()}
        return cls.agree({field.name: checked.get(field.name, field.default) for field in cls.fields})

    @classmethod
    def agree(cls, state: dict) -> dict:
        """Where one field limits another, a subclass returns the state made consistent (or raises)."""
        return state

    @classmethod
    def read_state(cls, text: str) -> dict:
        """``"stride=2 padding=1"`` as a dict with every field; what is not named takes its default. Raises LabValueError."""
        given = {}
        for part in str(text).split():
            name, equals, rest = part.partition("=")
            if not equals:
                example = f"{cls.fields[0].name}={cls.fields[0].write(cls.fields[0].default)}"
                raise LabValueError(say(
                en=f"'{part}' is not a state: write name=value without spaces around the sign, for example {example}",
                    ko=f"'{part}'만으로는 상태를 알 수 없어요. {example}처럼 등호 앞뒤를 붙여서 써 주세요."))
            given[name] = cls._field(name).read(rest)
        return cls.complete(given)

    @classmethod
    def write_state(cls, state: dict) -> str:
        """The inverse of `read_state`: every field, in the order of `fields`."""
        return " ".join(f"{field.name}={field.write(state[field.name])}" for field in cls.fields)

    @property
    def state(self) -> dict:
        """The state as a dict of plain Python values."""
        return self.read_state(self.value)

    @traitlets.validate("value")
    def _checked(self, proposal):
        return self.write_state(self.read_state(proposal["value"]))

    # -- where there is no kernel --------------------------------------------------------------------------------------------------

    def picture(self):
        """`static_picture()`, drawn once."""
        if self._picture is None:
            self._picture = self.static_picture()
        return self._picture

    def _repr_mimebundle_(self, include=None, exclude=None, **_):
        """The widget, and beside it the static picture with its alt text for readers that cannot run widgets."""
        shown = super()._repr_mimebundle_()
        if shown is None:
            return None
        bundle, metadata = shown if isinstance(shown, tuple) else (shown, {})
        picture = self.picture()._repr_mimebundle_()
        still, still_metadata = picture if isinstance(picture, tuple) else (picture, {})
        bundle, metadata = dict(bundle), dict(metadata or {})
        for kind in ("image/png", "text/plain"):
            if kind in still:
                bundle[kind] = still[kind]
            if kind in still_metadata:
                metadata[kind] = still_metadata[kind]
        return bundle, metadata

    def html(self, picture: bool = True) -> str:
        """The lab as a fragment of a page that needs neither kernel nor network: the same module, with a stand-in for the model.

        With `picture`, readers without JavaScript get the static picture.
        """
        name = f"segcourse-{uuid.uuid4().hex[:8]}"
        state = {"value": self.value, "_start": self._start, "_texts": self._texts, "_fields": self._fields, "_settings": self._settings}
        still = ""
        if picture:
            bundle = self.picture()._repr_mimebundle_()
            bundle = bundle[0] if isinstance(bundle, tuple) else bundle
            png = bundle["image/png"]
            png = png if isinstance(png, str) else base64.b64encode(png).decode("ascii")
            still = f'<noscript><img alt="{escape(self.picture().alt)}" src="data:image/png;base64,{png}"></noscript>'
        return _PAGE.format(name=name, style=style_source(), still=still, module=_script_text(self._esm), state=_script_text(state),
                            data=base64.b64encode(self._data).decode("ascii"))


def _script_text(value: object) -> str:
    """`value` as a JavaScript literal that may stand inside a script element."""
    text = str(value) if not isinstance(value, dict) else value
    literal = json.dumps(text, ensure_ascii=False)
    return literal.replace("</", "<\\/").replace("<!--", "<\\!--").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


_PAGE = """<style>{style}</style>
<div id="{name}"></div>{still}
<script type="module">
const source = {module}, state = {state}, heard = {{}};
state._data = new DataView(Uint8Array.from(atob("{data}"), (c) => c.charCodeAt(0)).buffer);
const model = {{
  get: (name) => state[name],
  set(name, v) {{ const changed = state[name] !== v; state[name] = v; if (changed) for (const f of heard["change:" + name] || []) f(); }},
  save_changes() {{}},
  on(event, f) {{ (heard[event] = heard[event] || []).push(f); }},
  off(event, f) {{ heard[event] = (heard[event] || []).filter((g) => g !== f); }},
}};
const address = URL.createObjectURL(new Blob([source], {{ type: "text/javascript" }})), el = document.getElementById("{name}");
el.segcourseModel = model;
import(address).then((lab) => lab.default.render({{ model, el }})).finally(() => URL.revokeObjectURL(address));
</script>"""

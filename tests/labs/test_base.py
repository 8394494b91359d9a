import json
import re

import pytest
import traitlets

from segcourse import labs
from segcourse.labs.base import Field, Lab, LabValueError, module_source, style_source
from segcourse.language import josa, reading

LABS = labs.names()


def test_opening_a_lab_leaves_the_function_callable():
    # A submodule that is imported later replaces a package attribute of the same name.
    labs.transposed_conv()
    labs.transposed_conv()
    assert callable(labs.transposed_conv)


@pytest.mark.parametrize("name", LABS)
def test_the_state_survives_writing_and_reading(name):
    lab = getattr(labs, name)()
    first = lab.value
    assert lab.read_state(first) == lab.state
    lab.value = first
    assert lab.value == first
    assert lab.read_state("") == lab.read_state(lab._start)


@pytest.mark.parametrize("name", LABS)
def test_texts_come_in_the_language_in_force_and_none_is_missing(name):
    with reading("en"):
        english = getattr(labs, name)()._texts
    with reading("ko"):
        korean = getattr(labs, name)()._texts
    assert english.keys() == korean.keys()
    assert english["language"] == "en" and korean["language"] == "ko"
    for key, text in korean.items():
        assert text.strip(), key
        # The same blanks are filled in both languages.
        assert set(re.findall(r"\{(\w+)", text)) == set(re.findall(r"\{(\w+)", english[key])), key
    assert sum(bool(re.search("[가-힣]", text)) for text in korean.values()) > 15
    assert not any(re.search("[가-힣]", text) for text in english.values())


@pytest.mark.parametrize("name", LABS)
def test_every_text_the_module_asks_for_exists(name):
    lab = getattr(labs, name)()
    code = re.sub(r"/\*.*?\*/", "", module_source(name), flags=re.S)
    assert set(re.findall(r"""\bt\("([\w.]+)\"""", code)) <= set(lab._texts)


@pytest.mark.parametrize("name", LABS)
def test_the_module_keeps_no_address_and_loads_nothing(name):
    source = module_source(name)
    assert "export default" in source
    assert not re.search(r"https?://|\bimport\s*\(|^\s*import\s|\bfetch\(|XMLHttpRequest|localStorage", source, re.M)
    assert not re.search(r"https?://|@import|url\(", style_source())


@pytest.mark.parametrize(
    "text, said",
    [
        ("stride=9", "stride must be a whole number from 1 to 4, got '9': write for example stride=2"),
        ("stride=2.5", "stride must be a whole number from 1 to 4, got '2.5': write for example stride=2"),
        ("stride=nan", "got 'nan'"),
        ("strid=2", "this lab has no 'strid': did you mean stride?"),
        ("stride", "write name=value"),
        ("kernel=1,2;3", "kernel must be 1x1 to 5x5 numbers from -9 to 9, got '1,2;3'"),
        ("kernel=1,inf", "got '1,inf'"),
        ("input=1,two", "got '1,two'"),
        ("view=mean", "view must be one of sum, average, count, got 'mean'"),
        ("cell=1", "a row and a column"),
        ("input=1,2;3,4 stride=1 padding=3", "padding=3 cuts away the whole 4x4 output: write padding=1 or less"),
    ],
)
def test_a_bad_value_is_refused_in_one_sentence_and_changes_nothing(text, said):
    lab = labs.transposed_conv(stride=3)
    before = lab.value
    with reading("en"), pytest.raises(LabValueError) as refused:
        lab.value = text
    assert said in str(refused.value) and "\n" not in str(refused.value)
    assert lab.value == before
    assert isinstance(refused.value, ValueError) and isinstance(refused.value, traitlets.TraitError)
    with reading("ko"), pytest.raises(LabValueError, match="주세요"):
        lab.value = text


def test_keywords_are_checked_like_the_text():
    with pytest.raises(LabValueError, match="stride"):
        labs.transposed_conv(stride=0)
    with pytest.raises(LabValueError, match="did you mean padding"):
        labs.transposed_conv(paddings=1)
    lab = labs.transposed_conv(stride=3, input=[[1, 2, 3]], cell=None)
    assert lab.state["input"] == [[1, 2, 3]] and lab.state["stride"] == 3 and lab.state["cell"] is None


def test_what_a_text_does_not_name_takes_its_default():
    lab = labs.transposed_conv(stride=4)
    lab.value = "padding=1"
    assert (lab.state["stride"], lab.state["padding"]) == (2, 1)


def test_numbers_are_written_alike_in_python_and_in_the_page(in_node):
    numbers = [0, -0.0, 1, -1, 0.25, 1 / 3, -2 / 3, 8.99999, -0.00001, 0.5625, 9, -9, 0.0001]
    field = Field(name="g", kind="grid", default=[[0.0]], low=-9, high=9, rows=(1, 99), cols=(1, 99))
    page = in_node("transposed_conv", "m.writeState({ g: cases }, [{ name: 'g', kind: 'grid' }])", [numbers])
    assert page == f"g={field.write([numbers])}"


@pytest.mark.parametrize("name", LABS)
def test_the_page_reads_and_writes_the_state_as_python_does(name, in_node):
    lab = getattr(labs, name)()
    again = in_node(name, "m.writeState(m.readState(cases[0], cases[1]), cases[1])", [lab.value, lab._fields])
    assert again == lab.value


def test_particles_follow_the_reading_in_the_page_too(in_node):
    words = ["FCN", "8s", "3", "10", "stride", "커널", "칸", "합", "IoU", "VGG16", "6", "길", "r"]
    pairs = ["은/는", "이/가", "을/를", "과/와", "으로/로", "이에요/예요"]
    page = in_node("transposed_conv", "cases[0].map((w) => cases[1].map((p) => m.josaText(w, p)))", [words, pairs])
    assert page == [[josa(word, pair) for pair in pairs] for word in words]


def test_typed_numbers(in_node):
    typed = ["1", "-2", "−2", " 3.5 ", "0,5", ".25", "", "-", "two", "1e3", "1.2.3", "+4"]
    assert in_node("transposed_conv", "cases.map(m.readNumber)", typed) == [1, -2, -2, 3.5, 0.5, 0.25, None, None, None, None, None, 4]


@pytest.mark.parametrize("name", LABS)
def test_the_bundle_carries_the_widget_and_its_picture(name):
    lab = getattr(labs, name)()
    bundle, metadata = lab._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == lab.model_id
    assert bundle["text/plain"] == lab.picture().alt and len(bundle["text/plain"]) > 60
    assert len(bundle["image/png"]) > 2000
    assert lab._repr_mimebundle_()[0]["image/png"] == bundle["image/png"]


@pytest.mark.parametrize("name", LABS)
def test_a_picture_speaks_the_readers_language(name):
    with reading("ko"):
        assert re.search("[가-힣]{2}", getattr(labs, name)().static_picture().alt)
    with reading("en"):
        assert not re.search("[가-힣]", getattr(labs, name)().static_picture().alt)


def test_a_page_without_javascript_shows_the_picture():
    lab = labs.transposed_conv()
    page = lab.html()
    still = re.search(r'<noscript><img alt="([^"]+)" src="data:image/png;base64,([^"]+)"></noscript>', page)
    assert still.group(1) == lab.picture().alt and len(still.group(2)) > 2000
    assert "<noscript>" not in lab.html(picture=False)


def test_nothing_in_a_state_can_end_the_script_of_a_page():
    class Odd(Lab):
        fields = (Field(name="n", kind="int", default=1, low=0, high=2),)
        _esm = "export default { render() {} } // </script><!--"

        def texts(self):
            return {"title": "</script><script>alert(1)</script>\u2028"}

    page = Odd().html(picture=False)
    assert page.count("</script>") == 1 and page.endswith("</script>")
    assert "<!--" not in page and "\u2028" not in page
    assert json.loads(re.search(r"state = (\{.*?\}), heard", page).group(1).replace("<\\!--", "<!--"))["_texts"]["title"].startswith(
        "</script>"
    )


def test_a_role_has_one_colour_in_figures_and_labs():
    from segcourse.figures.base import NEGATIVE, ROLES

    light = style_source().split("[data-theme")[0]
    for role, colour in {"input": ROLES["input"], "kernel": ROLES["kernel"], "output": ROLES["output"], "negative": NEGATIVE}.items():
        assert re.search(rf"--sc-{role}: (#\w+);", light).group(1) == colour

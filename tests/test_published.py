import pytest

from segcourse import published
from segcourse.language import reading


NO_TABLE = {"Noh, Hong, Han, ICCV 2015"}       # read in others' summaries and in the release, which do not say where the paper prints them


def test_every_number_names_its_source_and_prints_as_its_value():
    for key in published.keys():
        number = published.get(key)
        assert number.source.count(",") >= 2 and (number.source in NO_TABLE or any(part.strip().startswith("Table") for part in number.source.split(",")))
        text = number.printed.rstrip("M")
        scale = 1e6 if number.printed.endswith("M") else 1
        assert float(text) * scale == pytest.approx(number.value)


def test_scores_name_their_split():
    for key in published.keys():
        if any(word in key for word in ("miou", "accuracy", "voc", "camvid")) and "parameters" not in key:
            assert published.get(key).data, key


def test_an_unknown_key_suggests_the_nearest_in_the_readers_language():
    with pytest.raises(KeyError, match="fcn.fcn8s.miou"):
        published.get("fcn.fcn8.miou")
    with reading("ko"), pytest.raises(KeyError, match="골라 주세요"):
        published.get("fcn.fcn8.miou")


@pytest.mark.parametrize("name, key", [("fcn_alexnet", "fcn.alexnet"), ("fcn32s", "fcn.vgg16")])
def test_what_our_networks_can_tell_is_what_was_published(name, key):
    """The table's parameters, without the upsampling layers, its receptive field and stride: a slip of the pen would show."""
    import torch

    from segcourse import models, ops

    with torch.device("meta"):
        model = models.create(name, num_classes=21)
    parameters = sum(part.numel() for layer, part in model.named_parameters() if not layer.startswith("upscore"))
    field = ops.receptive_field(model, (224, 224), at="score_fr")
    assert round(parameters / 1e6) == published.get(f"{key}.parameters").value / 1e6
    assert field.size[0] == published.get(f"{key}.receptive_field").value
    if f"{key}.stride" in published.keys():
        assert field.stride[0] == published.get(f"{key}.stride").value

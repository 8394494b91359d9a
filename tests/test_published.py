import pytest

from segcourse import published
from segcourse.language import reading


def test_every_number_names_its_source_and_prints_as_its_value():
    for key in published.keys():
        number = published.get(key)
        assert number.source.count(",") >= 2 and any(part.strip().startswith("Table") for part in number.source.split(","))
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

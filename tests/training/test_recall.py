"""Recall against object size: every object counts once, in the range of its own size."""

import pytest
import torch

from segcourse import ops
from segcourse.training import recall


def test_objects_by_hand():
    numbers = torch.tensor([[1, 1, 0, 3], [1, 1, 0, 3], [0, 0, 0, 3], [0, 0, 0, 3]])
    label = torch.where(numbers == 1, 8, torch.where(numbers == 3, 2, 0))
    prediction = label.clone()
    prediction[0, 0], prediction[2:, 3] = 0, 5
    assert recall.of_objects(prediction, label, numbers) == [(2.0, 0.75, 8), (2.0, 0.5, 2)]               # number 2 is hidden
    assert recall.of_objects(label, label, numbers * 0) == []


def test_ranges_are_half_open_and_each_object_counts_once():
    table = recall.by_size(recall.Seen(*seen, 8) for seen in [(3.9, 1.0), (4.0, 0.0), (7.9, 1.0), (8.0, 0.25), (500.0, 0.5)])
    assert [(row["from"], row["to"], row["objects"], row["recall"]) for row in table] == [
        (4, 8, 2, 0.5), (8, 16, 1, 0.25), (16, 32, 0, None), (32, 64, 0, None), (64, None, 1, 0.5)]


def test_forty_pixels_are_forty():
    model = recall.FortyPixels(11, width=0.05).eval()
    field = ops.receptive_field(model, (128, 192), at="score")
    assert field.size == (40, 40) and field.stride == (4, 4)
    assert model(torch.zeros(1, 3, 20, 30)).shape == (1, 11, 20, 30)


def test_collecting_over_a_data_set():
    class Data:
        def __getitem__(self, index):
            return None, torch.full((8, 8), index, dtype=torch.uint8)

        def instance(self, index):
            return torch.ones(8, 8, dtype=torch.int16)

    found = recall.Recall(Data(), edges=(4,))
    for index in range(3):
        found(index, torch.full((8, 8), 1, dtype=torch.uint8))
    assert found.table() == [{"from": 4, "to": None, "objects": 3, "recall": pytest.approx(1 / 3)}]
    assert found.table(1) == [{"from": 4, "to": None, "objects": 1, "recall": 1.0}] and found.table(5)[0]["objects"] == 0


def test_refused(refused):
    refused(lambda: recall.of_objects(torch.zeros(2, 2), torch.zeros(2, 2), torch.zeros(2, 3)), ["(2, 3)"])

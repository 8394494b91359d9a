"""The crops of DeconvNet's two stages: what is cut, what is labelled."""

import pytest
import torch

from segcourse import datasets
from segcourse.datasets import palettes
from segcourse.datasets.base import Dataset
from segcourse.training import Recipe, crops, fit, proposals

CAR, PEDESTRIAN, VOID, BACKGROUND, VOID_1 = 8, 9, 11, 11, 12


class Two(Dataset):
    """One picture of 60x80: road, a car (1) of 20x30, a pedestrian (2) beside it that hides a part of it, a strip of void."""

    def __init__(self):
        super().__init__(name="two", split="train", palette=palettes.CAMVID)
        self.label = torch.full((60, 80), 3, dtype=torch.uint8)
        self.numbers = torch.zeros(60, 80, dtype=torch.int16)
        self.label[20:40, 30:60], self.numbers[20:40, 30:60] = CAR, 1
        self.label[18:42, 54:62], self.numbers[18:42, 54:62] = PEDESTRIAN, 2
        self.label[20:22, :54] = torch.where(self.numbers[20:22, :54] > 0, self.label[20:22, :54], VOID)
        self.image = (self.label[None] * 20).repeat(3, 1, 1)

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.image.clone(), self.label.clone()

    def instance(self, index):
        return self.numbers.clone()


def test_an_object_stands_in_the_middle_and_is_labelled_alone():
    made = crops.ObjectCrops(Two(), (24, 24))
    assert len(made) == 2 and made.num_classes == 12 and made.void == VOID_1 and made.classes[-1] == "background" and made.background == BACKGROUND
    (_, box, number), label = made.boxes[0], made[0][1]
    assert number == 1 and box == (18, 28, 42, 57)                         # 20x24 of it are seen, (20, 30, 40, 54): 1.2 times that about the same centre, to half a pixel
    assert set(label.unique().tolist()) == {CAR, BACKGROUND, VOID_1}       # road and pedestrian are background, void stays void
    rows, columns = torch.nonzero(label == CAR, as_tuple=True)
    assert abs(float(rows.double().mean()) - 11.5) < 1.5 and abs(float(columns.double().mean()) - 11.5) < 1.5
    assert (label == CAR).sum() == pytest.approx(24 * 24 / 1.2 ** 2, rel=0.1)
    other = made[1][1]
    assert set(other.unique().tolist()) == {PEDESTRIAN, BACKGROUND} | ({VOID_1} if (other == VOID_1).any() else set())


def test_void_within_the_object_is_no_background():
    """Void of the data set has the number that stage 1 gives to background."""
    data = Two()
    data.label[25:35, 35:50] = VOID
    label = crops.ObjectCrops(data, (24, 24))[0][1]
    assert label[12, 12] == VOID_1 and (label == VOID_1).sum() > 80


def test_image_and_label_are_cut_alike():
    """The image of `Two` tells each pixel's class."""
    for made in (crops.ObjectCrops(Two(), 64), crops.ProposalCrops(Two(), 64, 5)):
        for image, label in made:
            same = (image[0].float() / 20).round() == label
            seen = (label == CAR) | (label == PEDESTRIAN)
            assert same[seen].float().mean() > 0.7                        # the rest lies on outlines, where colours mix


def test_outside_the_picture_is_void_and_the_mean_colour():
    data = Two()
    cutting = crops.cut(data.image, (-4, -3, 6, 5), [10, 20, 30])
    assert cutting.shape == (3, 10, 8) and cutting[:, 0, 0].tolist() == [10, 20, 30] and torch.equal(cutting[:, 4:, 3:], data.image[:, :6, :5])
    label = crops.cut(data.label, (55, 75, 65, 85), VOID)
    assert (label[5:] == VOID).all() and (label[:, 5:] == VOID).all() and torch.equal(label[:5, :5], data.label[55:, 75:])
    assert (crops.cut(data.label, (70, 90, 75, 95), VOID) == VOID).all()


@pytest.mark.parametrize("box", [(10, 10, 30, 20), (0, 0, 5, 5), (3, 4, 50, 6), (7, 9, 8, 10)])
def test_extending_keeps_the_centre(box):
    top, left, bottom, right = crops.extend(box)
    assert abs((top + bottom) - (box[0] + box[2])) <= 1 and abs((left + right) - (box[1] + box[3])) <= 1
    for low, high, before in ((top, bottom, box[2] - box[0]), (left, right, box[3] - box[1])):
        assert high - low == max(round(1.2 * before), crops.NARROWEST)


def test_proposals_that_meet_an_object_are_kept_and_everything_is_labelled(monkeypatch):
    data = Two()
    car, near, far = (20, 30, 40, 54), (20, 30, 40, 60), (0, 0, 15, 15)
    monkeypatch.setattr(proposals, "propose", lambda image, number: torch.tensor([far, near, car])[:number])
    made = crops.ProposalCrops(data, 32, 3)
    assert [box for _, box, _ in made.boxes] == [(0, 0, 60, 80), near, car] and made.num_classes == 11 and made.void == VOID
    assert {3, CAR, PEDESTRIAN, VOID} == set(made[0][1].unique().tolist()) and {CAR, PEDESTRIAN} <= set(made[1][1].unique().tolist())
    assert [box for _, box, _ in crops.ProposalCrops(data, 32, 3, whole=False).boxes] == [near, car]
    assert len(crops.ProposalCrops(data, 32, 1)) == 1                        # the first meets nothing


def test_fit_takes_them_and_streets_gives_them(network):
    scenes = datasets.hold(datasets.load("streets", "train", size=(64, 96), length=3))
    for made, size in ((crops.ObjectCrops(scenes, 16), 16), (crops.ProposalCrops(scenes, (16, 24), 20), (16, 24)), (crops.Wholes(scenes, 16), 16)):
        image, label = made[0]
        assert image.dtype == label.dtype == torch.uint8 and image.shape[1:] == label.shape == crops.size_pair(size)
        assert int(label[label != made.void].max()) < made.num_classes and made.meaning
        model = network()
        model[-1] = torch.nn.Conv2d(12, made.num_classes, 1)
        assert len(fit(model, made, None, Recipe(steps=2, batch_size=2, class_weights="median_frequency"), device="cpu").losses) == 2
    assert len(crops.ProposalCrops(scenes, 16, 20)) > 3, "no proposal meets an object"


def test_refused(refused, scenes):
    class Empty(Two):
        def instance(self, index):
            return torch.zeros(60, 80, dtype=torch.int16)

    for kind in (crops.ObjectCrops, crops.ProposalCrops):
        refused(lambda kind=kind: kind(scenes(), 16), ["scenes"])
    refused(lambda: crops.ObjectCrops(Empty(), 16), ["two", "1"])
    refused(lambda: crops.ProposalCrops(Two(), 0, 3), ["size", "0"])
    assert len(crops.ProposalCrops(Empty(), 16, 3)) == 1                     # without an object the whole picture still teaches

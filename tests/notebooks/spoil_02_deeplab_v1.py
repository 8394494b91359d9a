"""Chapter 02: for each claim, the operation it names as someone would write it who has it wrong."""

import torch
from torch.nn import functional as F

from segcourse import models, ops, training


def pooling_keeps_every_kth_cell(spoil):
    spoil.setattr(F, "max_pool2d", lambda x, size, *others, **options: x[..., ::size, ::size])


def resolution_is_the_whole_story(spoil):
    true = training.experiments.Experiment.results

    def results(self):
        found = true(self)
        for row in found["rows"]:
            if row["variant"] == "fcn32s_8":
                row["boundary_iou"] = 0.99
        return found

    spoil.setattr(training.experiments.Experiment, "results", results)


def a_denser_map_is_more_sensitive(spoil):
    true = ops.make_dense

    def make_dense(model, output_stride):
        dense = true(model, output_stride)
        with torch.no_grad():
            dense.conv5_3.weight.mul_(torch.linspace(0.5, 1.5, dense.conv5_3.weight.shape[-1]))
        return dense

    spoil.setattr(ops, "make_dense", make_dense)


def strides_go_and_nothing_is_dilated(spoil):
    true = ops.make_dense

    def make_dense(model, output_stride):
        dense = true(model, output_stride)
        for name, layer in dense.named_children():
            if name.startswith("conv"):
                layer.dilation, layer.padding = (1, 1), (1, 1)
        return dense

    spoil.setattr(ops, "make_dense", make_dense)


def the_kernel_is_enlarged_like_a_picture(spoil):
    spoil.setattr(ops, "zero_stuffed", lambda weight, rate: F.interpolate(weight, scale_factor=rate, mode="bilinear")[..., : 2 * rate + 1, : 2 * rate + 1])


def the_rate_is_a_stride(spoil):
    spoil.replace("output * step + rate * j", "output * rate + step * j")


def the_crf_enlarges(spoil):
    true = ops.dense_crf
    spoil.setattr(ops, "dense_crf", lambda q, image, **options: F.interpolate(true(q, image, **options)[None], scale_factor=8)[0])


def nothing_can_be_learned(spoil):
    spoil.replace("optimiser.step()", "pass")


def probabilities_need_not_add_up(spoil):
    spoil.replace("weights / weights.sum()", "weights")


def joined_pixels_look_alike(spoil):
    spoil.replace("- (colours[0] - colours[1]) ** 2 / (2 * beta ** 2)", "")


def the_unary_knows_one_pixel(spoil):
    spoil.setattr(models, "create", lambda name, num_classes, **options: OnePixel(num_classes))


class OnePixel(torch.nn.Module):
    """Scores from the colour of each pixel alone."""

    def __init__(self, num_classes):
        super().__init__()
        self.fc8 = torch.nn.Conv2d(3, num_classes, 1)

    def forward(self, images):
        return self.fc8(images)

    def scorer(self):
        return torch.nn.Sequential(self.fc8)


SPOILS = {
    "2.1": pooling_keeps_every_kth_cell,
    "2.1b": resolution_is_the_whole_story,
    "2.2": a_denser_map_is_more_sensitive,
    "2.3": strides_go_and_nothing_is_dilated,
    "2.4": the_kernel_is_enlarged_like_a_picture,
    "2.5": the_rate_is_a_stride,
    "2.6": the_crf_enlarges,
    "2.7": nothing_can_be_learned,
    "2.7a": probabilities_need_not_add_up,
    "2.8": joined_pixels_look_alike,
    "2.9": the_unary_knows_one_pixel,
}

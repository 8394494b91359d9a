"""Chapter 03: for each claim, the operation it names as someone would write it who has it wrong, or the results as they would be if it were otherwise."""

import torch
from torch.nn import functional as F

from segcourse import models, ops, training
from segcourse.models import unpooling
from segcourse.training.crops import size_pair


def resulting(spoil, change):
    """The results file read as ever, then `change(row)` for each of its rows."""
    true = training.experiments.Experiment.results

    def results(self):
        found = true(self)
        for row in found["rows"]:
            change(row)
        return found

    spoil.setattr(training.experiments.Experiment, "results", results)


def the_stamp_is_not_turned(spoil):
    true = ops.conv_transpose2d
    spoil.setattr(ops, "conv_transpose2d", lambda x, weight, *others, **options: true(x, weight.flip(2, 3), *others, **options))


def one_field_finds_every_size(spoil):
    def change(row):
        if row["variant"] == "forty_pixels":
            for part in row["recall"]:
                part["recall"] = 0.9 if part["objects"] else None

    resulting(spoil, change)


def nothing_is_known_until_all_is_shown(spoil):
    true = models.DeconvNet.forward

    def forward(self, images):
        scores = true(self, images)
        greyed = (images.abs().amax(1) < 0.01).double().mean((1, 2))     # of the pixels: the mean colour, which hardly any drawn pixel has
        hidden = greyed > 0.001
        return torch.where(hidden[:, None, None, None], -scores, scores)

    spoil.setattr(models.DeconvNet, "forward", forward)


def every_pixel_of_the_field_counts_alike(spoil):
    true = ops.effective_receptive_field
    spoil.setattr(ops, "effective_receptive_field", lambda model, size, *others, **options: (true(model, size, *others, **options) > 0).double())


def the_picture_shrinks_to_three_cells(spoil):
    true = models.create
    spoil.setattr(models, "create", lambda name, *others, **options: true(name, *others, **options | {"grid": 5}))


def one_cell_that_sees_everything_is_enough(spoil):
    def change(row):
        if row["variant"] in ("whole", "one_stage_whole"):
            for part in (*row["recall"], *row["recall_cars"]):
                part["recall"] = 0.99 if part["objects"] else None

    resulting(spoil, change)


def unpooling_goes_to_the_corner(spoil):
    def corner(values, switches, size):
        laid = ops.bed_of_nails(values, 2)[..., :size[0], :size[1]]
        return F.pad(laid, (0, size[1] - laid.shape[-1], 0, size[0] - laid.shape[-2]))

    spoil.setattr(ops, "max_unpool2d", corner)


def unpooling_fills_the_whole_block(spoil):
    spoil.setattr(ops, "max_unpool2d", lambda values, switches, size: ops.nearest_unpool2d(values, 2))


def the_decoder_ignores_the_switches(spoil):
    def forward(self, x, switches, size):
        laid = x.new_zeros(*x.shape[:2], *size)
        laid[..., ::2, ::2] = x
        return laid

    spoil.setattr(unpooling.Unpool, "forward", forward)


def batch_normalisation_is_in_the_way(spoil):
    """Everything a row tells of learning, with and without, changes places."""
    worst = {"miou": 0.01, "boundary_iou": 0.01, "pole_iou": 0.0, "pixel_accuracy": 0.05, "mean_accuracy": 0.05, "valid_miou": 0.01}
    best = dict.fromkeys(worst, 0.99)

    def change(row):
        for variant, values in (("deconvnet", worst), ("deconvnet_no_batch_norm", best)):
            if row["variant"] == variant:
                row |= values
                row["iou"] = [values["miou"]] * len(row["iou"])
                row["loss"] = 1 - values["miou"]
                row["curve"] = [[step, values["miou"]] for step, _ in row.get("curve", [])]

    resulting(spoil, change)


def the_last_box_wins(spoil):
    inner = training.instancewise

    def merged(model, image, boxes, size, zeros, device):
        best, covered = None, torch.zeros(image.shape[1:], dtype=torch.bool)
        for box, scores in zip(boxes, inner._scores(model, image, boxes, size_pair(size), device), strict=True):
            top, left, bottom, right = box.tolist()
            best = torch.full((len(scores), *image.shape[1:]), 0.0 if zeros else float("-inf")) if best is None else best
            best[:, top:bottom, left:right] = scores
            covered[top:bottom, left:right] = True
            yield box, best, covered

    spoil.setattr(inner, "_merged", merged)


SPOILS = {
    "3.1": the_stamp_is_not_turned,
    "3.2": one_field_finds_every_size,
    "3.2a": nothing_is_known_until_all_is_shown,
    "3.3": every_pixel_of_the_field_counts_alike,
    "3.4": the_picture_shrinks_to_three_cells,
    "3.4a": one_cell_that_sees_everything_is_enough,
    "3.5": unpooling_goes_to_the_corner,
    "3.5b": unpooling_fills_the_whole_block,
    "3.6": the_decoder_ignores_the_switches,
    "3.7": batch_normalisation_is_in_the_way,
    "3.8": the_last_box_wins,
}

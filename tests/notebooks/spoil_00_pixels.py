"""Chapter 00: for each claim, the operation it names as someone would write it who has it wrong."""

import torch

from segcourse import models, ops
from segcourse.training import scores


def one_decision_for_sixteen_pixels(spoil):
    """The score map is handed out as it is, at stride 4."""
    true = models.create

    def create(name, *args, **options):
        network = true(name, *args, **options)
        network.forward = lambda images: network.score(network.features(images))
        return network

    spoil.setattr(models, "create", create)


def void_is_taken_for_the_last_class(spoil):
    true = ops.one_hot
    spoil.setattr(ops, "one_hot", lambda labels, num_classes, *, void=None: true(labels.clamp(max=num_classes - 1), num_classes))


def classes_that_are_never_said_have_no_vote(spoil):
    true = scores.class_iou

    def class_iou(confusion):
        iou = true(confusion)
        return torch.where(confusion.sum(0) > 0, iou, torch.nan)

    spoil.setattr(scores, "class_iou", class_iou)


SPOILS = {
    "0.1": one_decision_for_sixteen_pixels,
    "0.2": void_is_taken_for_the_last_class,
    "0.3": classes_that_are_never_said_have_no_vote,
}

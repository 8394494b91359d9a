"""Chapter 01: for each claim, the operation it names as someone would write it who has it wrong."""

import torch
from torch import nn
from torch.nn import functional as F

from segcourse import models, ops


def a_fully_connected_layer_is_left(spoil):
    true = models.create

    def create(name, *args, **options):
        network = true(name, *args, **options)
        network.score_again = nn.Linear(4096, 21)
        return network

    spoil.setattr(models, "create", create)


def weights_are_read_in_another_order(spoil):
    true = ops.linear_to_conv

    def linear_to_conv(linear, kernel_size):
        conv = true(linear, kernel_size)
        with torch.no_grad():
            out, channels, height, width = conv.weight.shape
            conv.weight.copy_(conv.weight.reshape(out, height, width, channels).permute(0, 3, 1, 2).clone())
        return conv

    spoil.setattr(ops, "linear_to_conv", linear_to_conv)


def something_of_similar_size_is_made(spoil):
    true = ops.linear_to_conv

    def linear_to_conv(linear, kernel_size):
        conv = true(linear, kernel_size)
        conv.reset_parameters()
        return conv

    spoil.setattr(ops, "linear_to_conv", linear_to_conv)


def the_filter_depends_on_the_place(spoil):
    true = ops.conv2d

    def conv2d(x, weight, *args, **options):
        answer = true(x, weight, *args, **options)
        return answer * torch.linspace(1, 2, answer.shape[-1], dtype=answer.dtype)

    spoil.setattr(ops, "conv2d", conv2d)


def the_map_is_always_brought_to_seven_by_seven(spoil):
    spoil.replace("head(trunk(torch.rand(1, 3, *size)))", "head(F.adaptive_avg_pool2d(trunk(torch.rand(1, 3, *size)), 7))")


def every_kernel_is_a_square(spoil):
    true = ops.bilinear_kernel
    spoil.setattr(ops, "bilinear_kernel", lambda *args, **options: torch.full_like(true(*args, **options), 0.25))


def it_is_the_inverse(spoil):
    """The best inverse there is: the pseudo-inverse of the convolution whose transpose the true operation is."""
    true = ops.conv_transpose2d

    def conv_transpose2d(x, weight, *args, **options):
        cells = x[0].numel()
        basis = torch.eye(cells, dtype=x.dtype).view(cells, *x.shape[1:])
        columns = true(basis, weight, *args, **options)
        transpose = columns.flatten(1)  # one row a cell: A itself, since the true operation is its transpose
        return (torch.linalg.pinv(transpose) @ x.flatten(1).T).T.view(len(x), *columns.shape[1:])

    spoil.setattr(ops, "conv_transpose2d", conv_transpose2d)


def stride_is_forgotten_on_the_way_back(spoil):
    true = ops.conv_transpose2d

    def conv_transpose2d(x, weight, bias=None, stride=1, padding=0, output_padding=0, **options):
        return true(x, weight, bias, stride=1, padding=padding, output_padding=0, **options)

    spoil.setattr(ops, "conv_transpose2d", conv_transpose2d)


def the_stamp_moves_by_one_cell(spoil):
    true = ops.conv_transpose2d

    def conv_transpose2d(x, weight, *args, **options):
        canvas = torch.zeros_like(true(x, weight, *args, **options))
        prints = true(x, weight)
        canvas[..., : prints.shape[-2], : prints.shape[-1]] = prints
        return canvas

    spoil.setattr(ops, "conv_transpose2d", conv_transpose2d)


def overlaps_are_averaged(spoil):
    true = ops.conv_transpose2d

    def conv_transpose2d(x, weight, *args, **options):
        prints = true(x, weight, *args, **options)
        count = true(torch.ones_like(x[:1, :1]), torch.ones_like(weight[:1, :1]), *args, **options)
        return prints / count.clamp(min=1)

    spoil.setattr(ops, "conv_transpose2d", conv_transpose2d)


def every_kernel_is_a_tent_of_odd_size(spoil):
    true = ops.bilinear_kernel
    spoil.setattr(ops, "bilinear_kernel", lambda channels, factor, kernel_size=None: true(channels, factor, kernel_size=2 * factor - 1))


def pooling_keeps_every_position(spoil):
    spoil.setattr(F, "max_pool2d", lambda x, size: F.pixel_unshuffle(x, size))


def short_cut_and_map_are_averaged(spoil):
    true = models.create

    def create(name, *args, **options):
        network = true(name, *args, **options)
        network.upscore_pool4.register_forward_pre_hook(lambda module, inputs: (inputs[0] / 2,))
        return network

    spoil.setattr(models, "create", create)


SPOILS = {
    "1.1": a_fully_connected_layer_is_left,
    "1.2": weights_are_read_in_another_order,
    "1.2a": the_filter_depends_on_the_place,
    "1.2b": something_of_similar_size_is_made,
    "1.3": the_map_is_always_brought_to_seven_by_seven,
    "1.4": weights_are_read_in_another_order,
    "1.5": every_kernel_is_a_square,
    "1.6": it_is_the_inverse,
    "1.7": stride_is_forgotten_on_the_way_back,
    "1.8": the_stamp_moves_by_one_cell,
    "1.9": overlaps_are_averaged,
    "1.10": every_kernel_is_a_tent_of_odd_size,
    "1.11": pooling_keeps_every_position,
    "1.12": short_cut_and_map_are_averaged,
}

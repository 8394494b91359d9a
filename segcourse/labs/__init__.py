"""The interactive figures. Each function opens a lab; keywords set its state: ``labs.transposed_conv(stride=3, view="count")``.

Every lab has `value`, its state as a short text (read it, or set it to move the lab), `static_picture()`, and `html()`, a page that needs
no kernel.
"""

import importlib

# A lab's file and its function share a name, so the files are imported first: a submodule imported later would hide the function.
_LABS = {name: getattr(importlib.import_module(f"segcourse.labs.{name}"), kind) for name, kind in (
    ("transposed_conv", "TransposedConvLab"), ("no_inverse", "NoInverseLab"), ("slide_classifier", "SlideClassifierLab"),
    ("receptive_field", "ReceptiveFieldLab"), ("scores", "ScoresLab"),
    ("atrous", "AtrousLab"), ("dense_map", "DenseMapLab"), ("crf", "CrfLab"),
    ("switches", "SwitchesLab"), ("follow_switch", "FollowSwitchLab"), ("switch_swap", "SwitchSwapLab"), ("proposals", "ProposalsLab"))}
__all__ = [*_LABS, "names"]


def names() -> list[str]:
    """The labs there are."""
    return list(_LABS)


def transposed_conv(**state):
    """Lay the stamps of a transposed convolution one by one. Fields: input, kernel, stride, padding, stamps, view, scene, cell."""
    return _LABS["transposed_conv"](**state)


def no_inverse(**state):
    """Three lights over convolution and pooling and what is called their inverse. Fields: x, kernel, stride, seed."""
    return _LABS["no_inverse"](**state)


def slide_classifier(**state):
    """Slide a classifier: each crop on its own against one pass, and what they cost. Fields: padding, size, view, picture, window."""
    return _LABS["slide_classifier"](**state)


def receptive_field(**state):
    """Build a stack of layers, point at an output, and see its receptive field on a photo, layer by layer. Fields: stack, cell, view, photo."""
    return _LABS["receptive_field"](**state)


def scores(**state):
    """Paint, move, shrink or spoil a prediction and watch every score of it. Fields: scene, chosen, dx, dy, grow, forget, flat, view, reach,
    void, brush, painted."""
    return _LABS["scores"](**state)


def atrous(**state):
    """Atrous layers over a photo: what one output reads, and a strided map filled in. Fields: view, kernel, rates, cell, scene, first, stride,
    filled, pool, conv, pad, at."""
    return _LABS["atrous"](**state)


def dense_map(*, maps=None, **state):
    """One trained network at output strides 32, 16 and 8 with the same weights, then the CRF. Fields: stride, crf, picture, cell. `maps` are those of a
    network of your own: ``training.dense_maps.compute(model, dataset)``."""
    return _LABS["dense_map"](maps=maps, **state)


def crf(**state):
    """Redraw a coarse labelling of a photo by a fully connected CRF, iteration by iteration, and see whom a pixel listens to. Fields: iteration, view,
    label, pixel, confidence, bilateral_weight, bilateral_xy, bilateral_rgb, gaussian_weight, gaussian_xy."""
    return _LABS["crf"](**state)


def switches(**state):
    """Pool a map, keep where each maximum stood, put it back there; move a maximum; the other ways back beside it; pool again. Fields: view, kernel,
    x, y, at."""
    return _LABS["switches"](**state)


def follow_switch(*, model=None, dataset=None, show=None, **state):
    """Follow one pixel through five poolings of a trained network, and the switches back up. Fields: picture, pixel, rank. `model`, `dataset` and `show` are
    a DeconvNet of your own, its pictures, and the numbers of those to show."""
    return _LABS["follow_switch"](model=model, dataset=dataset, show=show, **state)


def switch_swap(*, model=None, dataset=None, show=None, **state):
    """Decode one picture's code with another picture's switches. Fields: a, b, switches, code, lines, pixel. `model`, `dataset` and `show` are a trained
    DeconvNet or SegNet of your own, its pictures, and the numbers of those to show."""
    return _LABS["switch_swap"](model=model, dataset=dataset, show=show, **state)


def proposals(*, maps=None, **state):
    """Watch a label map assemble, proposal by proposal. Fields: picture, boxes, lines, pixel. `maps` are those of a network of your own:
    ``training.proposal_maps.compute(model, dataset)``."""
    return _LABS["proposals"](maps=maps, **state)

"""What chapter 02 measures on trained networks without another step of training: the weights of an FCN-32s at output strides 16 and 8, and the
fully connected CRF behind a network, tuned on the validation split (DeepLab v1, sections 3.1 and 4.2).
"""

import time

from torch import Tensor, nn

from segcourse import ops
from segcourse.models import dense
from segcourse.training import crf_search, refine

STRIDES = (16, 8)
TUNED_ON = 20               # pictures of the validation split; half a minute on two cores


class AtStride(nn.Module):
    """The weights of `model` at another output stride: images (N, 3, H, W) -> logits (N, classes, H, W), enlarged bilinearly.

    The weights are copied, so `model` stays as it is. Raises ValueError as `models.dense.scorer` and `ops.make_dense` do.
    """

    def __init__(self, model: nn.Module, stride: int):
        super().__init__()
        self.scorer = ops.make_dense(dense.scorer(model), stride)
        self.grid = dense.grid(self.scorer)

    def forward(self, images: Tensor) -> Tensor:
        return dense.enlarge(self.scorer(images), self.grid, tuple(images.shape[2:]))


def rows(experiment, variant: str, seed: int, model: nn.Module) -> list[dict]:
    """Rows for the table of `experiment`: FCN-32s at strides 16 and 8, then with the CRF; any other network with the CRF alone."""
    found, test = [], experiment.data("test")
    for stride in STRIDES if variant == "fcn32s" else ():
        network, name = AtStride(model, stride), f"{variant}_{stride}"
        began = time.perf_counter()
        scores = refine.evaluate(network, test)
        found.append({"variant": name, "seed": seed, **experiment.figures(scores), "seconds": round(time.perf_counter() - began, 1)})
        model, variant = (network, name) if stride == STRIDES[-1] else (model, variant)
    began = time.perf_counter()
    search = crf_search.search(model, experiment.data("valid"), images=TUNED_ON, finer=False)
    scores = refine.evaluate(model, test, crf=search.best)
    return [*found, {"variant": f"{variant}_crf", "seed": seed, **experiment.figures(scores), "crf": search.best, "valid_gain": search.gain,
                     "seconds": round(time.perf_counter() - began, 1)}]

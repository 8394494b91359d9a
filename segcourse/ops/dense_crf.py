"""The fully connected CRF and its mean field: Krähenbühl and Koltun, NIPS 2011; DeepLab (Chen et al., ICLR 2015), section 2.3.

Every pixel i listens to every other one. The energy of a labelling x is

    E(x) = sum_i u_i(x_i) + sum_{i<j} sum_m weight_m * compatibility[x_i, x_j] * k_m(i, j),          u_i(l) = -log probability_i(l),
    k_bilateral = exp(-|place_i - place_j|^2 / (2 bilateral_xy^2) - |colour_i - colour_j|^2 / (2 bilateral_rgb^2)),
    k_gaussian  = exp(-|place_i - place_j|^2 / (2 gaussian_xy^2)),

and the mean field is the product of per-pixel distributions q that comes nearest to exp(-E) / Z. One iteration (algorithm 1 of the paper):

    q_i(l)  <-  softmax over l of  log probability_i(l) - sum_m weight_m * sum_l' compatibility[l, l'] * (k_m q)_i(l')

What is done as pydensecrf does it, so that results agree: kernels are normalised (D^-1/2 k D^-1/2, D its row sums), the sum over j includes j = i,
probabilities are taken as at least 1e-5, all pixels are updated at once.

**The sign.** `compatibility` is a cost. None is Potts, which rewards equal labels: -identity. The paper writes Potts as 1 for different labels and 0 for
equal ones; that differs by a constant per pixel, which the softmax does not see. So Potts with weight w, the vector -w (a vector stands for
a diagonal) and the matrix -w * identity are the same, and the vector +w pushes equal labels apart. pydensecrf's `compat` has the same trap.
"""

import math
from collections.abc import Iterator
from numbers import Real

import torch
from torch import Tensor, nn

from segcourse.language import josa, say
from segcourse.ops.crf_kernels import NORMALISATIONS, ExactKernel, LatticeKernel, crf_features

LEAST = 1e-5                # the smallest probability: pydensecrf's unary_from_softmax clips there


def dense_crf(probabilities: Tensor, image: Tensor, *, bilateral_weight: float = 4.0, bilateral_xy: float = 49.0, bilateral_rgb: float = 5.0,
              gaussian_weight: float = 3.0, gaussian_xy: float = 3.0, compatibility: Tensor | None = None, normalisation: str = "symmetric",
              iterations: int = 10) -> Tensor:
    """Probabilities (C, H, W) or (N, C, H, W) float and image (3, H, W) or (N, 3, H, W) uint8 RGB -> probabilities of the same shape and dtype.

    Widths are standard deviations: *_xy in pixels, bilateral_rgb in grey levels; the defaults are the values released with DeepLab v1. compatibility:
    None (Potts), (C,) or (C, C), see the sign in this file's head; a matrix counts as the mean of itself and its transpose. normalisation:
    "symmetric", "before" (k D^-1), "after" (D^-1 k) or "none" (the lattice's sums as they come: 0.5 to 0.9 times the exact ones).
    Gradients reach the probabilities and a compatibility that is a tensor; to learn the weights use `DenseCRF`. Raises ValueError for what cannot be.
    """
    crf = _settings(probabilities, bilateral_weight, bilateral_xy, bilateral_rgb, gaussian_weight, gaussian_xy, compatibility, normalisation, iterations)
    return crf.run(probabilities, image, LatticeKernel)


def dense_crf_exact(probabilities: Tensor, image: Tensor, *, bilateral_weight: float = 4.0, bilateral_xy: float = 49.0, bilateral_rgb: float = 5.0,
                    gaussian_weight: float = 3.0, gaussian_xy: float = 3.0, compatibility: Tensor | None = None, normalisation: str = "symmetric",
                    iterations: int = 10) -> Tensor:
    """`dense_crf` by the definition: every pair of pixels, O((H * W)^2) time; float64 where the probabilities are. For small images: 60x80 takes seconds."""
    crf = _settings(probabilities, bilateral_weight, bilateral_xy, bilateral_rgb, gaussian_weight, gaussian_xy, compatibility, normalisation, iterations)
    return crf.run(probabilities, image, ExactKernel)


def _settings(probabilities, bilateral_weight, bilateral_xy, bilateral_rgb, gaussian_weight, gaussian_xy, compatibility, normalisation, iterations):
    _check_maps("probabilities", probabilities)
    return _CRF(probabilities.shape[-3], (bilateral_weight, gaussian_weight), bilateral_xy, bilateral_rgb, gaussian_xy, compatibility, normalisation, iterations)


class DenseCRF(nn.Module):
    """`dense_crf` for num_labels labels as a layer that learns: `bilateral_weight` and `gaussian_weight` (scalars) and `compatibility` ((C, C), or (C,)
    where a vector was given; None begins as -identity, Potts) are parameters. The widths are fixed.

    forward(probabilities, image) -> probabilities, shapes as `dense_crf`; gradients reach the probabilities too. Zheng et al. (ICCV 2015) train a
    network through these iterations.
    """

    def __init__(self, num_labels: int, *, bilateral_weight: float = 4.0, bilateral_xy: float = 49.0, bilateral_rgb: float = 5.0,
                 gaussian_weight: float = 3.0, gaussian_xy: float = 3.0, compatibility: Tensor | None = None, normalisation: str = "symmetric",
                 iterations: int = 10):
        super().__init__()
        crf = _CRF(num_labels, (bilateral_weight, gaussian_weight), bilateral_xy, bilateral_rgb, gaussian_xy, compatibility, normalisation, iterations)
        self.num_labels, self.normalisation, self.iterations = num_labels, normalisation, iterations
        self.bilateral_xy, self.bilateral_rgb, self.gaussian_xy = bilateral_xy, bilateral_rgb, gaussian_xy
        self.bilateral_weight = nn.Parameter(torch.tensor(float(bilateral_weight)))
        self.gaussian_weight = nn.Parameter(torch.tensor(float(gaussian_weight)))
        self.compatibility = nn.Parameter(-torch.eye(num_labels) if compatibility is None else crf.compatibility.detach().clone().float())

    def _crf(self) -> "_CRF":
        return _CRF(self.num_labels, (self.bilateral_weight, self.gaussian_weight), self.bilateral_xy, self.bilateral_rgb, self.gaussian_xy,
                    self.compatibility, self.normalisation, self.iterations)

    def forward(self, probabilities: Tensor, image: Tensor) -> Tensor:
        return self._crf().run(probabilities, image, LatticeKernel)

    def steps(self, probabilities: Tensor, image: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """After each of 0, 1, ..., iterations: (q, energy, kl). q is shaped as the probabilities; at iteration 0 it is the softmax of the unary alone.

        energy is the mean of E under q, kl is energy less the entropy of q: the divergence of q from exp(-E) / Z up to log Z, so it may be negative, and
        only its fall means something. Both are float64, () for one image, (N,) for a batch. The pairwise sum counts each pair once (i < j) and half
        of the pair of a pixel with itself, which the kernel includes; pydensecrf's klDivergence counts every pair twice.
        """
        return self._crf().steps(probabilities, image, LatticeKernel)

    def extra_repr(self) -> str:
        return (f"{self.num_labels}, bilateral_xy={self.bilateral_xy:g}, bilateral_rgb={self.bilateral_rgb:g}, gaussian_xy={self.gaussian_xy:g}, "
                f"normalisation={self.normalisation!r}, iterations={self.iterations}")


class _CRF:
    """The settings, checked, and the mean field."""

    def __init__(self, num_labels, weights, bilateral_xy, bilateral_rgb, gaussian_xy, compatibility, normalisation, iterations):
        if isinstance(num_labels, bool) or not isinstance(num_labels, int) or num_labels < 1:
            raise ValueError(say(en=f"num_labels must be a whole number from 1 on, got {num_labels!r}", ko=f"num_labels는 1 이상의 정수여야 하는데 {josa(repr(num_labels), '이에요/예요')}. 고쳐 주세요."))
        if isinstance(iterations, bool) or not isinstance(iterations, int) or iterations < 0:
            raise ValueError(say(en=f"iterations must be a whole number from 0 on, got {iterations!r}", ko=f"iterations는 0 이상의 정수여야 하는데 {josa(repr(iterations), '이에요/예요')}. 고쳐 주세요."))
        for name, width in (("bilateral_xy", bilateral_xy), ("bilateral_rgb", bilateral_rgb), ("gaussian_xy", gaussian_xy)):
            if not isinstance(width, Real) or not math.isfinite(width) or width <= 0:
                raise ValueError(say(en=f"{name} is a width and must be above 0, got {width!r}; to leave a kernel out, set its weight to 0",
                                     ko=f"{josa(name, '은/는')} 너비라서 0보다 커야 하는데 {josa(repr(width), '이에요/예요')}. 커널을 빼려면 가중치를 0으로 두세요."))
        for name, weight in zip(("bilateral_weight", "gaussian_weight"), weights, strict=True):
            if not isinstance(weight, Tensor) and (not isinstance(weight, Real) or not math.isfinite(weight)):
                raise ValueError(say(en=f"{name} must be a finite number, got {weight!r}", ko=f"{josa(name, '은/는')} 유한한 수여야 하는데 {josa(repr(weight), '이에요/예요')}. 고쳐 주세요."))
        if normalisation not in NORMALISATIONS:
            choices = ", ".join(NORMALISATIONS)
            raise ValueError(say(en=f"normalisation is one of {choices}, not {normalisation!r}", ko=f"normalisation은 {choices} 중 하나여야 하는데 {josa(repr(normalisation), '이에요/예요')}. 고쳐 주세요."))
        if compatibility is not None:
            compatibility = torch.as_tensor(compatibility)
            if tuple(compatibility.shape) not in ((num_labels,), (num_labels, num_labels)):
                raise ValueError(say(en=f"compatibility must be ({num_labels},) or ({num_labels}, {num_labels}) for {num_labels} labels, got {tuple(compatibility.shape)}; "
                                        f"a single number belongs into the kernel weights",
                                     ko=f"레이블이 {num_labels}개면 compatibility의 모양은 ({num_labels},)나 ({num_labels}, {num_labels})여야 하는데 {tuple(compatibility.shape)}이에요. "
                                        f"수 하나라면 커널 가중치에 넣어 주세요."))
        self.num_labels, self.weights, self.compatibility, self.normalisation, self.iterations = num_labels, weights, compatibility, normalisation, iterations
        self.widths = ((bilateral_xy, bilateral_rgb), (gaussian_xy, None))

    def _start(self, probabilities: Tensor, image: Tensor, kernel):
        """(log probabilities (N * H * W, C), the kernels)."""
        probabilities, image = _checked(probabilities, image, self.num_labels)
        dtype = torch.float64 if probabilities.dtype == torch.float64 else torch.float32
        logs = probabilities.permute(0, 2, 3, 1).reshape(-1, self.num_labels).to(dtype).clamp(min=LEAST).log()
        kernels = [kernel(crf_features(image, xy, rgb, dtype=dtype), self.normalisation) for xy, rgb in self.widths]
        return logs, kernels

    def _message(self, q: Tensor, kernels) -> Tensor:
        """What the other pixels say in favour of each label, (N * H * W, C)."""
        total = 0
        for weight, kernel in zip(self.weights, kernels, strict=True):
            total = total + weight * kernel.filter(q)
        if self.compatibility is None:
            return total
        cost = self.compatibility.to(total)
        return -total * cost if cost.dim() == 1 else -total @ ((cost + cost.T) / 2)

    def run(self, probabilities: Tensor, image: Tensor, kernel) -> Tensor:
        """The mean field after the last iteration."""
        logs, kernels = self._start(probabilities, image, kernel)
        q = logs.softmax(1)
        for _ in range(self.iterations):
            q = (logs + self._message(q, kernels)).softmax(1)
        return _as_maps(q, probabilities)

    def steps(self, probabilities: Tensor, image: Tensor, kernel):
        logs, kernels = self._start(probabilities, image, kernel)
        q = logs.softmax(1)
        for iteration in range(self.iterations + 1):
            message = self._message(q, kernels)
            images = probabilities.shape[0] if probabilities.dim() == 4 else 1
            energy = -(q.double() * (logs + message / 2)).view(images, -1).sum(1)
            kl = energy + torch.special.xlogy(q.double(), q).view(images, -1).sum(1)
            yield (_as_maps(q, probabilities), energy, kl) if probabilities.dim() == 4 else (_as_maps(q, probabilities), energy[0], kl[0])
            if iteration < self.iterations:
                q = (logs + message).softmax(1)


def _as_maps(q: Tensor, like: Tensor) -> Tensor:
    *images, labels, height, width = like.shape
    return q.view(*images, height, width, labels).movedim(-1, -3).to(like.dtype).contiguous()


def _check_maps(name: str, maps) -> None:
    if not isinstance(maps, Tensor) or maps.dim() not in (3, 4) or 0 in maps.shape:
        got = tuple(maps.shape) if isinstance(maps, Tensor) else type(maps).__name__
        raise ValueError(say(en=f"{name} must be a tensor (C, H, W) or (N, C, H, W), none of them 0, got {got}",
                             ko=f"{josa(name, '은/는')} (C, H, W)나 (N, C, H, W) 모양의 텐서여야 하고 크기가 0이면 안 되는데 {got}이에요. 고쳐 주세요."))


def _checked(probabilities: Tensor, image: Tensor, num_labels: int) -> tuple[Tensor, Tensor]:
    """Both as batches. Raises ValueError for what is no probability, no picture, or not of one size."""
    _check_maps("probabilities", probabilities)
    _check_maps("image", image)
    return (probabilities, image) if probabilities.dim() == 4 else (probabilities[None], image[None])

"""The fully connected CRF and its mean field: Krähenbühl and Koltun, NIPS 2011; DeepLab (Chen et al., ICLR 2015), section 4.2.

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
import torch.nn.functional as F
from torch import Tensor, nn

from segcourse.language import josa, say
from segcourse.ops.crf_kernels import NORMALISATIONS, ExactKernels, LatticeKernels, crf_features
from segcourse.ops.free_memory import check_memory

LEAST = 1e-5                # the smallest probability: pydensecrf's unary_from_softmax clips there
OFF = 0.02                  # from 1, that sums of probabilities may be: half precision and resizing leave them a little off


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
    return crf.run(probabilities, image, LatticeKernels)


def dense_crf_exact(probabilities: Tensor, image: Tensor, *, bilateral_weight: float = 4.0, bilateral_xy: float = 49.0, bilateral_rgb: float = 5.0,
                    gaussian_weight: float = 3.0, gaussian_xy: float = 3.0, compatibility: Tensor | None = None, normalisation: str = "symmetric",
                    iterations: int = 10) -> Tensor:
    """`dense_crf` by the definition: every pair of pixels, O((H * W)^2) time; float64 where the probabilities are. For small images: 60x80 takes seconds."""
    crf = _settings(probabilities, bilateral_weight, bilateral_xy, bilateral_rgb, gaussian_weight, gaussian_xy, compatibility, normalisation, iterations)
    return crf.run(probabilities, image, ExactKernels)


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
        return self._crf().run(probabilities, image, LatticeKernels)

    def steps(self, probabilities: Tensor, image: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """After each of 0, 1, ..., iterations: (q, energy, kl). q is shaped as the probabilities; at iteration 0 it is the softmax of the unary alone.

        energy is the mean of E under q, kl is energy less the entropy of q: the divergence of q from exp(-E) / Z up to log Z, so it may be negative, and
        only its fall means something. Both are float64, () for one image, (N,) for a batch. The pairwise sum counts each pair once (i < j) and half
        of the pair of a pixel with itself, which the kernel includes; pydensecrf's klDivergence counts every pair twice.
        """
        return self._crf().steps(probabilities, image, LatticeKernels)

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
            if not compatibility.requires_grad and not bool(compatibility.isfinite().all()):
                raise ValueError(say(en="compatibility holds NaN or infinite values: correct them", ko="compatibility에 NaN이나 무한대가 있어요. 고쳐 주세요."))
        self.num_labels, self.weights, self.compatibility, self.normalisation, self.iterations = num_labels, weights, compatibility, normalisation, iterations
        self.widths = ((bilateral_xy, bilateral_rgb), (gaussian_xy, None))

    def _start(self, probabilities: Tensor, image: Tensor, kernels):
        """(log probabilities (N * H * W, columns), the kernels, their factors): a column for each label, and filled up to a multiple of 8, which
        processors like, with labels that cannot be."""
        probabilities, image = _checked(probabilities, image, self.num_labels)
        dtype = torch.float64 if probabilities.dtype == torch.float64 else torch.float32
        images, labels, height, width = probabilities.shape
        columns = padded(labels)
        what = f"dense_crf, {images} x {height} x {width}, {labels} labels"
        check_memory(what, images * height * width * bytes_per_pixel(labels) * dtype.itemsize // 4, probabilities.device)
        logs = torch.full((images * height * width, columns), -math.inf, dtype=dtype, device=probabilities.device)
        logs.view(images, -1, columns)[..., :labels] = probabilities.reshape(images, labels, -1).to(dtype).clamp(min=LEAST).log().transpose(1, 2)
        used = [(weight, widths) for weight, widths in zip(self.weights, self.widths, strict=True) if isinstance(weight, Tensor) or weight != 0]
        kernels = kernels([crf_features(image, xy, rgb, dtype=dtype) for _, (xy, rgb) in used], self.normalisation)
        check_memory(what, kernels.rows * columns * dtype.itemsize * 3, probabilities.device)
        return logs, kernels, [self._factor(weight, columns, logs) for weight, _ in used]

    def _factor(self, weight, columns: int, like: Tensor):
        """weight * -compatibility, the share of a message in favour of a label: a number for Potts, else a matrix."""
        weight = weight.to(like) if isinstance(weight, Tensor) else weight
        if self.compatibility is None:
            return weight
        cost = self.compatibility.to(like)
        cost = cost.diag() if cost.dim() == 1 else (cost + cost.T) / 2
        spare = columns - self.num_labels
        return F.pad(cost, (0, spare, 0, spare)) * -weight

    def run(self, probabilities: Tensor, image: Tensor, kernels) -> Tensor:
        """The mean field after the last iteration."""
        _check_maps("probabilities", probabilities)
        _check_maps("image", image)
        if len(probabilities) == len(image) and probabilities.dim() == image.dim() == 4 and len(image) > 1 and probabilities.device.type == "cpu":
            return torch.stack([self.run(*one, kernels) for one in zip(probabilities, image, strict=True)])    # one picture fits the caches, a batch does not
        with torch.autocast(probabilities.device.type, enabled=False):
            logs, kernels, factors = self._start(probabilities, image, kernels)
            q = logs.softmax(1)
            for _ in range(self.iterations):
                q = (kernels.messages(q, factors) + logs).softmax(1)
            return _as_maps(q, probabilities)

    def steps(self, probabilities: Tensor, image: Tensor, kernels):
        logs, kernels, factors = self._start(probabilities, image, kernels)
        images = logs.shape[0] // (probabilities.shape[-1] * probabilities.shape[-2])
        q = logs.softmax(1)
        for iteration in range(self.iterations + 1):
            message = kernels.messages(q, factors)
            p = q[:, :self.num_labels].double()
            energy = -(p * (logs + message / 2)[:, :self.num_labels]).view(images, -1).sum(1)
            kl = energy + torch.special.xlogy(p, p).view(images, -1).sum(1)
            yield (_as_maps(q, probabilities), energy, kl) if probabilities.dim() == 4 else (_as_maps(q, probabilities), energy[0], kl[0])
            if iteration < self.iterations:
                q = (message + logs).softmax(1)


def padded(labels: int) -> int:
    """Columns of the tables: a multiple of 8."""
    return -(-labels // 8) * 8


def bytes_per_pixel(labels: int) -> int:
    """Memory that float32 mean field takes for each pixel, as measured, where a pixel shares its corners; the lattice's tables come on top."""
    return 350 + 20 * padded(labels)


def _as_maps(q: Tensor, like: Tensor) -> Tensor:
    """q (N * H * W, columns) in the shape and dtype of `like`, (C, H, W) or (N, C, H, W)."""
    *images, labels, height, width = like.shape
    maps = q.view(-1, height * width, q.shape[1])[..., :labels].transpose(1, 2).to(like.dtype, memory_format=torch.contiguous_format)
    return maps.reshape(like.shape)


def _check_maps(name: str, maps) -> None:
    if not isinstance(maps, Tensor) or maps.dim() not in (3, 4) or 0 in maps.shape:
        got = tuple(maps.shape) if isinstance(maps, Tensor) else type(maps).__name__
        raise ValueError(say(en=f"{name} must be a tensor (C, H, W) or (N, C, H, W), none of them 0, got {got}",
                             ko=f"{josa(name, '은/는')} (C, H, W)나 (N, C, H, W) 모양의 텐서이고 빈 축이 없어야 하는데 {josa(got, '이에요/예요')}. 고쳐 주세요."))


def _checked(probabilities: Tensor, image: Tensor, num_labels: int) -> tuple[Tensor, Tensor]:
    """Both as batches. Raises ValueError for what is no probability, no picture, or not of one size."""
    _check_maps("probabilities", probabilities)
    _check_maps("image", image)
    _check_shapes(tuple(probabilities.shape), tuple(image.shape), num_labels)
    if image.dtype != torch.uint8:
        advice = "(image * 255).round().to(torch.uint8)" if image.is_floating_point() and bool((image.abs() <= 1.5).all()) else "image.to(torch.uint8)"
        raise ValueError(say(en=f"image must be uint8, 0 to 255, since bilateral_rgb is in grey levels, got {image.dtype}: pass {advice}",
                             ko=f"bilateral_rgb의 단위가 밝기 단계라서 image는 0부터 255까지의 uint8이어야 하는데 {image.dtype}이에요. {josa(advice, '을/를')} 넘겨 주세요."))
    if image.device != probabilities.device:
        raise ValueError(say(en=f"image is on {image.device}, probabilities on {probabilities.device}: bring both to one device",
                             ko=f"image는 {image.device}에, probabilities는 {probabilities.device}에 있어요. 한 장치로 옮겨 주세요."))
    _check_probabilities(probabilities)
    return (probabilities, image) if probabilities.dim() == 4 else (probabilities[None], image[None])


def _check_shapes(probabilities: tuple, image: tuple, num_labels: int) -> None:
    if image[-3] != 3:
        last = say(en="; colour stands last in it: use image.permute(2, 0, 1)" if len(image) == 3 else "; colour stands last in it: use image.permute(0, 3, 1, 2)",
                   ko=". 색이 마지막 축에 있으니 image.permute(2, 0, 1)을 써 주세요." if len(image) == 3 else ". 색이 마지막 축에 있으니 image.permute(0, 3, 1, 2)를 써 주세요.")
        raise ValueError(say(en=f"image must be (3, H, W) or (N, 3, H, W), got {image}", ko=f"image의 모양은 (3, H, W)나 (N, 3, H, W)여야 하는데 {image}이에요")
                         + (last if image[-1] == 3 else say(en="", ko=". 고쳐 주세요.")))
    if probabilities[-2:] != image[-2:]:
        if probabilities[-3:-1] == image[-2:]:
            raise ValueError(say(en=f"probabilities {probabilities} have the labels last: they belong before height and width, (C, H, W); use permute",
                                 ko=f"probabilities의 모양이 {probabilities}이라 레이블 축이 마지막에 있어요. permute로 (C, H, W) 순서로 바꿔 주세요."))
        raise ValueError(say(en=f"probabilities are {probabilities[-2]}x{probabilities[-1]} and the image is {image[-2]}x{image[-1]}: bring them to one size, "
                                f"as with ops.resize",
                             ko=f"probabilities는 {probabilities[-2]}x{probabilities[-1]}이고 image는 {image[-2]}x{image[-1]}이에요. ops.resize 등으로 크기를 맞춰 주세요."))
    if probabilities[:-3] != image[:-3]:
        raise ValueError(say(en=f"probabilities {probabilities} and image {image} must both be batches of as many images, or both be single",
                             ko=f"probabilities {probabilities}, image {image}. 둘 다 같은 수의 배치이거나 둘 다 한 장이어야 해요. 맞춰 주세요."))
    if probabilities[-3] != num_labels:
        raise ValueError(say(en=f"this CRF is for {num_labels} labels, got probabilities of {probabilities[-3]}", ko=f"이 CRF의 레이블은 {num_labels}개인데 probabilities에는 {probabilities[-3]}개가 있어요. 맞춰 주세요."))


def _check_probabilities(probabilities: Tensor) -> None:
    if not probabilities.is_floating_point():
        raise ValueError(say(en=f"probabilities must be floating point, got {probabilities.dtype}; labels become probabilities with ops.one_hot",
                             ko=f"probabilities는 실수형이어야 하는데 {probabilities.dtype}이에요. 레이블은 ops.one_hot으로 바꿔 주세요."))
    total = probabilities.detach().sum(-3)
    least, low, high = torch.stack([probabilities.detach().amin().to(total), total.amin(), total.amax()]).tolist()     # one wait for the device
    if not math.isfinite(least + low + high):
        raise ValueError(say(en="probabilities hold NaN or infinite values: look for them in what made the probabilities", ko="probabilities에 NaN이나 무한대가 있어요. 확률을 만든 쪽을 살펴봐 주세요."))
    if least < 0 or low < 1 - OFF or high > 1 + OFF:
        raise ValueError(say(en=f"probabilities must be at least 0 and sum to 1 over the labels; the least is {least:.3g}, the sums go from {low:.3g} to {high:.3g}. "
                                f"If these are scores (logits), pass scores.softmax(-3)",
                             ko=f"probabilities는 0 이상이고 레이블 방향의 합이 1이어야 하는데, 가장 작은 값이 {least:.3g}, 합이 {low:.3g}~{high:.3g}이에요. "
                                f"점수(로짓)라면 scores.softmax(-3)을 넘겨 주세요."))

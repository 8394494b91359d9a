"""The fully connected CRF: against the sums written out, against its own energy, against pydensecrf where that is installed."""

import ctypes
import gc
import math
from pathlib import Path

import numpy
import pytest
import torch
import torch.nn.functional as F

from segcourse import datasets, ops
from segcourse.language import LANGUAGES, reading
from segcourse.ops.dense_crf import bytes_per_pixel
from segcourse.training import crf_speed

WIDTHS = dict(bilateral_weight=10.0, bilateral_xy=80.0, bilateral_rgb=13.0)


def scene(height=60, width=80, labels=5, seed=0):
    """A drawn street and what a coarse network might say of it: labels blurred over 8 pixels, with noise. (probabilities, image)."""
    image, label = datasets.load("streets", "train", size=(height, width), length=seed + 1)[seed]
    coarse = F.avg_pool2d(ops.one_hot(label.long() % labels, labels)[None], 9, 1, 4, count_include_pad=False)[0]
    noise = torch.randn(coarse.shape, generator=torch.Generator().manual_seed(seed))
    return ((coarse + 0.1).log() + 0.3 * noise).softmax(0), image


def written_out(probabilities, image, iterations, *, normalisation="symmetric", mu=None, bilateral=(4.0, 49.0, 5.0), gaussian=(3.0, 3.0)):
    """Mean field with the kernels as matrices. mu: (C, C) cost; the update is u + sum of costs, in the paper's own signs."""
    labels, height, width = probabilities.shape
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    places = torch.stack([x, y]).view(2, -1).double()
    colours = image.reshape(3, -1).double()
    mu = 1 - torch.eye(labels, dtype=torch.float64) if mu is None else mu
    kernels = []
    for weight, xy, rgb in ((*bilateral,), (*gaussian, None)):
        distance = sum((c[:, None] - c[None]) ** 2 for c in places) / (2 * xy**2)
        if rgb is not None:
            distance = distance + sum((c[:, None] - c[None]) ** 2 for c in colours) / (2 * rgb**2)
        kernel = (-distance).exp()
        norm = kernel.sum(1)
        left, right = {"symmetric": (norm**-0.5, norm**-0.5), "before": (1, 1 / norm), "after": (1 / norm, 1), "none": (1, 1)}[normalisation]
        kernels.append(weight * (kernel * right * (left[:, None] if isinstance(left, torch.Tensor) else left)))
    kernel = sum(kernels)
    unary = -probabilities.double().clamp(min=1e-5).log().view(labels, -1).T
    q = (-unary).softmax(1)
    history = [q]
    for _ in range(iterations):
        q = (-unary - kernel @ q @ mu).softmax(1)
        history.append(q)
    return [q.T.reshape(labels, height, width) for q in history], unary, kernel


# ---------------------------------------------------------------------------------------------------------------------------- the definition

@pytest.mark.parametrize("normalisation", ["symmetric", "before", "after", "none"])
def test_exact_equals_the_sums_written_out(normalisation):
    probabilities, image = scene(32, 32, 4)
    probabilities, image = probabilities[:, 4:16, 3:20], image[:, 4:16, 3:20].contiguous()
    weights = dict(bilateral_weight=0.05, gaussian_weight=0.02) if normalisation == "none" else {}
    wanted, *_ = written_out(probabilities, image, 4, normalisation=normalisation, bilateral=(weights.get("bilateral_weight", 4.0), 49.0, 5.0),
                             gaussian=(weights.get("gaussian_weight", 3.0), 3.0))
    got = ops.dense_crf_exact(probabilities.double(), image, iterations=4, normalisation=normalisation, **weights)
    torch.testing.assert_close(got, wanted[-1], rtol=1e-9, atol=1e-9)


def test_exact_in_small_blocks_is_the_same(monkeypatch):
    probabilities, image = scene(32, 32, 3)
    whole = ops.dense_crf_exact(probabilities, image, iterations=2)
    monkeypatch.setattr("segcourse.ops.crf_kernels.PAIRS", 2000)
    torch.testing.assert_close(ops.dense_crf_exact(probabilities, image, iterations=2), whole, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["drawn", "photo"])
def test_lattice_is_near_the_definition(kind):
    """On the scenes of `segcourse bench crf`: a mean difference of at most 1e-3. How many labels differ depends on how sure the unary is (1 to 2 %)."""
    probabilities, image = crf_speed.scene(kind, (60, 80))
    exact, lattice = ops.dense_crf_exact(probabilities, image, **WIDTHS), ops.dense_crf(probabilities, image, **WIDTHS)
    assert (exact - lattice).abs().mean() <= 1e-3
    assert (exact.argmax(0) == lattice.argmax(0)).double().mean() >= 0.985
    assert (lattice.argmax(0) != probabilities.argmax(0)).double().mean() > 0.03       # it did something


def test_lattice_is_near_the_definition_on_a_small_scene():
    probabilities, image = crf_speed.scene("drawn", (32, 40))
    exact, lattice = (crf(probabilities, image, iterations=3, **WIDTHS) for crf in (ops.dense_crf_exact, ops.dense_crf))
    assert (exact - lattice).abs().mean() <= 5e-3 and (exact.argmax(0) == lattice.argmax(0)).double().mean() >= 0.97


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "lattice"])
def test_signs(exact):
    """Potts with weight w, the vector -w, the matrix -w I and the paper's w (1 - I) are one; the vector +w pushes labels apart."""
    crf = ops.dense_crf_exact if exact else ops.dense_crf
    probabilities, image = scene(32, 32, 4)
    potts = crf(probabilities, image, iterations=3)
    eye = torch.eye(4)
    for same in (-torch.ones(4), -eye, 1 - eye, 1 - eye + torch.triu(torch.ones(4, 4), 1) - torch.tril(torch.ones(4, 4), -1)):
        torch.testing.assert_close(crf(probabilities, image, iterations=3, compatibility=same), potts, rtol=1e-4, atol=1e-5)
    apart = crf(probabilities, image, iterations=3, compatibility=torch.ones(4))
    assert (apart - potts).abs().max() > 0.3
    assert apart.amax(0).mean() < probabilities.amax(0).mean() < potts.amax(0).mean()


def test_a_cost_between_two_labels_keeps_them_apart():
    probabilities, image = scene(32, 40, 4)
    cost = 1 - torch.eye(4, dtype=torch.float64)
    cost[0, 1] = cost[1, 0] = 5
    wanted, *_ = written_out(probabilities, image, 3, mu=cost)
    got = ops.dense_crf_exact(probabilities.double(), image, iterations=3, compatibility=cost)
    torch.testing.assert_close(got, wanted[-1], rtol=1e-9, atol=1e-9)


# ---------------------------------------------------------------------------------------------------------------------------------- the steps

def test_steps_give_the_energy_and_the_divergence():
    """The mean energy under q is a sum over pairs i < j, and half of each pixel's pair with itself; by a sum over all pairs, halved."""
    probabilities, image = scene(32, 32, 3)
    probabilities, image = probabilities[:, :10, :12].contiguous(), image[:, :10, :12].contiguous()
    crf = ops.DenseCRF(3, iterations=3, bilateral_rgb=30.0)
    with torch.no_grad():
        steps = list(crf.steps(probabilities.double(), image))
    history, unary, kernel = written_out(probabilities, image, 3, bilateral=(4.0, 49.0, 30.0))
    assert len(steps) == 4
    torch.testing.assert_close(steps[0][0], probabilities.double().clamp(min=1e-5) / probabilities.double().clamp(min=1e-5).sum(0))
    for (q, energy, kl), near in zip(steps, history, strict=True):
        assert (q - near).abs().mean() < 0.02                              # the lattice's error
        flat = q.reshape(3, -1).T
        pairs = torch.triu(kernel, 1) * -(flat @ flat.T)                   # each pair once
        own = -(kernel.diag() * flat.square().sum(1)).sum() / 2
        wanted = (unary * flat).sum() + pairs.sum() + own
        assert float(energy) == pytest.approx(float(wanted), rel=0.02, abs=0.5)
        assert float(energy - kl) == pytest.approx(float(-torch.special.xlogy(flat, flat).sum()), rel=1e-9)
        assert energy.shape == kl.shape == () and energy.dtype == torch.float64
    falls = [float(kl) for _, _, kl in steps]
    assert all(later < earlier for earlier, later in zip(falls, falls[1:], strict=False))


def test_the_last_step_is_forward_and_a_batch_is_its_images():
    pairs = [scene(32, 40, 3, seed) for seed in (0, 1)]
    probabilities, images = (torch.stack(both) for both in zip(*pairs, strict=True))
    crf = ops.DenseCRF(3, iterations=3)
    with torch.no_grad():
        *_, (last, energy, kl) = crf.steps(probabilities, images)
        alone = [list(crf.steps(p, i))[-1] for p, i in pairs]
        torch.testing.assert_close(crf(probabilities, images), last, rtol=1e-4, atol=1e-5)
    assert energy.shape == kl.shape == (2,)
    for number, (q, one_energy, one_kl) in enumerate(alone):
        torch.testing.assert_close(last[number], q, rtol=1e-4, atol=1e-5)
        assert float(energy[number]) == pytest.approx(float(one_energy), rel=1e-5) and float(kl[number]) == pytest.approx(float(one_kl), rel=1e-5)
    assert torch.equal(ops.dense_crf(probabilities, images)[1], ops.dense_crf(*pairs[1]))


# ----------------------------------------------------------------------------------------------------------------------------------- learning

def parameters(labels, dtype=torch.float64):
    start = torch.Generator().manual_seed(1)
    cost = -torch.eye(labels, dtype=dtype) + 0.2 * torch.rand(labels, labels, dtype=dtype, generator=start)
    return torch.tensor(2.0, dtype=dtype), torch.tensor(1.0, dtype=dtype), cost


@pytest.mark.parametrize("normalisation", ["symmetric", "after"])
def test_gradients_of_weights_compatibility_and_probabilities(normalisation):
    probabilities, image = scene(32, 32, 3)
    logits = probabilities[:, :4, :5].double().log().requires_grad_()
    crf = ops.DenseCRF(3, iterations=2, bilateral_rgb=40.0, normalisation=normalisation).double()
    names = ("bilateral_weight", "gaussian_weight", "compatibility")

    def run(logits, *values):
        return torch.func.functional_call(crf, dict(zip(names, values, strict=True)), (logits.softmax(0), image[:, :4, :5].contiguous()))
    assert torch.autograd.gradcheck(run, (logits, *(value.requires_grad_() for value in parameters(3))), atol=1e-6)


def test_gradient_is_that_of_the_definition():
    """Not the same function, but near: the gradient of the lattice's mean field points where the exact one's does."""
    probabilities, image = scene(32, 32, 4)
    grads = []
    for crf in (ops.dense_crf, ops.dense_crf_exact):
        p = probabilities.double().requires_grad_()
        (crf(p, image, iterations=2, bilateral_rgb=20.0) * torch.arange(4.0).view(-1, 1, 1)).sum().backward()
        grads.append(p.grad.flatten())
    assert F.cosine_similarity(*grads, dim=0) > 0.99


def test_its_weights_are_learned():
    """Truth made with other weights is found again, from the release's."""
    probabilities, image = scene(32, 40, 3)
    with torch.no_grad():
        truth = ops.dense_crf(probabilities, image, bilateral_weight=1.0, gaussian_weight=6.0, iterations=3)
    crf = ops.DenseCRF(3, iterations=3)
    optimiser = torch.optim.Adam(crf.parameters(), lr=0.2)
    losses = []
    for _ in range(25):
        loss = -(truth * crf(probabilities, image).clamp(min=1e-6).log()).sum(0).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    floor = float(torch.special.entr(truth).sum(0).mean())
    assert losses[-1] - floor < 0.2 * (losses[0] - floor)


def test_state_and_repr():
    crf = ops.DenseCRF(3, compatibility=-torch.ones(3))
    assert {name: tuple(value.shape) for name, value in crf.state_dict().items()} == {"bilateral_weight": (), "gaussian_weight": (), "compatibility": (3,)}
    assert tuple(ops.DenseCRF(3).compatibility.shape) == (3, 3) and "bilateral_xy=49" in repr(crf)
    probabilities, image = scene(32, 32, 3)
    torch.testing.assert_close(crf(probabilities, image), ops.dense_crf(probabilities, image), rtol=1e-4, atol=1e-5)


# ----------------------------------------------------------------------------------------------------------------------------------- bad input

P = torch.rand(4, 6, 7, generator=torch.Generator().manual_seed(0)).softmax(0)
IMAGE = torch.randint(0, 256, (3, 6, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
BAD = {
    "logits": (lambda: ops.dense_crf(P.log() + 2, IMAGE), "softmax"),
    "scores above 1": (lambda: ops.dense_crf(P * 3, IMAGE), "softmax"),
    "another size": (lambda: ops.dense_crf(P, IMAGE[:, :5]), "5x7"),
    "float image": (lambda: ops.dense_crf(P, IMAGE / 255), "* 255"),
    "other integers": (lambda: ops.dense_crf(P, IMAGE.int()), "uint8"),
    "NaN": (lambda: ops.dense_crf(torch.where(P == P[0, 0, 0], math.nan, P), IMAGE), "NaN"),
    "infinite": (lambda: ops.dense_crf(torch.where(P == P[0, 0, 0], math.inf, P), IMAGE), "NaN"),
    "zero width": (lambda: ops.dense_crf(P, IMAGE, bilateral_xy=0), "bilateral_xy"),
    "negative width": (lambda: ops.dense_crf(P, IMAGE, gaussian_xy=-3), "gaussian_xy"),
    "width of NaN": (lambda: ops.dense_crf(P, IMAGE, bilateral_rgb=math.nan), "bilateral_rgb"),
    "infinite weight": (lambda: ops.dense_crf(P, IMAGE, gaussian_weight=math.inf), "gaussian_weight"),
    "colour last": (lambda: ops.dense_crf(P, IMAGE.permute(1, 2, 0)), "permute"),
    "labels last": (lambda: ops.dense_crf(P.permute(1, 2, 0), IMAGE), "permute"),
    "negative iterations": (lambda: ops.dense_crf(P, IMAGE, iterations=-1), "iterations"),
    "half an iteration": (lambda: ops.dense_crf(P, IMAGE, iterations=0.5), "iterations"),
    "compatibility of 3": (lambda: ops.dense_crf(P, IMAGE, compatibility=torch.eye(3)), "(4, 4)"),
    "compatibility a number": (lambda: ops.dense_crf(P, IMAGE, compatibility=torch.tensor(3.0)), "(4, 4)"),
    "compatibility of NaN": (lambda: ops.dense_crf(P, IMAGE, compatibility=torch.full((4,), math.nan)), "NaN"),
    "one image, a batch": (lambda: ops.dense_crf(P[None], IMAGE), "(3, 6, 7)"),
    "batches of 1 and 2": (lambda: ops.dense_crf(P[None], IMAGE[None].repeat(2, 1, 1, 1)), "(2, 3, 6, 7)"),
    "unknown normalisation": (lambda: ops.dense_crf(P, IMAGE, normalisation="sym"), "symmetric"),
    "labels of another number": (lambda: ops.DenseCRF(5)(P, IMAGE), "5"),
    "no label": (lambda: ops.DenseCRF(0), "num_labels"),
    "integers": (lambda: ops.dense_crf(torch.zeros(4, 6, 7, dtype=torch.long), IMAGE), "one_hot"),
    "numpy": (lambda: ops.dense_crf(P.numpy(), IMAGE), "ndarray"),
    "nothing": (lambda: ops.dense_crf(P[:, :0], IMAGE[:, :0]), "(4, 0, 7)"),
    "exact, too": (lambda: ops.dense_crf_exact(P * 3, IMAGE), "softmax"),
    "steps, too": (lambda: next(ops.DenseCRF(4).steps(P * 3, IMAGE)), "softmax"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("language", LANGUAGES)
def test_bad_input_is_named(case, language):
    call, word = BAD[case]
    with reading(language), pytest.raises(ValueError) as raised:
        call()
    assert word in str(raised.value)
    assert (language == "ko") == any("가" <= letter <= "힣" for letter in str(raised.value))


def test_odd_input_that_is_right():
    assert torch.equal(ops.dense_crf(torch.ones(1, 6, 7), IMAGE), torch.ones(1, 6, 7))                     # one label
    pixel = ops.dense_crf(P[:, :1, :1], IMAGE[:, :1, :1])                                                  # a 1x1 image hears itself alone
    wanted, *_ = written_out(P[:, :1, :1], IMAGE[:, :1, :1], 10)
    torch.testing.assert_close(pixel.double(), wanted[-1], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(ops.dense_crf(P, IMAGE, iterations=0), P)
    torch.testing.assert_close(ops.dense_crf(P, IMAGE, bilateral_weight=0, gaussian_weight=0), P)
    line, *_ = written_out(P[:, :1], IMAGE[:, :1], 2)
    torch.testing.assert_close(ops.dense_crf_exact(P[:, :1].double(), IMAGE[:, :1], iterations=2), line[-1])
    assert ops.dense_crf(P.half(), IMAGE).dtype == torch.float16
    assert ops.dense_crf(F.one_hot(torch.randint(0, 4, (6, 7)), 4).permute(2, 0, 1).float(), IMAGE).isfinite().all()
    strided = ops.dense_crf(P.transpose(1, 2).contiguous().transpose(1, 2), IMAGE.flip(2).flip(2))
    assert torch.equal(strided, ops.dense_crf(P, IMAGE))
    huge = ops.dense_crf(P, IMAGE, bilateral_xy=1e-3, bilateral_rgb=1e-3, gaussian_xy=1e-3)                # nobody hears anybody
    alone, *_ = written_out(P, IMAGE, 10, bilateral=(4.0, 1e-3, 1e-3), gaussian=(3.0, 1e-3))
    torch.testing.assert_close(huge.double(), alone[-1], rtol=1e-2, atol=1e-3)


# -------------------------------------------------------------------------------------------------------------------------------------- memory

def resident(what):
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(what):
            return int(line.split()[1]) * 1024
    raise AssertionError(what)


needs_proc = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="/proc tells the memory of a process on Linux only")


def test_too_large_an_image_says_what_it_needs(monkeypatch):
    monkeypatch.setattr("segcourse.ops.free_memory.free_memory", lambda device: 2 * 10**9)
    photo = torch.empty(3, 4000, 3000, dtype=torch.uint8)
    probabilities = torch.full((1, 1, 1), 1 / 21).expand(21, 4000, 3000)
    began = resident("VmRSS") if Path("/proc/self/status").exists() else None
    for language, word in (("en", "GB of memory"), ("ko", "메모리가")):
        with reading(language), pytest.raises(MemoryError, match=word):
            ops.dense_crf(probabilities, photo)
    if began is not None:
        assert resident("VmRSS") - began < 300e6


@pytest.mark.slow
@needs_proc
def test_memory_at_375x500():
    """At most 500 MB above what the process held, and what is foreseen is not far from what is taken."""
    probabilities, image = scene(375, 500, 21)
    ops.dense_crf(probabilities[:, :40, :40].softmax(0), image[:, :40, :40], iterations=1)
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)                                 # what earlier tests have freed goes back to the system, or it would be taken again unseen
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = resident("VmRSS")
    ops.dense_crf(probabilities, image, iterations=2, **WIDTHS)
    taken = resident("VmHWM") - before
    assert taken < 500e6
    assert 0.5 < 375 * 500 * bytes_per_pixel(21) / taken < 2.5


@needs_proc
def test_no_growth_over_100_calls():
    probabilities, image = scene(32, 48, 5)
    crf = ops.DenseCRF(5, iterations=1)
    crf(probabilities, image).sum().backward()

    def calls(count):
        for _ in range(count):
            ops.dense_crf(probabilities, image, iterations=1)
            crf(probabilities, image).sum().backward()
    calls(10)
    gc.collect()
    before = resident("VmRSS")
    calls(45)
    gc.collect()
    assert resident("VmRSS") - before < 8e6


# ------------------------------------------------------------------------------------------------------------------------------------ the peer

def peer(probabilities, image, iterations=10, normalisation="symmetric", compatibility=1.0):
    densecrf, utils = pytest.importorskip("pydensecrf.densecrf"), pytest.importorskip("pydensecrf.utils")
    norm = {"symmetric": densecrf.NORMALIZE_SYMMETRIC, "before": densecrf.NORMALIZE_BEFORE, "after": densecrf.NORMALIZE_AFTER, "none": densecrf.NO_NORMALIZATION}
    labels, height, width = probabilities.shape

    def compat(weight):
        return weight * compatibility if isinstance(compatibility, float) else (weight * compatibility).float().numpy()
    crf = densecrf.DenseCRF2D(width, height, labels)
    crf.setUnaryEnergy(utils.unary_from_softmax(probabilities.numpy()))
    crf.addPairwiseBilateral(sxy=80, srgb=13, rgbim=image.permute(1, 2, 0).numpy().copy(), compat=compat(10.0), normalization=norm[normalisation])
    crf.addPairwiseGaussian(sxy=3, compat=compat(3.0), normalization=norm[normalisation])
    return crf, torch.from_numpy(numpy.array(crf.inference(iterations))).view(labels, height, width)


@pytest.mark.parametrize(("size", "labels"), [((60, 80), 5), ((75, 101), 21), ((33, 40), 8)])
@pytest.mark.parametrize("iterations", [0, 1, 5, 10])
def test_equals_pydensecrf(size, labels, iterations):
    probabilities, image = scene(*size, labels)
    _, theirs = peer(probabilities, image, iterations)
    assert (ops.dense_crf(probabilities, image, iterations=iterations, **WIDTHS) - theirs).abs().max() <= 1e-3


@pytest.mark.parametrize("normalisation", ["before", "after", "none"])
def test_equals_pydensecrf_in_every_normalisation(normalisation):
    probabilities, image = scene()
    _, theirs = peer(probabilities, image, 2, normalisation)
    assert (ops.dense_crf(probabilities, image, iterations=2, normalisation=normalisation, **WIDTHS) - theirs).abs().max() <= 1e-3


def test_equals_pydensecrf_in_every_compatibility():
    probabilities, image = scene()
    for cost in (-torch.rand(5), torch.rand(5) * 0.1, torch.randn(5, 5) * 0.3, -torch.eye(5)):
        _, theirs = peer(probabilities, image, 5, compatibility=cost)
        assert (ops.dense_crf(probabilities, image, iterations=5, compatibility=cost, **WIDTHS) - theirs).abs().max() <= 1e-3

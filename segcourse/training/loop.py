"""The training loop: `fit`. Pictures lie on the device as uint8 from the first step to the last, and are augmented there."""

import time
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from segcourse.datasets import hold, normalise
from segcourse.language import josa, say
from segcourse.training import device as devices
from segcourse.training import losses, schedules
from segcourse.training.augment import augment
from segcourse.training.callbacks import Callback
from segcourse.training.inference import evaluate
from segcourse.training.recipes import Recipe
from segcourse.training.scores import Scores


@dataclass
class History:
    """What `fit` leaves behind: the loss of every step, the scores on the validation split, and what the run cost."""

    losses: list[float] = field(default_factory=list)
    scores: list[tuple[int, Scores]] = field(default_factory=list)   # (step, scores)
    seconds: float = 0.0                     # of the training steps, looks at the validation split left out
    images_per_second: float = 0.0
    device: str = ""
    precision: str = ""
    peak_memory: int | None = None           # bytes of GPU memory; None elsewhere


@dataclass
class Run:
    """What a callback is shown: the model being trained, the recipe, and the history so far. `step` counts finished steps."""

    model: nn.Module
    recipe: Recipe
    history: History
    device: torch.device
    step: int = 0


class TrainingError(RuntimeError):
    """Training cannot go on; the message says at which step and what to change."""


def parameter_groups(model: nn.Module, recipe: Recipe) -> list[dict]:
    """The parameters that learn, by rate and decay: biases and norms apart from weights, the trunk (`features`) apart from the rest."""
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        flat = parameter.ndim < 2
        rate = recipe.lr * (recipe.trunk_lr if name.startswith("features.") else 1.0) * (recipe.bias_lr if flat else 1.0)
        decay = recipe.weight_decay if not flat or recipe.decay_bias else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": members, "lr": rate, "rate": rate, "weight_decay": decay} for (rate, decay), members in groups.items()]


def check_labels(labels: Tensor, dataset) -> None:
    """Raise ValueError if a label of `dataset` is neither a class nor void: on a GPU it would end as a failure without a name."""
    wrong = (labels >= dataset.num_classes) & (labels != dataset.void)
    if wrong.any():
        value, where = int(labels[wrong][0]), int(wrong.flatten(1).any(1).nonzero()[0])
        raise ValueError(say(en=f"picture {where} of {dataset.name} holds the label {value}, but with {dataset.num_classes} classes a label is 0 to "
                                f"{dataset.num_classes - 1}, or {dataset.void} for void: correct it",
                             ko=f"{dataset.name}의 {where}번째 이미지에 레이블 {josa(value, '이/가')} 있어요. 클래스가 {dataset.num_classes}개면 0부터 "
                                f"{dataset.num_classes - 1}까지이고 무시 레이블은 {josa(dataset.void, '이에요/예요')}. 고쳐 주세요."))


def make_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser; every group carries its full rate as "rate", which the schedule multiplies."""
    groups = parameter_groups(model, recipe)
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum)
    return torch.optim.AdamW(groups, lr=recipe.lr, betas=(recipe.momentum, 0.999))


def batches(count: int, batch_size: int, steps: int, generator: torch.Generator):
    """`steps` index tensors of `batch_size`: shuffled passes over `count` pictures laid end to end, so that none is used twice in a pass."""
    waiting = torch.empty(0, dtype=torch.long)
    for _ in range(steps):
        while len(waiting) < batch_size:
            waiting = torch.cat([waiting, torch.randperm(count, generator=generator)])
        yield waiting[:batch_size]
        waiting = waiting[batch_size:]


def fit(model: nn.Module, train, valid, recipe: Recipe, callbacks: tuple[Callback, ...] | list[Callback] = (),
        device: str | torch.device | None = None) -> History:
    """Train `model` on the data set `train` for `recipe.steps` steps and score it on `valid` (None for never); returns the `History`.

    The model is changed in place and stays on the device (the best there is, unless one is named). Batches, augmentation and dropout
    depend on `recipe.seed` alone; the caller's random numbers are left as they were. Raises TrainingError if the loss is no number.
    """
    place = devices.choose(device)
    fabric = devices.fabric(place, recipe.precision)
    on_gpu = place.type == "cuda"
    images, labels = (part.to(place) for part in train.stack())
    check_labels(labels, train)
    valid = None if valid is None else hold(valid)
    weight = None
    if recipe.class_weights:
        weight = losses.median_frequency_weights(labels, train.num_classes, void=train.void, power=recipe.class_weight_power)
        weight = weight.to(place)
    model.to(place, memory_format=torch.channels_last if on_gpu else torch.preserve_format)
    network, optimizer = fabric.setup(model, make_optimizer(model, recipe))
    history = History(device=devices.describe(place), precision=devices.precision_for(place, recipe.precision))
    run = Run(model, recipe, history, place)
    generator = torch.Generator().manual_seed(recipe.seed)
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(place)
    for callback in callbacks:
        callback.on_start(run)

    with torch.random.fork_rng(devices=[place] if on_gpu else []), torch.backends.cudnn.flags(enabled=True, benchmark=on_gpu):
        torch.manual_seed(recipe.seed)
        model.train()
        started = time.perf_counter()
        for indices in batches(len(images), recipe.batch_size, recipe.steps, generator):
            chosen = indices.to(place)
            batch, truth = augment(normalise(images[chosen]), labels[chosen], recipe, void=train.void, generator=generator)
            if on_gpu:
                batch = batch.contiguous(memory_format=torch.channels_last)
            for group in optimizer.param_groups:
                group["lr"] = group["rate"] * schedules.factor(recipe.schedule, run.step, recipe.steps, recipe.warmup)
            logits = network(batch)
            if recipe.top_k:
                loss = losses.top_k_cross_entropy(logits, truth, void=train.void, share=recipe.top_k)
            else:
                loss = losses.cross_entropy(logits, truth, void=train.void, weight=weight, reduction=recipe.loss_reduction)
            optimizer.zero_grad(set_to_none=True)
            fabric.backward(loss)
            if recipe.clip:
                fabric.clip_gradients(network, optimizer, max_norm=recipe.clip, error_if_nonfinite=False)
            optimizer.step()
            run.step += 1
            value = loss.item()
            history.losses.append(value)
            if value != value or value in (float("inf"), float("-inf")):
                raise TrainingError(say(en=f"the loss is {value} at step {run.step}: lower the learning rate {recipe.lr:g}, or use precision float32",
                                        ko=f"{run.step}번째 스텝에서 손실이 {value}이에요. 학습률 {recipe.lr:g}를 낮추거나 정밀도를 float32로 해 주세요."))
            history.seconds = time.perf_counter() - started
            history.images_per_second = run.step * recipe.batch_size / history.seconds
            for callback in callbacks:
                callback.on_step(run, run.step, value)
            if valid is not None and (run.step == recipe.steps or recipe.evaluate_every and run.step % recipe.evaluate_every == 0):
                paused = time.perf_counter()
                scores = evaluate(model, valid, precision=recipe.precision)
                history.scores.append((run.step, scores))
                for callback in callbacks:
                    callback.on_evaluate(run, run.step, scores)
                model.train()
                started += time.perf_counter() - paused
    model.eval()
    if on_gpu:
        history.peak_memory = torch.cuda.max_memory_allocated(place)
    for callback in callbacks:
        callback.on_end(run)
    return history

"""The training loop: `fit`. One step is the same on a laptop and on many GPUs; what is drawn in it depends on the seed and the step alone."""

import time

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from segcourse.datasets import hold
from segcourse.language import say
from segcourse.training import batch_norm, feeds, losses, schedules, state, trouble
from segcourse.training import device as devices
from segcourse.training.callbacks import Callback
from segcourse.training.inference import evaluate
from segcourse.training.optimisers import make_optimizer
from segcourse.training.order import seed_of
from segcourse.training.recipes import Recipe
from segcourse.training.run import History, Run, TrainingError

__all__ = ["History", "Run", "TrainingError", "fit"]


def fit(model: nn.Module, train, valid, recipe: Recipe, callbacks: tuple[Callback, ...] | list[Callback] = (),
        device: str | torch.device | None = None, *, fabric=None, resume: "state.State | None" = None) -> History:
    """Train `model` on the data set `train` for `recipe.steps` steps and score it on `valid` (None for never); returns the `History`.

    The model is changed in place and stays on the device (the best there is, unless one is named). Batches, augmentation and dropout
    depend on `recipe.seed` alone; the caller's random numbers are left as they were.

    fabric: a launched `device.fabric` of several processes; each takes its share of every batch, and the first one alone tells the callbacks.
    resume: a `state.State` to go on from. Raises TrainingError if the loss is no number or the memory is too small, ValueError for a recipe
    that cannot be, a label that is none, or a state of another run.
    """
    fabric = fabric or devices.fabric(devices.choose(device), recipe.precision)
    place, rank, world = fabric.device, fabric.global_rank, fabric.world_size
    if recipe.batch_size % world:
        raise ValueError(say(en=f"a batch of {recipe.batch_size} cannot be shared by {world} processes: choose a multiple of {world}",
                             ko=f"배치 {recipe.batch_size}장을 프로세스 {world}개가 똑같이 나눌 수 없어요. 배치를 {world}의 배수로 해 주세요."))
    on_gpu = place.type == "cuda"
    feed = feeds.feed(train, recipe, place, rank=rank, world=world)
    if valid is not None and getattr(valid, "same_size", True):
        valid = hold(valid)
    weight = None
    if recipe.class_weights:
        weight = losses.median_frequency_weights(feed.labels(), train.num_classes, void=train.void, power=recipe.class_weight_power)
        weight = weight.to(place, torch.float64 if recipe.precision == "float64" else torch.float32)
    if recipe.precision == "float64":
        model.double()
    criterion = losses.Criterion(train.void, weight, recipe.top_k, recipe.loss_reduction)

    model.to(place, memory_format=torch.channels_last if on_gpu else torch.preserve_format)
    batch_norm.prepare(model, recipe.batch_norm, processes=world, on_gpu=on_gpu)        # in place
    history = History(device=devices.describe(place), precision=devices.precision_for(place, recipe.precision), processes=world)
    optimizer = make_optimizer(model, recipe)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(recipe.average), use_buffers=True) if recipe.average else None
    run = Run(model, recipe, history, place, optimizer=optimizer, average=average, precision=fabric.strategy.precision, feed=feed)
    if resume is not None:
        state.restore(run, resume)
    devices.check_same_step(run.step, fabric)
    network, optimizer = fabric.setup(model, optimizer)
    if hasattr(model, "losses"):
        network.mark_forward_method("losses")
    told = list(callbacks) if fabric.is_global_zero else []
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(place)
    for callback in told:
        callback.on_start(run)

    def loss_of(network, images, labels, total):
        loss = criterion.over(total, labels)
        with fabric.autocast():                    # for `losses`, which Fabric wraps with several processes only
            return sum(network.losses(images, labels, loss).values()) if hasattr(model, "losses") else loss(network(images), labels)

    def all_ranks(value):
        if world > 1:
            torch.distributed.all_reduce(value)
        return value

    with torch.random.fork_rng(devices=[place] if on_gpu else []), torch.backends.cudnn.flags(enabled=True, benchmark=on_gpu):
        batch_norm.train_mode(model, recipe.batch_norm)
        unread, dtype = [], next(model.parameters()).dtype
        started = time.perf_counter() - history.seconds
        for images, labels in feed.batches(run.step):
            torch.manual_seed(seed_of(recipe.seed, "dropout", run.step, rank))
            images = images.to(dtype, memory_format=torch.channels_last if on_gpu else torch.preserve_format)
            for group in optimizer.param_groups:
                group["lr"] = group["rate"] * schedules.factor(recipe, run.step)
            total, value = all_ranks(criterion.mass(labels)), 0.0
            optimizer.zero_grad(set_to_none=True)
            parts = list(zip(images.chunk(recipe.accumulate), labels.chunk(recipe.accumulate), strict=True))
            for number, (part, truth) in enumerate(parts, 1):
                try:
                    with fabric.no_backward_sync(network, enabled=number < len(parts)):
                        loss = loss_of(network, part, truth, total)
                        fabric.backward(loss * world)          # gradients of several processes are averaged; ours are to be added
                        value = value + loss.detach()
                except (RuntimeError, MemoryError) as error:
                    if not trouble.is_out_of_memory(error):
                        raise
                    error.__traceback__ = loss = None          # its frames hold the activations that must go
                    raise trouble.out_of_memory(run, lambda some, true: loss_of(model, some, true, total).backward(), part, truth) from None
            unread.append(all_ranks(value))
            if recipe.read_every == 1 and not torch.isfinite(unread[-1]):
                raise trouble.no_number(run, run.step + 1, unread[-1].item(), images)      # before the weights take it up
            if recipe.clip:
                fabric.clip_gradients(network, optimizer, max_norm=recipe.clip, error_if_nonfinite=False)
            optimizer.step()
            if average is not None:
                average.update_parameters(model)
            run.step += 1
            due = run.step == recipe.steps or bool(recipe.evaluate_every) and run.step % recipe.evaluate_every == 0
            if not due and run.step % recipe.read_every:
                continue
            run.look_follows = due and valid is not None
            values, unread = torch.stack(unread).tolist(), []
            history.seconds, history.waited = time.perf_counter() - started, feed.waited
            history.images_per_second = run.step * recipe.batch_size / history.seconds
            for step, number in enumerate(values, run.step + 1 - len(values)):
                if not abs(number) < float("inf"):
                    raise trouble.no_number(run, step, number)
                history.losses.append(number)
                for callback in told:
                    callback.on_step(run, step, number)
            if run.look_follows:
                devices.same_buffers(run.scored, world)
                scores = evaluate(run.scored, valid, precision=recipe.precision, rank=rank, world=world, add_up=all_ranks)
                history.scores.append((run.step, scores))
                for callback in told:
                    callback.on_evaluate(run, run.step, scores)
                batch_norm.train_mode(model, recipe.batch_norm)
            started = time.perf_counter() - history.seconds
    if average is not None:
        model.load_state_dict(average.module.state_dict())
    model.eval()
    if on_gpu:
        history.peak_memory = torch.cuda.max_memory_allocated(place)
    for callback in told:
        callback.on_end(run)
    return history

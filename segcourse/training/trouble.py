"""What to say when a run cannot go on: which layer a loss that is no number comes from, and how many pictures would have fitted."""

import contextlib

import torch
from torch import Tensor, nn

from segcourse.language import josa, say
from segcourse.training.run import Run, TrainingError


def first_bad_layer(model: nn.Module, images: Tensor) -> str:
    """The first layer, in the order of computation, whose weights or output are no finite numbers; "" where all are."""
    found: list[str] = []

    def hook(name):
        def look(module, _inputs, output):
            outputs = output if isinstance(output, (tuple, list)) else [output]
            held = [*module.parameters(recurse=False), *(value for value in outputs if isinstance(value, Tensor))]
            if not found and any(value.is_floating_point() and not torch.isfinite(value).all() for value in held):
                found.append(name)
        return look

    handles = [layer.register_forward_hook(hook(name)) for name, layer in model.named_modules() if name and not list(layer.children())]
    try:
        with torch.no_grad():
            model(images)
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else ""


def no_number(run: Run, step: int, value: float, images: Tensor | None = None) -> TrainingError:
    """The error for a loss that is no finite number at `step`; with the batch at hand it names the layer."""
    layer = ""
    if images is not None:
        with run.precision.forward_context() if run.precision is not None else contextlib.nullcontext():
            try:
                layer = first_bad_layer(run.model, images[:max(1, len(images) // run.recipe.accumulate)])
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
    where_en = f", first in layer {layer}" if layer else ""
    where_ko = f" 그런 값이 처음 나온 층은 {josa(layer, '이에요/예요')}." if layer else ""
    return TrainingError(say(
        en=f"the loss is {value} at step {step}{where_en}: lower the learning rate {run.recipe.lr:g}, limit the gradient with clip=1, or use precision "
           f"float32; the last checkpoint is from before",
        ko=f"{step}번째 스텝에서 손실이 {josa(value, '이에요/예요')}.{where_ko} 학습률 {josa(f'{run.recipe.lr:g}', '을/를')} 낮추거나 clip=1로 기울기 크기를 제한하거나 정밀도를 float32로 해 주세요. "
           f"마지막 체크포인트는 그전에 저장한 거예요."))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that the device, or the machine, has no memory left."""
    text = str(error).lower()
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


def _fits(forward_backward, images: Tensor, labels: Tensor) -> bool:
    try:
        forward_backward(images, labels)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return False
    finally:
        if images.device.type == "cuda":
            torch.cuda.empty_cache()
    return True


def out_of_memory(run: Run, forward_backward, images: Tensor, labels: Tensor) -> TrainingError:
    """The error for a part of a batch that does not fit: says, having tried it, how many pictures of it do, or how large a crop."""
    if run.optimizer is not None:
        run.optimizer.zero_grad(set_to_none=True)
    height, width = images.shape[-2:]
    count, recipe = len(images), run.recipe
    shape = f"{count} x {height}x{width}"
    number = count // 2
    while number and not _fits(forward_backward, images[:number], labels[:number]):
        number //= 2
    if number:
        processes = run.history.processes
        parts, whole = -(-(recipe.batch_size // processes) // number), number * processes
        return TrainingError(say(
            en=f"out of memory on {run.device} at {shape}: {number} at a time fit, so --set accumulate={parts} takes the same batch of {recipe.batch_size} in "
               f"parts; or --batch-size {whole}. The last checkpoint stays",
            ko=f"{run.device}의 메모리가 모자라요({shape}). 한 번에 {number}장은 들어가니 --set accumulate={josa(parts, '으로/로')} 배치 {recipe.batch_size}장을 나눠 계산하거나 "
               f"--batch-size {josa(whole, '으로/로')} 해 주세요. 마지막 체크포인트는 그대로 있어요."))
    side_h, side_w = height // 2, width // 2
    while min(side_h, side_w) >= 16 and not _fits(forward_backward, images[:1, :, :side_h, :side_w], labels[:1, :side_h, :side_w]):
        side_h, side_w = side_h // 2, side_w // 2
    fits = min(side_h, side_w) >= 16
    remedy_en = f"a single crop of {side_h}x{side_w} fits: --set crop=[{side_h},{side_w}] with --batch-size 1" if fits else "a smaller --width"
    remedy_ko = f"{side_h}x{josa(side_w, '으로/로')} 자른 1장은 들어가니 --set crop=[{side_h},{side_w}]와 --batch-size 1로 해 주세요." if fits else "--width를 줄여 주세요."
    return TrainingError(say(en=f"out of memory on {run.device} at {shape}, and not even one picture of that size fits: {remedy_en}. The last checkpoint stays",
                             ko=f"{run.device}의 메모리가 모자라요({shape}). 그 크기로는 1장도 들어가지 않아요. {remedy_ko} 마지막 체크포인트는 그대로 있어요."))

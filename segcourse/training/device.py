"""Which device to train on, at which precision, and Fabric, which moves things there."""

import contextlib
import os
import sys
import types
from importlib import metadata

import torch

from segcourse.language import josa, say


def choose(device: str | torch.device | None = None) -> torch.device:
    """`device`, or the best there is: a CUDA GPU, else Apple's, else the processor. Raises ValueError for one that is not there."""
    if device is None or str(device) == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise ValueError(say(en=f"no device is called {device!r}: use cpu, cuda, cuda:1, mps or auto",
                             ko=f"{device!r}라는 장치는 없어요. cpu, cuda, cuda:1, mps, auto 가운데서 골라 주세요.")) from error
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(say(en=f"device {str(device)!r} was asked for, but PyTorch sees no CUDA GPU here: use --device cpu, or check the driver "
                                f"with `segcourse doctor`",
                             ko=f"장치로 {josa(repr(str(device)), '을/를')} 골랐는데 PyTorch가 CUDA GPU를 찾지 못했어요. --device cpu로 하거나 "
                                f"`segcourse doctor`로 드라이버를 확인해 주세요."))
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise ValueError(say(en=f"device {str(device)!r} was asked for, but there are {torch.cuda.device_count()} GPUs, counted from cuda:0: choose one",
                             ko=f"장치로 {josa(repr(str(device)), '을/를')} 골랐는데 GPU는 cuda:0부터 {torch.cuda.device_count()}개예요. 그중에서 골라 주세요."))
    if chosen.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError(say(en="device 'mps' was asked for, but this is no Mac with Apple's GPU: use --device cpu",
                             ko="장치로 'mps'를 골랐는데 Apple GPU가 없어요. --device cpu로 해 주세요."))
    return chosen


def is_child() -> bool:
    """Whether this process was started by another one of the same run (Fabric's launcher, torchrun): the first one alone speaks."""
    return os.environ.get("LOCAL_RANK", "0") != "0" or os.environ.get("NODE_RANK", "0") != "0"


def check_same_step(step: int, fabric) -> None:
    """Raise ValueError unless all processes are at the same step: machines that share no folder would find different states."""
    if fabric.world_size > 1:
        steps = fabric.all_gather(torch.tensor(step, device=fabric.device)).tolist()
        if len(set(steps)) > 1:
            raise ValueError(say(en=f"the processes would go on from different steps ({', '.join(map(str, steps))}): --out must be a folder that all machines share",
                                 ko=f"프로세스마다 이어 갈 스텝이 달라요({', '.join(map(str, steps))}). --out에 모든 컴퓨터가 함께 쓰는 폴더를 알려 주세요."))


def same_buffers(model: torch.nn.Module, processes: int) -> None:
    """Give every process the first one's buffers: each has counted batch normalisation's statistics over its own share."""
    if processes > 1:
        for values in model.buffers():
            torch.distributed.broadcast(values, 0)


def describe(device: torch.device) -> str:
    """The device in words, for results."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    import platform
    return f"{device.type}, {torch.get_num_threads()} threads, {platform.machine()}"


def moved(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    """`values`, on the processor, brought to `device` without waiting: an ordinary copy to a GPU first lets it finish all that it was given."""
    if device.type == "cuda" and values.device.type == "cpu":
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)


def precision_for(device: torch.device, wanted: str = "auto") -> str:
    """Fabric's word for the precision: 16 bits on a GPU that has them (bfloat16 where it can), float32 elsewhere.

    For float64 the loop makes model and batches double itself: Fabric's own word would give the logits back as float32.
    """
    if wanted == "float16" and device.type == "cpu":
        wanted = "bfloat16"         # what Fabric takes instead on a processor
    if wanted == "auto":
        wanted = "float32" if device.type != "cuda" else "bfloat16" if torch.cuda.get_device_capability(device)[0] >= 8 else "float16"
    return {"float32": "32-true", "float64": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}[wanted]


@contextlib.contextmanager
def _torchmetrics_by_version():
    """Fabric asks for torchmetrics' version by importing all of it (scipy, torchvision and audio code: 4 seconds) and uses none of it.

    While Fabric is being imported, an empty module that knows its version answers instead.
    """
    if "torchmetrics" in sys.modules:
        yield
        return
    stand_in = types.ModuleType("torchmetrics")
    try:
        stand_in.__version__ = metadata.version("torchmetrics")
    except metadata.PackageNotFoundError:
        yield
        return
    sys.modules["torchmetrics"] = stand_in
    try:
        yield
    finally:
        if sys.modules.get("torchmetrics") is stand_in:
            del sys.modules["torchmetrics"]


def fabric(device: torch.device, precision: str = "auto", *, devices: int = 1, nodes: int = 1):
    """A `lightning.fabric.Fabric`. Taken from the package lightning_fabric, which leaves lightning's trainer unloaded.

    With several devices (GPUs, or processes on a processor) or nodes, `fabric.launch()` starts this program once for each, and must be called
    before `fit`. Raises ValueError for more GPUs than there are.
    """
    with _torchmetrics_by_version():
        from lightning_fabric import Fabric
    if device.type == "cuda" and devices > torch.cuda.device_count():
        raise ValueError(say(en=f"{devices} GPUs were asked for, and there are {torch.cuda.device_count()}: use --devices {torch.cuda.device_count()}",
                             ko=f"GPU를 {devices}개 쓰려고 했는데 {torch.cuda.device_count()}개뿐이에요. --devices {josa(torch.cuda.device_count(), '으로/로')} 해 주세요."))
    if devices * nodes > 1:
        return Fabric(accelerator=device.type, devices=devices, num_nodes=nodes, strategy="ddp", precision=precision_for(device, precision))
    return Fabric(accelerator=device.type, devices=[device.index or 0] if device.type == "cuda" else 1, precision=precision_for(device, precision))

"""How much memory there is, asked before it is taken."""

from pathlib import Path

import torch

from segcourse.language import say


def free_memory(device: torch.device) -> int | None:
    """Bytes that can still be taken on `device`; None where the system does not tell (a processor elsewhere than on Linux). In a container
    its own limit counts."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device.type != "cpu":
        return None
    found = []
    for line in _text("/proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            found.append(int(line.split()[1]) * 1024)
    for most, held in (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes")):
        limit, used = _text(f"/sys/fs/cgroup/{most}").strip(), _text(f"/sys/fs/cgroup/{held}").strip()
        if limit.isdigit() and used.isdigit():
            found.append(max(0, int(limit) - int(used)))
    return min(found, default=None)


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def check_memory(what: str, needed: int, device: torch.device) -> None:
    """Raises MemoryError where `needed` bytes are more than there are."""
    free = free_memory(device)
    if free is not None and needed > free:
        raise MemoryError(say(en=f"{what} needs about {needed / 1e9:.1f} GB of memory on {device}, and {free / 1e9:.1f} GB are free: take a smaller image or fewer at a time, "
                                 f"or free some",
                              ko=f"{what}: {device}에 메모리가 약 {needed / 1e9:.1f} GB 필요한데 {free / 1e9:.1f} GB만 남아 있어요. 이미지를 줄이거나 한 번에 넣는 수를 줄이고, "
                                 f"쓰지 않는 메모리를 비워 주세요."))

"""The state of a run, to go on from after it was broken off: weights, optimiser, moving average, losses and scores, in one safetensors file.

One file, written whole and renamed: whenever the run is killed, the file on the disk is the state of one step and no mixture of two. What is
random needs no place in it, since every step draws from the seed and its own number (`order`). The optimiser's rates need none either: they
are made again from the recipe.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from segcourse.language import say
from segcourse.training.checkpoints import read_header, write_tensors
from segcourse.training.run import Run
from segcourse.training.scores import Scores

FORMAT = "segcourse-state-1"
_COUNTS = ("confusion", "boundary_intersection", "boundary_union")


@dataclass(frozen=True)
class State:
    """A state that was read: its tensors by name, and what its header says."""

    path: Path
    tensors: dict[str, Tensor]
    header: dict

    @property
    def step(self) -> int:
        return self.header["step"]


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def save(path: str | Path, run: Run, meta: Mapping) -> Path:
    """Write the state of `run`, with `meta` (JSON values) in its header, to `path`, atomically; returns the path."""
    tensors = {f"model/{name}": value for name, value in run.model.state_dict().items()}
    if run.average is not None:
        tensors |= {f"average/{name}": value for name, value in run.average.state_dict().items()}
    plain: dict[str, dict] = {}
    for number, values in run.optimizer.state_dict()["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer/{number}/{name}"] = value
            elif value is not None:
                plain.setdefault(str(number), {})[name] = value
    for step, scores in run.history.scores:
        tensors |= {f"scores/{step}/{name}": getattr(scores, name) for name in _COUNTS}
    tensors["losses"] = torch.tensor(run.history.losses, dtype=torch.float64)
    header = {"format": FORMAT, "step": run.step, "seconds": run.history.seconds, "waited": run.history.waited, "recipe": run.recipe.as_dict(),
              "fingerprint": run.feed.fingerprint(), "optimizer": plain, "classes": list(run.history.scores[-1][1].classes) if run.history.scores else [],
              "precision": run.precision.state_dict() if run.precision is not None else {}, "meta": dict(meta)}
    return write_tensors(path, tensors, header)


def read(path: str | Path) -> State:
    """The state in `path`. Raises FileNotFoundError for none, ValueError with the reason for a damaged or foreign file."""
    from safetensors.torch import load_file

    header = read_header(path, what=say(en="a state to go on from", ko="이어 갈 학습 상태"), remedy=say(en="begin anew with --overwrite", ko="--overwrite로 처음부터 다시 해 주세요"))
    if header.get("format") != FORMAT or type(header.get("step")) is not int or not isinstance(header.get("recipe"), dict):
        raise ValueError(say(en=f"{path} is no state of this version ({FORMAT}): begin anew with --overwrite",
                             ko=f"{path} 파일은 이 버전({FORMAT})의 학습 상태가 아니에요. --overwrite로 처음부터 다시 해 주세요."))
    tensors = {name: value.clone() for name, value in load_file(str(path)).items()}       # copies: the file must not stay mapped, it will be replaced
    return State(Path(path), tensors, header)


def check_same(state: State, run: Run) -> None:
    """Raise ValueError, naming the difference, unless the run has the recipe and the data that the state's run had."""
    theirs, ours = state.header["recipe"], json.loads(json.dumps(run.recipe.as_dict()))
    for name, value in ours.items():
        if theirs.get(name) != value:
            raise ValueError(say(en=f"{state.path} is of a run with {name} {theirs.get(name)!r}, and now it is {value!r}: give the same command, or begin anew "
                                    f"with --overwrite",
                                 ko=f"{state.path} 상태를 저장할 때는 {name} 값이 달랐어요(저장할 때 {theirs.get(name)!r}, 지금 {value!r}). 같은 명령을 쓰거나 "
                                    f"--overwrite로 처음부터 다시 해 주세요."))
    if state.header["fingerprint"] != run.feed.fingerprint():
        raise ValueError(say(en=f"the training pictures are not those that {state.path} was trained on: give the same --data, --root and --size, or begin anew with "
                                f"--overwrite",
                             ko=f"학습 이미지가 {state.path} 상태를 저장할 때와 달라요. --data, --root, --size를 똑같이 하거나 --overwrite로 처음부터 다시 해 주세요."))


def restore(run: Run, state: State) -> None:
    """Put `run`, which has not begun, where the state's run was. Raises ValueError, naming the difference, for a state of another run."""
    check_same(state, run)
    try:
        run.model.load_state_dict(_part(state.tensors, "model/"))
        if run.average is not None:
            run.average.load_state_dict(_part(state.tensors, "average/"))
        stored: dict[int, dict] = {}
        for name, value in _part(state.tensors, "optimizer/").items():
            number, kind = name.split("/")
            stored.setdefault(int(number), {})[kind] = value
        for number, values in state.header["optimizer"].items():
            stored.setdefault(int(number), {}).update(values)
        groups = run.optimizer.state_dict()["param_groups"]
        expected = {number for group in groups for number in group["params"]}
        if not set(stored) <= expected:
            raise KeyError(f"optimizer has no parameter {max(set(stored) - expected)}")
        run.optimizer.load_state_dict({"state": stored, "param_groups": groups})
        for parameter, values in run.optimizer.state.items():       # in the order in memory that the parameter has: kernels over many tensors want all alike
            for name, value in values.items():
                if isinstance(value, Tensor) and value.shape == parameter.shape:
                    values[name] = torch.empty_like(parameter).copy_(value)
    except (RuntimeError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(say(en=f"{state.path} does not fit this network ({reason}): give the same network and options, or begin anew with --overwrite",
                             ko=f"{state.path} 상태가 이 네트워크와 맞지 않아요({reason}). 네트워크와 옵션을 똑같이 하거나 --overwrite로 처음부터 다시 해 주세요.")) from error
    if run.precision is not None and state.header["precision"]:
        run.precision.load_state_dict(state.header["precision"])
    run.step = state.step
    run.history.losses = state.tensors["losses"].tolist()
    run.history.seconds, run.history.waited = state.header["seconds"], state.header["waited"]
    run.feed.waited = run.history.waited
    steps = sorted({int(name.split("/")[1]) for name in state.tensors if name.startswith("scores/")})
    run.history.scores = [(step, Scores(*(state.tensors[f"scores/{step}/{name}"] for name in _COUNTS), tuple(state.header["classes"]))) for step in steps]

"""Checkpoints: weights in safetensors, and in its header a JSON text that says what they are. Nothing is ever unpickled."""

import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from segcourse import models
from segcourse.language import josa, say

FORMAT = "segcourse-checkpoint-1"


def write_atomically(path: str | Path, write) -> Path:
    """Call `write(temporary path)` and put the file in place of `path` when it is whole; whatever happens, no half file is left behind.

    The temporary file grows in a folder of its own beside `path`, where whatever a writer makes besides stays together: of a killed process one
    folder is left, `.NAME.….part`, which `clear_parts` takes away.
    """
    path = Path(path)
    folder = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    folder.mkdir(parents=True)
    part = folder / path.name
    try:
        write(part)
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return path


def clear_parts(folder: Path) -> None:
    """Take away what killed processes were writing in `folder`."""
    for left in folder.glob(".*.part"):
        shutil.rmtree(left, ignore_errors=True)


def write_json(path: str | Path, values: dict) -> Path:
    """Write `values` as indented JSON, atomically."""
    text = json.dumps(values, indent=1, ensure_ascii=False) + "\n"
    return write_atomically(path, lambda part: part.write_text(text, encoding="utf-8", newline="\n"))


def save_checkpoint(path: str | Path, model: nn.Module, meta: Mapping) -> Path:
    """Write the weights of `model` and `meta` to `path`, atomically; returns the path.

    meta: JSON values. "model" (a name of `models.names()`) and "options" (what `models.create` was given, num_classes among them) are
    needed to read it back; classes, palette, recipe, data, scores and commit are what the command line adds. Raises ValueError without them.
    """
    missing = [key for key in ("model", "options") if key not in meta]
    if missing or "num_classes" not in meta["options"]:
        what = ", ".join(missing) or "options.num_classes"
        raise ValueError(say(en=f"meta lacks {what}: a checkpoint must say how to build its model again",
                             ko=f"meta에 {what} 항목이 없어요. 모델을 다시 만드는 데 필요하니 넣어 주세요."))
    return write_tensors(path, model.state_dict(), {"format": FORMAT, **meta})


def write_tensors(path: str | Path, tensors: Mapping[str, Tensor], header: Mapping) -> Path:
    """Write tensors as safetensors with `header` (JSON values) in front, atomically; returns the path. Raises OSError where the disk is full."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    alone = {name: value.detach().to("cpu").contiguous().clone() for name, value in tensors.items()}
    metadata = {"segcourse": json.dumps(header, ensure_ascii=False)}

    def write(part: Path) -> None:
        try:
            save_file(alone, part, metadata=metadata)
        except SafetensorError as error:            # it keeps the system's number in its text alone
            found = re.search(r"os error (\d+)", str(error))
            if found is None:
                raise
            raise OSError(int(found[1]), os.strerror(int(found[1])), str(path)) from error
    return write_atomically(path, write)


def _refuse(path, en: str, ko: str, cause=None):
    raise ValueError(say(en=f"{path} cannot be used as a checkpoint: {en}", ko=f"{path} 파일은 체크포인트로 쓸 수 없어요. {ko}")) from cause


def read_header(path: str | Path, *, what: str, remedy: str) -> dict:
    """The JSON in the header of a safetensors file of the course. `what` it should be and the `remedy` complete the errors, as in "... cannot be
    used as a checkpoint: ...; train again". Raises FileNotFoundError for no file, ValueError with the reason for a damaged or foreign one."""
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(say(en=f"there is no file {path}: check the name", ko=f"{path} 파일이 없어요. 이름을 확인해 주세요."))

    def refuse(en: str, ko: str, cause=None):
        raise ValueError(say(en=f"{path} cannot be used as {what}: {en}; {remedy}", ko=f"{path} 파일은 {josa(what, '으로/로')} 쓸 수 없어요. {ko} {remedy}.")) from cause
    try:
        with safe_open(str(path), framework="pt") as file:
            header = (file.metadata() or {}).get("segcourse")
    except (SafetensorError, OSError, ValueError) as error:
        refuse(f"it is damaged or no safetensors file ({error})", f"손상됐거나 safetensors 파일이 아니에요({error}).", error)
    if header is None:
        refuse("its header does not come from this course", "이 강의에서 만든 파일이 아니에요.")
    try:
        values = json.loads(header)
    except ValueError as error:
        refuse(f"its header cannot be read ({error})", f"머리말을 읽을 수 없어요({error}).", error)
    if not isinstance(values, dict):
        refuse("its header holds no names and values", "머리말에 이름과 값이 없어요.")
    return values


def read_meta(path: str | Path) -> dict:
    """The JSON header of a checkpoint. Raises FileNotFoundError for none, ValueError with the reason for a damaged or foreign file."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(say(en=f"there is no checkpoint {path}: train one with `segcourse train`, or check the name",
                                    ko=f"{path} 체크포인트가 없어요. `segcourse train`으로 학습하거나 이름을 확인해 주세요."))
    meta = read_header(path, what=say(en="a checkpoint", ko="체크포인트"), remedy=say(en="use a file that `segcourse train` wrote, or train again",
                                                                              ko="`segcourse train`이 만든 파일을 쓰거나 다시 학습해 주세요"))
    try:
        known = meta["format"] == FORMAT and isinstance(meta["model"], str) and isinstance(meta["options"], dict)
        classes, width = meta["options"]["num_classes"], meta["options"].get("width", 1.0)
        sane = type(classes) is int and 0 < classes <= 1000 and type(width) in (int, float) and 0 < width <= 4
    except (ValueError, KeyError, TypeError) as error:
        _refuse(path, f"its header cannot be read ({error}); train again", f"머리말을 읽을 수 없어요({error}). 다시 학습해 주세요.", error)
    if not known or not sane:
        _refuse(path, f"its header describes no model of this version ({FORMAT}); train again",
                f"머리말이 이 버전({FORMAT})의 모델을 가리키지 않아요. 다시 학습해 주세요.")
    return meta


def load_checkpoint(path: str | Path) -> tuple[nn.Module, dict]:
    """The model in `path`, on the processor in eval mode, and its header. Raises as `read_meta` does, and ValueError where weights and model differ."""
    from safetensors.torch import load_file

    meta = read_meta(path)
    try:
        model = models.create(meta["model"], **meta["options"])
    except (TypeError, ValueError, KeyError) as error:
        _refuse(path, f"its model cannot be built ({error}); train again", f"모델을 만들 수 없어요({error}). 다시 학습해 주세요.", error)
    try:
        model.load_state_dict(load_file(str(path)))
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        _refuse(path, f"its weights do not fit {meta['model']} ({reason}); train again",
                f"가중치가 {josa(meta['model'], '과/와')} 맞지 않아요({reason}). 다시 학습해 주세요.", error)
    return model.eval(), meta


def copy_weights(path: str | Path, model: nn.Module) -> list[str]:
    """Copy into `model` every weight of the checkpoint `path` whose name and shape it has (32s into 16s); returns the names copied.

    Raises as `load_checkpoint` does, and ValueError where nothing fits.
    """
    other, meta = load_checkpoint(path)
    own, offered = model.state_dict(), other.state_dict()
    shared = {name: value for name, value in offered.items() if name in own and own[name].shape == value.shape}
    if not shared:
        raise ValueError(say(en=f"no weight of {path} ({meta['model']}) fits the new network: check width and options",
                             ko=f"{path}({meta['model']})의 가중치 가운데 새 네트워크에 맞는 것이 없어요. 너비와 옵션을 확인해 주세요."))
    model.load_state_dict(shared, strict=False)
    return list(shared)


def digest(path: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """A backbone's state dict from a .safetensors file, or a PyTorch file read with `weights_only` (tensors only, no code is run)."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(say(en=f"there is no backbone file {path}: check the name", ko=f"백본 파일이 없어요({path}). 이름을 확인해 주세요."))
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file
            return load_file(str(path))
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the readers raise a dozen kinds for a damaged file
        reason = " ".join(str(error).split())[:120]
        raise ValueError(say(en=f"{path} is damaged or holds more than weights ({reason}): use a state dict saved by PyTorch or safetensors",
                             ko=f"{path} 파일이 손상됐거나 가중치가 아닌 것이 들어 있어요({reason}). PyTorch나 safetensors로 저장한 가중치를 써 주세요.")) from error
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(say(en=f"{path} holds no state dict: save the model's state_dict() alone", ko=f"{path}에 가중치 사전이 없어요. state_dict()만 저장해 주세요."))
    return dict(state)

"""Reading image and label files, strictly: whatever is wrong with a file is said with its name, the value, and what to do."""

import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from segcourse.language import josa, say

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
_KINDS = {"L": ("greyscale", "흑백"), "LA": ("greyscale with transparency", "투명도가 있는 흑백"), "RGBA": ("RGBA", "RGBA"),
          "P": ("palette", "팔레트"), "CMYK": ("CMYK", "CMYK"), "1": ("black-and-white", "1비트 흑백")}


def picture_files(folder: Path) -> list[Path]:
    """The picture files directly in `folder`, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))


def _open(path: Path, *, decode: bool = True) -> Image.Image:
    """The picture, decoded unless only its size is asked for. Raises ValueError for a file that is damaged or no picture, FileNotFoundError for none."""
    if not Path(path).is_file():
        raise FileNotFoundError(say(en=f"there is no file {path}: check the name", ko=f"{path} 파일이 없어요. 이름을 확인해 주세요."))
    try:
        picture = Image.open(path)
        if decode:
            picture.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        reason = "not a picture Pillow can read" if isinstance(error, UnidentifiedImageError) else str(error) or type(error).__name__
        raise ValueError(say(en=f"{path} is damaged or no picture ({reason}): replace the file",
                             ko=f"{path} 파일이 손상됐거나 이미지가 아니에요({reason}). 파일을 바꿔 주세요.")) from error
    return picture


def _kind(mode: str) -> str:
    english, korean = _KINDS.get(mode, (f"of mode {mode}", f"{mode} 모드"))
    return say(en=english, ko=korean)


def read_image(path: Path, *, size: tuple[int, int] | None = None) -> Tensor:
    """An RGB picture of a data set -> uint8 (3, H, W); with `size` (h, w) resized by bilinear interpolation with antialiasing.

    Raises ValueError for a file that is damaged or not RGB: a network trained on colour must not be fed anything else unnoticed.
    """
    picture = _open(path)
    if picture.mode != "RGB":
        kind = _kind(picture.mode)
        raise ValueError(say(en=f"{path} is a {kind} picture, and a data set needs RGB: convert it, for instance with "
                                f"Image.open(path).convert('RGB')",
                             ko=f"{path} 파일은 {kind} 이미지인데 데이터 세트에는 RGB 이미지가 필요해요. "
                                f"Image.open(path).convert('RGB')로 바꿔 주세요."))
    if size is not None and (picture.height, picture.width) != tuple(size):
        picture = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()


def read_label(path: Path, *, num_classes: int, void: int, size: tuple[int, int] | None = None) -> Tensor:
    """A label picture with one class number per pixel -> uint8 (H, W); with `size` (h, w) resized by taking the pixel under each centre.

    Raises ValueError, with the file and the value, for a damaged file, several channels, or a number that is neither a class nor void.
    """
    picture = _open(path)
    if picture.mode not in ("L", "P"):
        kind = _kind(picture.mode)
        raise ValueError(say(en=f"{path} is a {kind} picture, and a label needs one 8-bit channel of class numbers: "
                                f"save it as greyscale or palette PNG",
                             ko=f"{path} 파일은 {kind} 이미지인데 레이블은 클래스 번호가 담긴 8비트 채널 1개여야 해요. "
                                f"흑백이나 팔레트 PNG로 저장해 주세요."))
    if size is not None and (picture.height, picture.width) != tuple(size):
        picture = picture.resize((size[1], size[0]), Image.Resampling.NEAREST)
    label = torch.from_numpy(np.array(picture))
    wrong = (label >= num_classes) & (label != void)
    if wrong.any():
        value = int(label[wrong][0])
        raise ValueError(say(en=f"{path} holds the label {value}, but with {num_classes} classes a label is 0 to {num_classes - 1}, or {void} "
                                f"for void: correct the file",
                             ko=f"{path} 파일에 레이블 {josa(value, '이/가')} 있어요. 클래스가 {num_classes}개면 0부터 {num_classes - 1}까지이고 "
                                f"무시 레이블은 {josa(void, '이에요/예요')}. 파일을 고쳐 주세요."))
    return label


def read_photo(path: str | os.PathLike | Image.Image) -> tuple[Tensor, str]:
    """Any photo of the reader's own -> (uint8 (3, H, W), note): turned upright, greyscale repeated, transparency laid on white.

    `note` says in one sentence what had to be converted, and is empty for an RGB photo. Raises ValueError for a damaged file or
    more than 8 bits a channel.
    """
    picture = path if isinstance(path, Image.Image) else _open(Path(path))
    name = say(en="the photo", ko="사진") if isinstance(path, Image.Image) else Path(path).name
    picture = ImageOps.exif_transpose(picture)
    if picture.mode == "RGB":
        note = ""
    elif picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or (picture.mode == "P" and "transparency" in picture.info):
        note = say(en=f"{name} has transparency: laid on white", ko=f"{name}에 투명한 곳이 있어서 흰 바탕에 얹었어요.")
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture).convert("RGB")
    elif picture.mode in ("L", "1", "P", "CMYK", "YCbCr", "HSV", "LAB"):
        grey = picture.mode in ("L", "1")
        note = (say(en=f"{name} is greyscale: its one channel is used three times", ko=f"{josa(name, '은/는')} 흑백이라서 채널 1개를 세 번 썼어요.") if grey
                else say(en=f"{name} is {_kind(picture.mode)}: converted to RGB", ko=f"{josa(name, '은/는')} {_kind(picture.mode)} 이미지라서 RGB로 바꿨어요."))
        picture = picture.convert("RGB")
    else:
        raise ValueError(say(en=f"{name} has the mode {picture.mode!r}, and a photo needs 8 bits a channel: save it as an ordinary PNG or JPEG",
                             ko=f"{name}의 모드가 {picture.mode!r}인데 사진은 채널마다 8비트여야 해요. 보통 PNG나 JPEG로 저장해 주세요."))
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous(), note

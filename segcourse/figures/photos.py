"""The four photos of the course. They ship inside scikit-image's wheel, so nothing is downloaded, and their licences are public domain or CC0."""

from pathlib import Path

import numpy as np
from PIL import Image

from segcourse.language import say

# name: (file, English and Korean credit), as skimage.data's docstrings state them
_PHOTOS = {
    "astronaut": ("astronaut.png", "Eileen Collins, NASA Great Images, public domain", "아일린 콜린스, NASA Great Images, 퍼블릭 도메인"),
    "chelsea": ("chelsea.png", "Chelsea the cat, photo by Stéfan van der Walt, CC0", "고양이 첼시, 사진 Stéfan van der Walt, CC0"),
    "coffee": ("coffee.png", "Coffee, photo by Rachel Michetti, courtesy of Pikolo Espresso Bar, CC0",
               "커피, 사진 Rachel Michetti, 제공 Pikolo Espresso Bar, CC0"),
    "rocket": ("rocket.jpg", "Launch of DSCOVR on a Falcon 9, SpaceX, public domain", "DSCOVR를 싣고 떠나는 팰컨 9, SpaceX, 퍼블릭 도메인"),
}
PHOTOS = tuple(_PHOTOS)


def _check(name: str) -> str:
    if name not in _PHOTOS:
        known = ", ".join(_PHOTOS)
        raise ValueError(say(en=f"no photo is called {name!r}: choose among {known}",
                             ko=f"{name!r}라는 사진은 없어요. {known} 가운데 하나를 골라 주세요."))
    return name


def photo_credit(name: str) -> str:
    """Who took the photo and under which licence, in the language in force. Raises ValueError for an unknown name."""
    _, english, korean = _PHOTOS[_check(name)]
    return say(en=english, ko=korean)


def photo(name: str, size: tuple[int, int] | None = None):
    """The photo called "astronaut" (512x512), "chelsea" (300x451), "coffee" (400x600) or "rocket" (427x640) as uint8 tensor (3, H, W).

    size: (h, w); the middle is cut out in that shape, then resized with antialiasing. Raises ValueError for an unknown name or a size below 1.
    """
    import skimage
    import torch

    picture = Image.open(Path(skimage.__file__).parent / "data" / _PHOTOS[_check(name)][0]).convert("RGB")
    if size is not None:
        height, width = (int(part) for part in size)
        if height < 1 or width < 1:
            raise ValueError(say(en=f"size is (height, width) of at least 1 pixel, not {tuple(size)}: correct it",
                                 ko=f"size는 1픽셀 이상인 (높이, 너비)인데 {tuple(size)}이에요. 고쳐 주세요."))
        across = min(picture.width, round(picture.height * width / height))
        down = min(picture.height, round(picture.width * height / width))
        left, top = (picture.width - across) // 2, (picture.height - down) // 2
        picture = picture.resize((width, height), Image.Resampling.BICUBIC, box=(left, top, left + across, top + down))
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()

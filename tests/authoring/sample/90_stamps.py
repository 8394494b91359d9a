# ---
# chapter: "90"
# name: stamps
# minutes: {reading: 5, running: 0.1}
# needs: []
# ---

# %% [markdown] lang="en"
# # Stamps
#
# A chapter for the tests: 3 cells, one kernel, two overlapping prints. See [the mathematics](https://example.org/stamps).

# %% [markdown] lang="ko"
# # 도장
#
# 테스트에서 쓰는 장이에요. 칸은 세 개, 커널은 하나, 겹치는 자국은 둘이에요. [수학](https://example.org/stamps)도 보세요.

# %% tags=["setup"]
from fractions import Fraction

# %% tags=["parameters"]
import os

steps = 2 if os.environ.get("SEGCOURSE_QUICK") == "1" else 20   # en: short in tests | ko: 테스트에서는 짧게

# %% [markdown] lang="en"
# ## What happens where two prints overlap?
#
# With `stride=2` the sum is $a + b$.

# %% [markdown] lang="ko"
# ## 자국 두 개가 겹치면 어떻게 될까요?
#
# `stride=2`이면 합은 $a + b$예요.

# %% tags=["nbval-check-output"]
# en: press the kernel once for every cell,
# en: two cells apart
# ko: 칸마다 커널을 한 번씩 찍는데,
# ko: 두 칸씩 띄워요
def press(cells, kernel, stride):
    out = [0] * ((len(cells) - 1) * stride + len(kernel))
    for position, cell in enumerate(cells):
        for tap, weight in enumerate(kernel):
            out[position * stride + tap] += cell * weight
    return out


prints = press([1, 2, 3], [1, 1, 1], stride=2)
print(T(en=f"prints: {prints}",
        ko=f"자국: {prints}"))

# %% tags=["nbval-check-output"]
print(T(
    en="the middle is a sum, "
       "not a mean",
    ko="가운데는 합이에요. "
       "평균이 아니에요",
), len(prints))

# %% tags=["nbval-check-output"]
print(LANGUAGE)

# %% tags=["nbval-check-output"]
print(Fraction(1, 3) + Fraction(2, 3))

# %% tags=["nbval-check-output"]
max(prints)

# %% tags=["nbval-check-output"]
sum(prints)

# %% tags=["nbval-check-output"]
print(*prints, sep="\n")

# %% tags=["nbval-check-output"]
print("a", end="\r")
print("b")

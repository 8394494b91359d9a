# ---
# chapter: "02"
# name: deeplab_v1
# minutes: {reading: 80, running: 3}
# needs: ["01"]
# ---

# %% [markdown] lang="en"
# # 02 · DeepLab v1: a denser map, and a picture that argues back
#
# **Can a classification network give sharp outlines, if one first stops it from shrinking the map and then lets neighbouring pixels talk?**
#
# You need: [chapter 01](01_fcn.ipynb), for score maps, stride and receptive fields.
#
# L.-C. Chen, G. Papandreou, I. Kokkinos, K. Murphy, A. L. Yuille, *Semantic Image Segmentation with Deep Convolutional Nets and Fully Connected CRFs*, ICLR 2015.

# %% [markdown] lang="ko"
# # 02 · DeepLab v1, 더 촘촘한 맵과 픽셀끼리의 대화
#
# **분류 네트워크가 맵을 줄이지 못하게 막고, 그다음에 이웃한 픽셀끼리 이야기하게 하면 윤곽이 또렷해질까요?**
#
# 점수 맵과 스트라이드, 수용 영역을 다루는 [01장](01_fcn.ipynb)을 먼저 읽어 주세요.
#
# L.-C. Chen, G. Papandreou, I. Kokkinos, K. Murphy, A. L. Yuille, *Semantic Image Segmentation with Deep Convolutional Nets and Fully Connected CRFs*, ICLR 2015.

# %% tags=["setup"]
import copy
import itertools
import json
import math

import torch
from torch import nn
from torch.nn import functional as F

from segcourse import datasets, exercises, figures, labs, models, ops, progress, published, show, training

torch.set_num_threads(2)
torch.manual_seed(0)

street, truth = datasets.load("streets", "test", size=(128, 192))[9]

# %% tags=["look"]
def all_knowing(truth, stride):
    """Every cell knows exactly how much of each class lies in it; what is left is to enlarge the map."""
    shares = F.one_hot(truth.long(), 12).permute(2, 0, 1)[None, :11].float()
    return F.interpolate(F.avg_pool2d(shares, stride), scale_factor=stride, mode="bilinear", align_corners=False)[0].argmax(0).to(torch.uint8)

figures.images([street, truth, all_knowing(truth, 8), all_knowing(truth, 32)], columns=2, titles=[
    T(en="One street ...", ko="거리 사진 한 장"), T(en="... and its labels", ko="정답 레이블(ground-truth mask)"),
    T(en="Known without error, but in cells of 8x8", ko="정답을 다 알아도 칸 하나가 8x8 픽셀이면"), T(en="... and in cells of 32x32", ko="칸 하나가 32x32 픽셀이면")])

# %% [markdown] lang="en"
# ## Right, and yet blurred: why?
#
# No network drew the two lower pictures. Each of their cells was told the truth: how many of its pixels are road, how many are pole. Then the map was enlarged. The bicycle is a blot all the same,
# and at 32 the poles are gone. So one part of the trouble has nothing to do with what a network can recognise: a map with one cell for every 32x32 pixels has no room for a thin thing.
#
# How much does that cost, with the map enlarged in this way? We score the all-knowing cells over 20 pictures.

# %% [markdown] lang="ko"
# ## 다 맞혔는데 왜 흐릴까요?
#
# 아랫줄의 두 그림은 네트워크가 그린 게 아니에요. 칸마다 정답을 그대로 알려 줬거든요. 도로가 몇 픽셀이고 기둥이 몇 픽셀인지까지요. 그런 다음 맵을 키우기만 했어요. 그런데도 자전거는
# 얼룩이 되었고, 32에서는 기둥이 사라졌어요. 그러니 문제의 일부는 네트워크가 얼마나 잘 알아보느냐와 아무 상관이 없어요. 32x32 픽셀마다 한 칸뿐인 맵에는 가는 물체가 들어갈 자리가 없거든요.
#
# 맵을 이렇게 키웠을 때 얼마나 손해를 볼까요? 정답을 다 아는 칸을 사진 20장에서 평가해 볼게요.

# %% tags=["nbval-check-output"]
pictures, labels = datasets.load("streets", "test", size=(128, 192), length=20).stack()
for stride in (32, 16, 8):
    guess = torch.stack([all_knowing(label, stride) for label in labels])
    scores = training.Scores.from_labels(guess, labels, num_classes=11)
    print(T(en=f"cells of {stride}x{stride}:", ko=f"칸 크기 {stride}x{stride}:"), f"mIoU {scores.miou:.0%} |", T(en="boundary IoU", ko="경계 IoU"), f"{scores.boundary_iou:.0%} |",
          T(en="pole IoU", ko="기둥 IoU"), f"{scores.iou[2].item():.0%}")

# %% [markdown] lang="en"
# DeepLab's paper begins with *two* problems. The first is the one you have just seen. The second is subtler: a classifier is trained to give the same answer wherever in its window the cat sits. What helps to name a thing hurts in placing it.
# Keep the two apart; most of this chapter is about which remedy treats which problem.
#
# ## Say it before you see it
#
# Here is what the lecture notes say about DeepLab, in our words. About atrous convolution they say two different things: in one line it answers the first problem, in another the second. The sheet has the second of these lines. Decide for each line *now*.

# %% [markdown] lang="ko"
# DeepLab 논문은 문제 *두 가지*에서 출발해요. 첫째는 방금 본 것이에요. 둘째는 눈에 잘 띄지 않아요. 분류기는 고양이가 창 안 어디에 앉아 있든 같은 답을 내도록 배워요. 무엇인지 알아맞히는 데에는 도움이 되지만,
# 어디인지 짚는 데에는 방해가 되죠. 두 문제를 따로 기억해 두세요. 어떤 방법이 어떤 문제를 고치는지가 이 장의 줄거리예요.
#
# ## 실행하기 전에 골라 보기
#
# 강의 노트에서 DeepLab을 설명한 말을 조금 다듬어 적었어요. 그런데 아트루스 합성곱(atrous convolution)이 어느 문제의 답인지는 노트의 줄마다 달라요. 첫째 문제의 답이라는 줄도 있고, 둘째 문제의 답이라는 줄도 있어요. 아래 목록에는 이 두 줄 가운데 둘째 문제라고 한 줄을 실었어요. *지금* 한 줄씩 읽고 얼마나 맞는 말인지 골라 보세요.

# %% tags=["look"]
exercises.claims.sheet("02")

# %% [markdown] lang="en"
# ### First, are there two problems at all?
#
# Two measurements, neither of which needs training. How far do the trunks of AlexNet and VGG16 shrink a picture? And what does max pooling make of a photo that moves by a single pixel:
# how much does the map change, compared with how much the photo changed?

# %% [markdown] lang="ko"
# ### 정말 문제가 두 가지일까요?
#
# 학습하지 않고도 잴 수 있는 것 두 가지를 재 볼게요. AlexNet과 VGG16의 몸통은 사진을 얼마나 줄일까요? 그리고 사진이 딱 한 픽셀 움직이면 최대 풀링을 거친 맵은 얼마나 달라질까요?
# 사진이 달라진 정도와 비교해 볼게요.

# %% tags=["claim-2.1", "nbval-check-output"]
with torch.device("meta"):
    trunks = {"AlexNet": models.create("fcn_alexnet", num_classes=21).features, "VGG16": models.vgg.VGG16().features}
strides = {name: int(ops.receptive_field(trunk, (512, 512)).stride[0]) for name, trunk in trunks.items()}
print(T(en="one cell for so many pixels a side:", ko="칸 하나가 맡는 한 변의 픽셀 수:"), strides)

cat = figures.photo("chelsea", size=(257, 385)).double().mean(0)[None, None] / 255
before, after = cat[..., :256, :384], cat[..., 1:, 1:]     # en: one pixel on | ko: 한 픽셀 옮긴 사진
changes = {}
for size in (1, 4, 32):
    a, b = F.max_pool2d(before, size, stride=1), F.max_pool2d(after, size, stride=1)     # en: nothing is shrunk here | ko: 여기서는 맵이 줄지 않아요
    changes[size] = ((a - b).square().mean() / (a - a.mean()).square().mean()).sqrt().item()
    print(T(en=f"largest of {size}x{size}: the map changes by", ko=f"{size}x{size} 최대 풀링, 맵이 달라진 정도:"), f"{changes[size]:.0%}")
exercises.claims.decide("2.1")
assert set(strides.values()) == {32} and changes[32] < 0.6 * changes[1]

# %% [markdown] lang="en"
# Both are there, in these two networks: a map 32 times smaller, and, from pooling over 32x32 alone, a map that reacts only about half as much when the photo moves.
#
# ## The operation by hand, first half: holes in a kernel
#
# *À trous* is French for "with holes". Take a kernel of three taps and let it reach for every second number instead of every one: the **rate** is 2.

# %% [markdown] lang="ko"
# 이 두 네트워크에는 두 문제가 모두 있네요. 맵은 32배 작아지고, 32x32 풀링만 거쳐도 사진이 움직일 때 맵이 달라지는 정도가 절반쯤으로 줄어요.
#
# ## 손으로 해 보는 연산 1 · 구멍 뚫린 커널
#
# 아트루스(*à trous*)는 프랑스어로 '구멍이 뚫린'이라는 뜻이에요. 그래서 이 연산을 **아트루스 합성곱** 또는 팽창 합성곱이라고 불러요. 탭이 세 개인 커널로 숫자를 하나 걸러 하나씩 집어 볼게요. 이때 **팽창률**(rate)은 2예요.

# %% tags=["nbval-check-output"]
signal, taps = [2, 1, 0, 3, 1, 2, 4, 1, 0], [1, 2, 1]

def slide(signal, taps, rate):
    span = (len(taps) - 1) * rate + 1     # en: from the first tap to the last | ko: 첫 탭에서 마지막 탭까지의 길이
    return [sum(tap * signal[start + rate * j] for j, tap in enumerate(taps)) for start in range(len(signal) - span + 1)]

print(T(en="rate 1:", ko="팽창률 1:"), slide(signal, taps, rate=1))
print(T(en="rate 2:", ko="팽창률 2:"), slide(signal, taps, rate=2))
assert slide(signal, taps, rate=2) == slide(signal, [1, 0, 2, 0, 1], rate=1)

# %% tags=["look"]
figures.grids([([signal], "input", T(en="nine numbers; the first output reads the outlined ones", ko="숫자 아홉 개, 첫 출력은 테두리 친 곳을 읽어요")),
               ([[1, 0, 2, 0, 1]], "kernel", T(en="the same three taps, rate 2", ko="탭은 그대로 세 개, 팽창률은 2")), ([slide(signal, taps, 2)], "output", T(en="five outputs", ko="출력 다섯 개"))],
              operators=("*", "="), highlights=[[(0, 0), (0, 2), (0, 4)], None, [(0, 0)]], hatches=[None, [[0, 1, 0, 1, 0]], None])

# %% [markdown] lang="en"
# ### In two dimensions
#
# Claim 2.4 says that zeros go between the taps, and that a 3x3 kernel then sees 5x5. In general it spans $k + (k - 1)(r - 1)$. Four ways to compute the same thing: plain loops, `ops.atrous_conv2d`, torch, and an ordinary
# convolution with a kernel in which the zeros really stand.

# %% [markdown] lang="ko"
# ### 2차원에서
#
# 주장 2.4에 따르면 탭 사이에 0이 들어가고, 그러면 3x3 커널이 5x5를 봐요. 일반적으로 커널이 걸치는 폭은 $k + (k - 1)(r - 1)$이에요. 같은 값을 네 가지 방법으로 계산해 볼게요. 반복문으로 하나하나, `ops.atrous_conv2d`로, torch로,
# 그리고 0을 정말로 끼워 넣은 커널과 보통 합성곱으로요.

# %% tags=["claim-2.4", "nbval-check-output"]
x = torch.randn(1, 1, 9, 9, dtype=torch.double)
kernel = torch.randn(1, 1, 3, 3, dtype=torch.double)
paper = torch.zeros(5, 5, dtype=torch.double)
for row in range(5):
    for column in range(5):
        for i in range(3):
            for j in range(3):
                paper[row, column] += kernel[0, 0, i, j] * x[0, 0, row + 2 * i, column + 2 * j]

stuffed = ops.zero_stuffed(kernel, rate=2)
ways = [ops.atrous_conv2d(x, kernel, rate=2), F.conv2d(x, kernel, dilation=2), ops.conv2d(x, stuffed)]
largest = max((way[0, 0] - paper).abs().max().item() for way in ways)
print(T(en="four ways, largest difference:", ko="네 방법 사이의 가장 큰 차이:"), "< 1e-12" if largest < 1e-12 else largest)
print(T(en="kernel with its zeros:", ko="0을 끼운 커널:"), tuple(stuffed.shape[2:]), "|", T(en="multiplications for one output:", ko="출력 하나에 드는 곱셈:"), kernel.numel(), T(en="against", ko="대"), stuffed.numel())
for k, r in ((3, 2), (3, 12), (4, 8), (7, 4)):
    print(f"{k}x{k}, r={r}:", k + (k - 1) * (r - 1))
exercises.claims.decide("2.4")
assert largest < 1e-12 and stuffed.shape[-1] == 3 + (3 - 1) * (2 - 1) == 5 and int((stuffed != 0).sum()) == 9

# %% tags=["look"]
figures.grids([(torch.arange(1, 10).view(3, 3), "kernel", T(en="nine weights", ko="가중치 아홉 개")),
               (ops.zero_stuffed(torch.arange(1., 10).view(1, 1, 3, 3), rate=2), "kernel", T(en="rate 2: the same nine over 5x5", ko="팽창률 2, 같은 아홉 개가 5x5에 걸쳐요"))],
              operators=("→",), hatches=[None, ops.zero_stuffed(torch.ones(1, 1, 3, 3), rate=2)[0, 0] == 0])

# %% [markdown] lang="en"
# The last three lines of the list are worth a second look: 3x3 at rate 12, 4x4 at rate 8 and 7x7 at rate 4 all span 25 cells. DeepLab's paper compares these three and one that spans 13, and picks the one with the fewest weights.
#
# ### A word that means two things
#
# The notes speak of an "input stride" larger than the "output stride". In Figure 1 of the paper the *input stride* is the rate: the step between two numbers that one output reads. The *output stride* is the step
# between one output *of this layer* and the next. Today the words "output stride" mean something else: image size over map size, for the whole network. This course says "rate" for the first, and keeps "output stride" for the last.

# %% [markdown] lang="ko"
# 목록의 마지막 세 줄을 다시 보세요. 팽창률 12인 3x3, 팽창률 8인 4x4, 팽창률 4인 7x7은 모두 25칸에 걸쳐 있어요. DeepLab 논문은 이 셋과 13칸에 걸치는 것 하나를 비교해서, 가중치가 가장 적은 것을 골랐어요.
#
# ### 뜻이 둘인 말
#
# 노트에는 'input stride'가 'output stride'보다 크다는 말이 나와요. 논문의 그림 1에서 *input stride*는 팽창률이에요. 출력 하나가 읽는 숫자와 숫자 사이의 간격이죠. *output stride*는 *이 층의* 출력과 다음 출력 사이의 간격이에요.
# 요즘 말하는 **출력 스트라이드**(output stride)는 뜻이 달라요. 네트워크 전체에서 이미지가 맵보다 몇 배 큰지를 가리켜요. 이 강의에서는 앞의 것을 '팽창률'이라고 하고, '출력 스트라이드'는 요즘 뜻으로만 쓸게요.

# %% tags=["claim-2.5", "nbval-check-output"]
def reads(output, taps=3, rate=2, step=1):
    """The places of the input that this output reads."""
    return [output * step + rate * j for j in range(taps)]

for output in (0, 1, 2):
    print(T(en=f"output {output} reads", ko=f"{output}번 출력이 읽는 자리:"), reads(output))
input_stride, output_stride = reads(0)[1] - reads(0)[0], reads(1)[0] - reads(0)[0]
with torch.device("meta"):
    dense_trunk = ops.make_dense(models.vgg.VGG16().features, output_stride=8)
whole = ops.receptive_field(dense_trunk, (256, 256)).stride[0]
layer = dense_trunk.conv5_3
print(T(en="in the figure: input stride", ko="그 그림의 input stride"), input_stride, "|", T(en="output stride", ko="그 그림의 output stride"), output_stride)
print(T(en="conv5_3 of a VGG16 at output stride 8: rate", ko="출력 스트라이드가 8인 VGG16의 conv5_3, 팽창률"), layer.dilation[0], "|", T(en="its own step", ko="이 층의 간격"), layer.stride[0], "|", T(en="output stride of the network", ko="네트워크의 출력 스트라이드"), whole)
exercises.claims.decide("2.5")
assert (input_stride, output_stride) == (2, 1) and (layer.dilation[0], layer.stride[0], int(whole)) == (2, 1, 8)

# %% [markdown] lang="en"
# ## The operation by hand, second half: where the density comes from
#
# Putting holes into a kernel does not make a map denser. A layer with padding keeps its size at any rate. The density comes from *removing a stride*, and the holes are the price: everything behind the stride that was removed now meets its numbers twice as far apart.
#
# By hand: the largest of every two numbers, then a kernel of three taps.

# %% [markdown] lang="ko"
# ## 손으로 해 보는 연산 2 · 촘촘해지는 까닭
#
# 커널에 구멍을 뚫는다고 맵이 촘촘해지지는 않아요. 패딩을 맞추면 팽창률이 얼마든 출력 크기는 그대로거든요. 맵은 *스트라이드를 없앨 때* 촘촘해져요. 구멍은 그 대가예요. 없앤 스트라이드 뒤에 있는 층에서는 읽어야 할 숫자 사이가
# 두 배로 벌어지니까요.
#
# 손으로 해 볼게요. 숫자 둘 가운데 큰 것을 고른 다음, 탭 세 개짜리 커널을 써요.

# %% tags=["nbval-check-output"]
def largest_of_two(signal, step):
    return [max(signal[i], signal[i + 1]) for i in range(0, len(signal) - 1, step)]

signal = [2, 1, 0, 3, 1, 2, 4, 1, 0, 2, 5, 1]
strided = slide(largest_of_two(signal, step=2), taps, rate=1)
dense = slide(largest_of_two(signal, step=1), taps, rate=2)
wrong = slide(largest_of_two(signal, step=1), taps, rate=1)
print(T(en="stride 2, then rate 1:", ko="스트라이드 2, 팽창률 1:"), strided)
print(T(en="stride 1, then rate 2:", ko="스트라이드 1, 팽창률 2:"), dense, "->", T(en="every second", ko="하나 걸러 하나"), dense[::2])
print(T(en="stride 1, rate forgotten:", ko="스트라이드 1, 팽창률을 안 바꾸면:"), wrong, "->", wrong[::2])
assert dense[::2] == strided != wrong[::2][:len(strided)]

# %% tags=["look"]
figures.grids([([strided], "output", T(en="with the stride", ko="스트라이드가 있을 때")), ([dense], "output", T(en="without it, rate 2: the old numbers stay (outlined), new ones come between them", ko="스트라이드를 없애고 팽창률을 2로, 원래 숫자(테두리)는 그대로이고 사이에 새 숫자가 생겨요")),
               ([wrong], "count", T(en="rate forgotten: other numbers", ko="팽창률을 안 바꾸면 다른 숫자가 나와요"))],
              operators=("", ""), highlights=[None, [(0, i) for i in range(0, len(dense), 2)], None])

# %% [markdown] lang="en"
# ### A whole trunk
#
# `ops.make_dense` does this to a network: it removes strides from the far end until the output stride is what you ask for, and dilates *everything that follows*, max pools included, with its padding scaled along. No weight changes. Then the dense map, sampled at every
# fourth cell, must be the old map. Forget the pools, and it is not.

# %% [markdown] lang="ko"
# ### 몸통 전체에서
#
# `ops.make_dense`는 네트워크 전체에 같은 일을 해 줘요. 원하는 출력 스트라이드가 될 때까지 뒤쪽부터 스트라이드를 없애고, *그 뒤에 오는 층을 모두* 팽창시켜요. 최대 풀링도 빠뜨리지 않고, 패딩도 같은 비율로 늘려요. 가중치는 하나도 바뀌지 않아요. 그러면 촘촘한 맵에서 네 칸마다 하나씩
# 뽑은 값이 원래 맵과 같아야 해요. 풀링을 빼먹으면 달라져요.

# %% tags=["claim-2.3", "nbval-check-output"]
x, kernel = torch.randn(1, 1, 12, 12, dtype=torch.double), torch.randn(1, 1, 3, 3, dtype=torch.double)
sizes = [tuple(ops.atrous_conv2d(x, kernel, rate=rate, padding=rate).shape[2:]) for rate in (1, 2, 4)]
print(T(en="12x12, rates 1, 2, 4, padding scaled:", ko="12x12에 팽창률 1, 2, 4, 패딩은 팽창률만큼:"), sizes)

trunk = models.vgg.VGG16(width=1 / 16).features.double().eval()
photo = datasets.normalise(figures.photo("chelsea", size=(256, 384)))[None].double()
dense = ops.make_dense(trunk, output_stride=8)
forgetful = copy.deepcopy(dense)
for layer in forgetful:
    if isinstance(layer, nn.MaxPool2d):
        layer.dilation, layer.padding = 1, 0
with torch.no_grad():
    old, new, other = trunk(photo), dense(photo), forgetful(photo)
print(tuple(old.shape[2:]), "->", tuple(new.shape[2:]))
gap = (new[..., ::4, ::4] - old).abs().max().item()
rows, columns = (min(a, b) for a, b in zip(old.shape[2:], other[..., ::4, ::4].shape[2:]))
apart = ((other[..., ::4, ::4] - old)[..., :rows, :columns].square().mean() / old.var()).sqrt().item()
print(T(en="every fourth cell against the old map:", ko="네 칸마다 뽑은 값과 원래 맵의 차이:"), "< 1e-10" if gap < 1e-10 else gap)
print(T(en="pools not dilated: relative RMS difference > 20 %:", ko="풀링을 팽창시키지 않으면 상대 RMS 차이 > 20%:"), apart > 0.2)
exercises.claims.decide("2.3")
assert len(set(sizes)) == 1 and new.shape[-1] > old.shape[-1] and gap < 1e-10 and apart > 0.2

# %% [markdown] lang="en"
# Now move it yourself: set rates and layers, point at an output and see its taps, and fill in a strided map cell by cell.

# %% [markdown] lang="ko"
# 이제 직접 움직여 보세요. 팽창률과 층 수를 정하고 출력 칸을 가리키면 탭이 보여요. 스트라이드가 있던 맵이 한 칸씩 채워지는 것도 볼 수 있어요.

# %% tags=["lab"]
labs.atrous()

# %% [markdown] lang="en"
# ### Holes that never meet
#
# Three layers of 3x3 at rate 2 span 13x13 pixels. How many of the 169 do they read? Send a single 1 backwards through kernels of ones and count the paths.

# %% [markdown] lang="ko"
# ### 끝내 만나지 않는 구멍
#
# 팽창률이 2인 3x3 층을 세 개 쌓으면 13x13 픽셀에 걸쳐요. 169개 가운데 몇 개를 실제로 읽을까요? 가중치가 모두 1인 커널로 1 하나를 거꾸로 보내면서 길이 몇 갈래인지 세어 볼게요.

# %% tags=["nbval-check-output"]
def paths(rates):
    count, one = torch.ones(1, 1, 1, 1), torch.ones(1, 1, 3, 3)
    for rate in rates:
        count = F.conv_transpose2d(count, one, dilation=rate)
    return count[0, 0].int()

for rates in ((2, 2, 2), (1, 2, 3)):
    count = paths(rates)
    print(T(en="rates", ko="팽창률"), rates, T(en="span", ko="펼친 크기"), tuple(count.shape), "|", T(en="pixels read:", ko="읽는 픽셀:"), int((count > 0).sum()), "/", count.numel())

# %% tags=["look"]
figures.grids([(paths((2, 2, 2)), "count", T(en="rates 2, 2, 2: 49 of 169 pixels, a grid", ko="팽창률 2, 2, 2는 169개 중 49개만, 격자 모양으로 읽어요")),
               (paths((1, 2, 3)), "count", T(en="rates 1, 2, 3: none is left out", ko="팽창률 1, 2, 3은 빠짐없이 읽어요"))], operators=("",))

# %% [markdown] lang="en"
# This is **gridding**: when every rate is 2, even and odd cells never mix. Rates 1, 2, 3 close the gaps; rates with a common divisor above 1 never can. The three conv5 layers of DeepLab v1 have the rates of our first example, and within them it is the point: because even and odd do not mix, the old cells keep their numbers. Where nobody needs the old cells, it is a fault: neighbouring outputs are computed from different pixels.
#
# ## Which remedy for which problem?
#
# The map is denser now. Is it also less blind to place? Claim 2.2 says that atrous convolution answers the second problem. We ask the same question as before: by how much does the answer of a cell change when the photo moves by one pixel? And then we hand a
# blurred guess and a sharp edge to the CRF, which you will take apart below.

# %% [markdown] lang="ko"
# 이런 무늬를 **격자 현상**(gridding)이라고 해요. 팽창률이 모두 2이면 짝수 칸과 홀수 칸이 끝내 섞이지 않아요. 팽창률이 1, 2, 3이면 빈틈이 메워져요. 1보다 큰 공약수가 있으면 절대 메워지지 않아요. DeepLab v1의 conv5에 있는 세 층은 팽창률이 첫째 예와 같아요. 이 세 층에서는 일부러 그런 거예요. 짝수와 홀수가 섞이지 않아야 원래 칸의 숫자가 그대로 남거든요. 원래 칸을 지킬 까닭이 없는 곳에서는 결함이 돼요. 나란한 두 출력이 서로 다른 픽셀만 보고 나오니까요.
#
# ## 어떤 방법이 어떤 문제를 고칠까요?
#
# 맵은 이제 촘촘해졌어요. 위치에도 더 민감해졌을까요? 주장 2.2에 따르면 아트루스 합성곱은 둘째 문제의 답이에요. 아까와 똑같이 물어볼게요. 사진이 한 픽셀 움직이면 칸의 답은 얼마나 달라질까요? 그런 다음 흐릿한 추측과 또렷한 경계를 CRF에 넘겨 볼게요.
# CRF는 조금 뒤에 낱낱이 뜯어볼 거예요.

# %% tags=["claim-2.2", "nbval-check-output"]
trunk = models.vgg.VGG16(width=1 / 16).features.double().eval()
dense = ops.make_dense(trunk, output_stride=8)
photo = datasets.normalise(figures.photo("chelsea", size=(257, 385)))[None].double()
before, after = photo[..., :256, :384], photo[..., 1:, 1:]
with torch.no_grad():
    old = [trunk(view) for view in (before, after)]
    new = [dense(view) for view in (before, after)]
change = [((a - b).square().mean() / a.var()).sqrt().item() for a, b in (old, [m[..., ::4, ::4] for m in new])]
print(T(en="cells:", ko="칸 수:"), old[0][0, 0].numel(), "->", new[0][0, 0].numel())
print(T(en="change of an old cell's answer, strided and dense: the same to", ko="원래 칸의 답이 달라지는 정도, 촘촘하게 하기 전과 후의 차이:"), "< 1e-10" if abs(change[0] - change[1]) < 1e-10 else change)

edge = torch.full((3, 16, 16), 60, dtype=torch.uint8)
edge[:, :, 5:] = 190     # en: the colours change at column 5 | ko: 색은 5열에서 바뀌어요
guess = torch.linspace(0.9, 0.1, 16).expand(16, 16)     # en: the guess changes its mind at column 8 | ko: 추측은 8열에서 바뀌어요
guess = torch.stack([guess, 1 - guess])
refined = ops.dense_crf(guess, edge, bilateral_weight=4, bilateral_xy=8, bilateral_rgb=20, gaussian_weight=1, gaussian_xy=1)
outline = [int(q.argmax(0)[8].int().argmax()) for q in (guess, refined)]
print(T(en="outline at column: guess, CRF", ko="윤곽이 있는 열, 추측과 CRF"), outline)
exercises.claims.decide("2.2")
assert new[0][0, 0].numel() > 10 * old[0][0, 0].numel() and abs(change[0] - change[1]) < 1e-10 and outline == [8, 5]

# %% [markdown] lang="en"
# Nearly fourteen times as many cells (sixteen, were it not for the rim), and every old one exactly as insensitive as before. Atrous convolution answers the *first* problem, the lost resolution. The *second*, the lost place, is what the CRF is for: it moved the outline from where the guess wavered to where the colours change.
# (That is the contradiction in the notes: one line gives atrous convolution the first problem, another the second.)
#
# ## What a CRF is, from two pixels up
#
# A **conditional random field** (CRF) is a probability for every *labeling* of a picture as a whole, given the picture: $P(\mathbf{x} \mid I)$. It is written with an energy $E$, low for labelings that fit:
#
# $$P(\mathbf{x} \mid I) = \frac{1}{Z(I)} \exp\bigl(-E(\mathbf{x} \mid I)\bigr), \qquad E(\mathbf{x} \mid I) = \sum_i \psi_u(x_i) + \sum_{i<j} \psi_p(x_i, x_j)$$
#
# The **unary** potential $\psi_u(x_i) = -\log P_i(x_i)$ holds what the network thinks of each pixel by itself. The **pairwise** potential $\psi_p$ holds what two pixels think of each other. $Z$, the partition function, makes all the probabilities add up to 1.
#
# Begin with the unary alone. What does the CRF say then? Three pixels, three labels, 27 labelings: we can simply list them.

# %% [markdown] lang="ko"
# 칸은 14배 가까이 늘었는데(가장자리만 아니면 16배예요), 원래 있던 칸은 전과 똑같이 둔해요. 아트루스 합성곱은 *첫째* 문제, 그러니까 잃어버린 해상도의 답이에요. *둘째* 문제인 잃어버린 위치는 CRF가 맡아요. 방금도 추측이 오락가락하던 자리에서 색이 바뀌는 자리로 윤곽을 옮겼죠.
# (노트에서 서로 어긋나는 두 줄이 바로 이 이야기예요. 한 줄에서는 아트루스 합성곱이 첫째 문제의 답이라고 하고, 다른 줄에서는 둘째 문제의 답이라고 해요.)
#
# ## 픽셀 두 개에서 시작하는 CRF
#
# **조건부 랜덤 필드**(conditional random field, CRF)는 사진이 주어졌을 때 사진 전체의 *레이블 배치* 하나하나에 확률을 매겨요. 이 확률이 $P(\mathbf{x} \mid I)$예요. 식은 에너지 $E$로 써요. 사진에 잘 맞는 배치일수록 에너지가 낮아요.
#
# $$P(\mathbf{x} \mid I) = \frac{1}{Z(I)} \exp\bigl(-E(\mathbf{x} \mid I)\bigr), \qquad E(\mathbf{x} \mid I) = \sum_i \psi_u(x_i) + \sum_{i<j} \psi_p(x_i, x_j)$$
#
# **단항 포텐셜**(unary potential) $\psi_u(x_i) = -\log P_i(x_i)$에는 네트워크가 픽셀마다 따로 내린 판단이 담겨요. **쌍별 포텐셜**(pairwise potential) $\psi_p$에는 두 픽셀이 서로를 어떻게 보는지가 담겨요. 분배 함수(partition function) $Z$로 나누면 확률의 합이 1이 돼요.
#
# 먼저 단항 포텐셜만 써 볼게요. 그러면 CRF는 뭐라고 할까요? 픽셀 3개, 레이블 3개면 배치가 27가지뿐이라 다 늘어놓을 수 있어요.

# %% tags=["nbval-check-output"]
softmax = torch.softmax(torch.randn(3, 3, dtype=torch.double), dim=1)     # en: pixel, label | ko: 픽셀, 레이블
unary = -softmax.log()
labelings = list(itertools.product(range(3), repeat=3))
energy = torch.stack([sum(unary[i, label] for i, label in enumerate(x)) for x in labelings])
probability = torch.exp(-energy) / torch.exp(-energy).sum()

marginal = torch.zeros(3, 3, dtype=torch.double)
for x, p in zip(labelings, probability):
    for i, label in enumerate(x):
        marginal[i, label] += p
gap = (marginal - softmax).abs().max().item()
print(T(en=f"{len(labelings)} labelings; the marginals against the softmax:", ko=f"배치 {len(labelings)}가지, 주변 확률(marginal)과 소프트맥스의 차이:"), "< 1e-12" if gap < 1e-12 else gap)
assert gap < 1e-12

# %% [markdown] lang="en"
# The softmax comes back: with the unary alone every pixel minds its own business.
#
# ### Where the unary comes from
#
# Claim 2.9 says that the unary ties a pixel's colour to its class. But it is $-\log$ of the network's softmax *at that pixel*, and the network saw a large surrounding. Take pixels of exactly the same colour. A network with random weights is enough here: nothing has to be learned for the surrounding to count. (Its field is 435x435, more than the picture: what lies outside is padding.)

# %% [markdown] lang="ko"
# 소프트맥스가 그대로 돌아왔어요. 단항 포텐셜만 있으면 픽셀마다 혼자서 정하니까요.
#
# ### 단항 포텐셜은 어디에서 나올까요?
#
# 주장 2.9에 따르면 단항 포텐셜은 픽셀의 색과 클래스를 이어 줘요. 하지만 단항 포텐셜은 네트워크가 *그 픽셀에서* 낸 소프트맥스에 $-\log$를 씌운 값이에요. 게다가 네트워크는 그 둘레를 넓게 봤어요. 색이 완전히 같은 픽셀을 골라 볼게요. 가중치가 무작위인 네트워크면 충분해요. 배운 것이 없어도 둘레에 따라 값이 달라지거든요. (수용 영역은 435x435라 사진보다 커요. 사진 밖은 패딩이에요.)

# %% tags=["claim-2.9", "nbval-check-output"]
network = models.create("deeplab_v1", num_classes=11, width=1 / 16).eval()
nn.init.normal_(network.fc8.weight, std=0.5)     # en: else all scores are close to 0 | ko: 그대로 두면 점수가 모두 0에 가까워요
colours = street.flatten(1).T
pixels, counts = torch.unique(colours, dim=0, return_counts=True)
colour = pixels[counts.argmax()]
places = (colours == colour).all(1).nonzero()[:, 0]
with torch.no_grad():
    unary = -network(datasets.normalise(street)[None])[0].log_softmax(0).flatten(1)
spread = (unary[:, places].amax(1) - unary[:, places].amin(1)).max().item()
field = ops.receptive_field(network.scorer(), (128, 192)).size[0]
print(T(en=f"{len(places)} pixels have the colour", ko=f"픽셀 {len(places)}개가 모두 같은 색:"), colour.tolist())
print(T(en="yet their unaries differ:", ko="그런데도 단항 포텐셜은 서로 다름:"), spread > 1e-3, "|", T(en="field of each", ko="픽셀마다 수용 영역"), f"{field}x{field}")
exercises.claims.decide("2.9")
assert len(places) > 5 and spread > 1e-3 and field > 1

# %% [markdown] lang="en"
# ### Two pixels
#
# Now let two pixels talk. The pairwise potential of DeepLab is a **Potts model**: nothing to pay for equal labels, and for different ones
#
# $$\psi_p(x_i, x_j) = [x_i \ne x_j]\left( w_1 \exp\left(-\frac{|p_i - p_j|^2}{2\sigma_\alpha^2} - \frac{|I_i - I_j|^2}{2\sigma_\beta^2}\right) + w_2 \exp\left(-\frac{|p_i - p_j|^2}{2\sigma_\gamma^2}\right)\right)$$
#
# with places $p$ and colours $I$. Five numbers set it: $w_1$ and $w_2$ say how much a disagreement costs, $\sigma_\alpha$ and $\sigma_\gamma$ how far a pixel reaches (in pixels), $\sigma_\beta$ how different colours may be (in grey levels). In code they are `bilateral_weight`, `gaussian_weight`, `bilateral_xy`, `gaussian_xy` and `bilateral_rgb`.
# The first kernel is called bilateral: near *and* alike. The second, Gaussian, only asks for near; in the next cell it is left out. Two pixels have four labelings. One pixel leans to label 0, the other a little to label 1; then we swap a colour and nothing else.

# %% [markdown] lang="ko"
# ### 픽셀 두 개
#
# 이제 두 픽셀이 서로 이야기하게 해 볼게요. DeepLab의 쌍별 포텐셜은 **포츠 모델**(Potts model)이에요. 레이블이 같으면 값을 치르지 않고, 다르면 이만큼 치러요.
#
# $$\psi_p(x_i, x_j) = [x_i \ne x_j]\left( w_1 \exp\left(-\frac{|p_i - p_j|^2}{2\sigma_\alpha^2} - \frac{|I_i - I_j|^2}{2\sigma_\beta^2}\right) + w_2 \exp\left(-\frac{|p_i - p_j|^2}{2\sigma_\gamma^2}\right)\right)$$
#
# $p$는 자리, $I$는 색이에요. 숫자는 다섯 개예요. $w_1$과 $w_2$는 레이블이 다를 때 치르는 값, $\sigma_\alpha$와 $\sigma_\gamma$는 얼마나 멀리까지 닿는지(픽셀), $\sigma_\beta$는 색이 얼마나 달라도 되는지(밝기 단계)예요. 코드에서는 `bilateral_weight`, `gaussian_weight`, `bilateral_xy`, `gaussian_xy`, `bilateral_rgb`라고 써요.
# 첫째 유사도 커널은 bilateral 커널이에요. 가깝*고* 색도 비슷해야 커져요. 둘째는 가우시안 커널이고, 가깝기만 하면 돼요. 다음 셀에서는 둘째를 뺐어요. 픽셀이 두 개면 배치는 네 가지예요. 한 픽셀은 레이블 0 쪽으로, 다른 픽셀은 레이블 1 쪽으로 조금 기울어 있어요. 여기서
# 색 하나만 바꾸고 나머지는 그대로 둬 볼게요.

# %% tags=["claim-2.8", "nbval-check-output"]
def joined(distance, colours, w1=2.0, alpha=10.0, beta=20.0):
    return w1 * math.exp(-distance ** 2 / (2 * alpha ** 2) - (colours[0] - colours[1]) ** 2 / (2 * beta ** 2))

def four_labelings(colours, first=(0.8, 0.2), second=(0.4, 0.6), distance=1):
    weight = {x: math.exp(math.log(first[x[0]]) + math.log(second[x[1]]) - joined(distance, colours) * (x[0] != x[1]))
              for x in itertools.product((0, 1), repeat=2)}
    return {x: w / sum(weight.values()) for x, w in weight.items()}

agree = {}
for name, colours in {"100, 104": (100, 104), "100, 220": (100, 220)}.items():
    p = four_labelings(colours)
    agree[name] = p[0, 0] + p[1, 1]
    print(T(en="colours", ko="색"), name, {x: round(v, 2) for x, v in p.items()}, "|", T(en="equal labels:", ko="레이블이 같을 확률:"), round(agree[name], 2))
alone = 0.8 * 0.4 + 0.2 * 0.6
far = joined(30, (100, 104))
print(T(en="each pixel by itself:", ko="저마다 혼자 정할 때:"), round(alone, 2), "|", T(en="a pixel 30 away still counts:", ko="30픽셀 떨어져도 이어져 있음:"), far > 0.01, "|", T(en="pairs in this street:", ko="이 사진의 픽셀 쌍:"), truth.numel() * (truth.numel() - 1) // 2)
exercises.claims.decide("2.8")
assert agree["100, 104"] > alone + 0.2 and abs(agree["100, 220"] - alone) < 0.01 and far > 0.01

# %% [markdown] lang="en"
# So nobody assumes that neighbours *look* alike. The colours are observed; what follows from them is how strongly two pixels are expected to share a **label**. And the fully connected CRF joins not only neighbours but every pair, each with its own weight.
#
# ### Sixteen pixels, exactly
#
# A picture of 4x4 with 2 labels has $2^{16}$, that is 65,536 labelings, and we can still list them all. This is what *conditional* means: the labelings are the same for every picture, their probabilities are not.

# %% [markdown] lang="ko"
# 그러니까 이웃끼리 *생김새가* 비슷하다고 가정하는 게 아니에요. 색은 이미 눈에 보이는 값이에요. 그 색을 보고 두 픽셀의 **레이블**이 같으리라고 얼마나 믿을지 정하는 거죠. 게다가 완전 연결 CRF는 이웃만 잇지 않아요. 모든 픽셀 쌍을 저마다 다른 세기로 이어요.
#
# ### 픽셀 열여섯 개를 빠짐없이
#
# 레이블이 2개인 4x4 사진의 배치는 $2^{16}$, 곧 65,536가지예요. 아직은 다 늘어놓을 수 있어요. *조건부*라는 말의 뜻이 여기서 드러나요. 배치는 어느 사진에서나 똑같지만, 확률은 사진마다 달라요.

# %% tags=["for-claim-2.7a"]
def similarity(image, w1=1.0, alpha=3.0, beta=30.0, w2=0.3, gamma=1.0):
    """How strongly every pixel of a grey image (H, W) is joined to every other: (N, N), zero on the diagonal."""
    height, width = image.shape
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    places = torch.stack([rows, columns], -1).reshape(-1, 2).double()
    distance = torch.cdist(places, places).square()
    colour = (image.reshape(-1, 1).double() - image.reshape(1, -1).double()).square()
    kernel = w1 * torch.exp(-distance / (2 * alpha ** 2) - colour / (2 * beta ** 2)) + w2 * torch.exp(-distance / (2 * gamma ** 2))
    return kernel.fill_diagonal_(0)

def all_labelings(unary, kernel):
    """Every labeling (labels ** N, N) with its energy: the unaries, and half the sum over all ordered pairs that disagree."""
    pixels, labels = unary.shape
    x = torch.cartesian_prod(*[torch.arange(labels)] * pixels)
    energy = unary.gather(1, x.T).sum(0)
    for i in range(pixels):
        energy = energy + 0.5 * ((x[:, i:i + 1] != x).double() @ kernel[i])
    return x, energy

# %% tags=["claim-2.7a", "nbval-check-output"]
left_right = torch.tensor([40, 50, 200, 210]).expand(4, 4)     # en: a vertical edge | ko: 세로 경계
shape = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 1, 1]])     # en: one pixel is wrong | ko: 한 픽셀이 틀렸어요
doubtful = F.one_hot(shape.flatten(), 2).double() * 0.3 + 0.35
given = {}
for name, image in {T(en="vertical edge", ko="세로 경계"): left_right, T(en="horizontal edge", ko="가로 경계"): left_right.T}.items():
    x, energy = all_labelings(-doubtful.log(), similarity(image))
    weights = torch.exp(-energy)
    probability = weights / weights.sum()     # en: the sum is Z | ko: 이 합이 Z예요
    best = x[probability.argmax()].view(4, 4)
    given[name] = probability
    print(name, "|", T(en="labelings", ko="배치 수"), len(x), "|", T(en="sum of P = 1:", ko="P의 합 = 1:"), abs(probability.sum().item() - 1) < 1e-9, "|", T(en="best:", ko="가장 그럴듯한 배치:"), best.tolist())
first, second = given.values()
exercises.claims.decide("2.7a")
assert all(abs(p.sum().item() - 1) < 1e-9 and (p >= 0).all() for p in given.values()) and (first - second).abs().max() > 0.01

# %% [markdown] lang="en"
# The guess is the same both times. With the vertical edge the CRF mends the wrong pixel. With the horizontal edge the colours tie left to right in every row, and the cheapest labeling is one label everywhere.
#
# ### Why nobody lists them
#
# With 3 labels a picture of 3x4 has 531,441 labelings, and one of 4x4 already 43,046,721. So DeepLab looks for the distribution closest to $P$ among those in which the pixels are independent, $Q(\mathbf{x}) = \prod_i Q_i(x_i)$, where "closest" means the smallest KL divergence $\mathrm{KL}(Q \| P)$. (It is 0 when the two are equal, and grows as they part. $\mathbb{E}_Q[E]$ is the mean energy when labelings are drawn from $Q$.) This is the **mean field** approximation.
#
# Write $k_{ij}$ for everything behind $[x_i \ne x_j]$, and $l$ for a label. From $\mathrm{KL}(Q \| P) = \sum_{\mathbf x} Q(\mathbf x)\log\frac{Q(\mathbf x)}{P(\mathbf x)}$ and the form of $P$ we get $\mathrm{KL} = \sum_i \sum_l Q_i(l) \log Q_i(l) + \mathbb{E}_Q[E] + \log Z$.
# Now hold every pixel but $i$ fixed. If pixel $i$ takes label $l$, pixel $j$ disagrees with probability $1 - Q_j(l)$, so the part that contains $Q_i$ is $\sum_l Q_i(l)\bigl[\log Q_i(l) + m_i(l)\bigr]$ with $m_i(l) = -\log P_i(l) + \sum_{j\ne i} k_{ij}(1 - Q_j(l))$. Up to a constant that is itself a KL divergence, from $Q_i$ to the normalised $e^{-m_i}$, and smallest where the two are equal:
#
# $$Q_i(l) \;\propto\; e^{-m_i(l)} \;\propto\; P_i(l)\,\exp\Bigl(\sum_{j \ne i} k_{ij}\,Q_j(l)\Bigr)$$
#
# The sum of $k_{ij}$ has gone, since it is the same for every label. In words: the neighbours' beliefs, weighted, then a softmax. One pixel after the other, the KL divergence can only fall or stay; it settles where no single pixel can improve it, which need not be the lowest point. Here we know $P$ exactly, so we can watch the *true* divergence, with $\log Z$ and all.

# %% [markdown] lang="ko"
# 추측은 두 번 다 똑같아요. 세로 경계에서는 CRF가 틀린 픽셀을 고쳐요. 가로 경계에서는 한 줄에 있는 왼쪽과 오른쪽 픽셀의 색이 비슷해서 서로 단단히 이어져요. 그래서 모두 같은 레이블일 때 에너지가 가장 낮아요.
#
# ### 왜 아무도 다 늘어놓지 않을까요?
#
# 레이블이 3개면 3x4 사진의 배치는 531,441가지이고, 4x4만 되어도 43,046,721가지예요. 그래서 DeepLab은 픽셀끼리 독립인 분포 $Q(\mathbf{x}) = \prod_i Q_i(x_i)$ 가운데 $P$에 가장 가까운 것을 찾아요. 여기서 '가깝다'는 KL 발산(KL divergence) $\mathrm{KL}(Q \| P)$가 작다는 뜻이에요. (두 분포가 같으면 0이고, 달라질수록 커져요. $\mathbb{E}_Q[E]$는 $Q$에서 배치를 뽑을 때의 평균 에너지예요.) 이 방법을 **평균장**(mean field) 근사라고 해요.
#
# $[x_i \ne x_j]$ 뒤의 값을 통틀어 $k_{ij}$, 레이블 하나를 $l$이라고 쓸게요. $\mathrm{KL}(Q \| P) = \sum_{\mathbf x} Q(\mathbf x)\log\frac{Q(\mathbf x)}{P(\mathbf x)}$에 $P$의 식을 넣으면 $\mathrm{KL} = \sum_i \sum_l Q_i(l) \log Q_i(l) + \mathbb{E}_Q[E] + \log Z$가 돼요.
# 이제 픽셀 $i$만 빼고 모두 고정할게요. 픽셀 $i$가 $l$을 고르면 픽셀 $j$와 레이블이 다를 확률은 $1 - Q_j(l)$이에요. 그래서 $Q_i$가 들어 있는 부분은 $\sum_l Q_i(l)\bigl[\log Q_i(l) + m_i(l)\bigr]$이고, $m_i(l) = -\log P_i(l) + \sum_{j\ne i} k_{ij}(1 - Q_j(l))$예요. 상수를 빼면 이것도 KL 발산이에요. $Q_i$와 정규화한 $e^{-m_i}$ 사이의 발산이니, 둘이 같을 때 가장 작아요.
#
# $$Q_i(l) \;\propto\; e^{-m_i(l)} \;\propto\; P_i(l)\,\exp\Bigl(\sum_{j \ne i} k_{ij}\,Q_j(l)\Bigr)$$
#
# $k_{ij}$만 더한 값은 어느 레이블에서나 같아서 사라졌어요. 말로 풀면 이래요. 이웃의 믿음에 가중치를 곱해 더하고, 소프트맥스를 씌워요. 픽셀을 하나씩 차례로 고치면 KL 발산은 줄거나 그대로예요. 한 픽셀만 고쳐서는 더 줄일 수 없는 곳에서 멈춰요. 그곳이 가장 낮은 곳이라는 보장은 없어요. 여기서는 $P$를 정확히 알고 있으니 $\log Z$까지 넣은 *진짜* KL 발산이 줄어드는 모습을 지켜볼 수 있어요.

# %% tags=["nbval-check-output"]
image = torch.tensor([[40, 45, 120, 200], [42, 50, 125, 205], [45, 118, 122, 210]])
generator = torch.Generator().manual_seed(3)
guess = torch.softmax(torch.randn(12, 3, generator=generator, dtype=torch.double), 1)
unary, kernel = -guess.log(), similarity(image)
x, energy = all_labelings(unary, kernel)
log_p = -energy - torch.logsumexp(-energy, 0)

def divergence(q):
    log_q = q.log().gather(1, x.T).sum(0)     # en: of all 531,441 labelings | ko: 배치 531,441가지 모두에서
    return (log_q.exp() * (log_q - log_p)).sum().item()

q, fell = guess.clone(), [divergence(guess)]
for sweep in range(4):
    for i in range(12):
        q[i] = torch.softmax(-unary[i] + kernel[i] @ q, 0)     # en: the update above | ko: 위의 식 그대로
        fell.append(divergence(q))
true = torch.stack([(log_p.exp() * (x[:, i] == label)).sum() for i in range(12) for label in range(3)]).view(12, 3)
print(T(en="labelings:", ko="배치 수:"), len(x), "| KL:", f"{fell[0]:.2f} -> {fell[-1]:.2f}", "|", T(en="never below 0:", ko="0보다 작은 적 없음:"), min(fell) >= 0, "|", T(en="never rises:", ko="커진 적 없음:"), all(b <= a + 1e-12 for a, b in zip(fell, fell[1:])))
print(T(en="same best label as the true marginals:", ko="가장 그럴듯한 레이블이 진짜 주변 확률에서와 같은 픽셀:"), int((q.argmax(1) == true.argmax(1)).sum()), "/ 12", "|", T(en="mean belief in it, mean field and true:", ko="그 레이블을 믿는 정도의 평균, 평균장과 진짜:"), f"{q.amax(1).mean():.2f}", f"{true.amax(1).mean():.2f}")
assert min(fell) >= 0 and all(b <= a + 1e-12 for a, b in zip(fell, fell[1:]))

# %% tags=["look"]
figures.lines({"KL(Q‖P)": (list(range(len(fell))), fell)}, x_label=T(en="pixels updated", ko="고친 픽셀 수"), y_label="KL", height=240,
              title=T(en="One pixel at a time, Q comes closer to P and never turns back", ko="한 픽셀씩 고칠 때마다 Q가 P에 가까워지고, 멀어지는 일은 없어요"))

# %% [markdown] lang="en"
# Closer, but not there: KL stays above 0, because no product of independent pixels is $P$. Mean field tends to be too sure of itself.
#
# ### All pixels at once
#
# Going through a photo pixel by pixel is slow, so everyone updates all of them *at once*, from the beliefs of the step before. The guarantee is lost. Two pixels that strongly want to be equal, and start out disagreeing, show it: each takes over what the other has just given up.

# %% [markdown] lang="ko"
# 가까워지기는 했지만 같지는 않아요. KL은 끝까지 0보다 커요. 픽셀끼리 독립인 분포로는 $P$를 그대로 만들 수 없으니까요. 평균장은 지나치게 확신할 때가 많아요.
#
# ### 모든 픽셀을 한꺼번에
#
# 사진에서 픽셀을 하나씩 차례로 고치면 너무 느려요. 그래서 다들 바로 앞 단계의 믿음으로 모든 픽셀을 *한꺼번에* 고쳐요. 그 대신 늘 줄어든다는 보장이 사라져요. 꼭 같아지고 싶어 하지만 처음 의견이 서로 다른 두 픽셀을 보면 알 수 있어요. 상대가 막 버린 의견을 서로 집어 들거든요.

# %% tags=["nbval-check-output"]
strong = torch.tensor([[0.0, 6.0], [6.0, 0.0]], dtype=torch.double)
start = torch.tensor([[0.9, 0.1], [0.1, 0.9]], dtype=torch.double)
at_once, in_turn, with_self = [start], [start], [start]
for step in range(6):
    with_self.append(torch.softmax(start.log() + (strong + 6 * torch.eye(2)) @ with_self[-1], 1))
    at_once.append(torch.softmax(start.log() + strong @ at_once[-1], 1))
    q = in_turn[-1].clone()
    for i in range(2):
        q[i] = torch.softmax(start[i].log() + strong[i] @ q, 0)
    in_turn.append(q)
for name, way in {T(en="at once, first pixel's belief in label 0:", ko="한꺼번에, 첫 픽셀이 레이블 0이라고 믿는 정도:"): at_once, T(en="in turn:", ko="차례로:"): in_turn, T(en="at once, 6 on the diagonal too:", ko="한꺼번에, 대각선에도 6:"): with_self}.items():
    print(name, [round(q[0, 0].item(), 2) for q in way])
assert (at_once[-1] - at_once[-3]).abs().max() < 0.05 < 0.5 < (at_once[-1] - at_once[-2]).abs().max() and (in_turn[-1] - in_turn[-2]).abs().max() < 1e-3

# %% [markdown] lang="en"
# It is the missing $j = i$ that makes them swing: put 6 on the diagonal too, and they stand still, each at its own opinion: no swing, but no agreement either. The kernels used in practice keep $j = i$, and for a Potts model with weights that are not negative such a step does not raise the quantity that is minimised (Krähenbühl and Koltun 2013). Without the diagonal, or with learned compatibilities, nothing promises it. DeepLab stops after ten steps.
#
# ### The message is a blur
#
# Look at the update again: $k_{ij} Q_j(l)$ summed over all $j$ is the map $Q(l)$, weighted by a Gaussian around pixel $i$. For the kernel of places, and with $j = i$ among the sum, that is the Gaussian blur of any image program, only not yet divided by the sum of its weights.

# %% [markdown] lang="ko"
# 두 픽셀이 왔다 갔다 하는 것은 $j = i$가 빠졌기 때문이에요. 대각선에도 6을 넣으면 저마다 제자리에 멈춰요. 오락가락하지는 않지만 의견이 같아지지도 않아요. 실제로 쓰는 커널에는 $j = i$가 들어 있어요. 포츠 모델에서 가중치가 음수가 아니면 한꺼번에 고쳐도 줄이려는 값이 커지지 않아요(Krähenbühl, Koltun 2013). 대각선을 뺐거나 호환성 함수를 학습했다면 그런 보장이 없어요. DeepLab은 열 걸음에서 멈춰요.
#
# ### 메시지 전달은 곧 흐리기
#
# 식을 다시 볼게요. $k_{ij} Q_j(l)$을 모든 $j$에서 더하는 일은, 맵 $Q(l)$에 픽셀 $i$를 가운데 둔 가우시안을 곱해 더하는 일과 같아요. 자리만 보는 유사도 커널이고 $j = i$도 더한다면 가우시안 흐리기예요. 가중치의 합으로 나누기 전일 뿐, 사진 편집 프로그램에 있는 바로 그 기능이에요.

# %% tags=["nbval-check-output"]
height, width, sigma = 12, 16, 1.5
beliefs = torch.rand(height * width, dtype=torch.double)
places = torch.cartesian_prod(torch.arange(height), torch.arange(width)).double()
matrix = torch.exp(-torch.cdist(places, places).square() / (2 * sigma ** 2))     # en: every pair of pixels | ko: 모든 픽셀 쌍
by_pairs = (matrix @ beliefs).view(height, width)

steps = torch.arange(-15, 16).double()
bell = torch.exp(-(steps[:, None] ** 2 + steps ** 2) / (2 * sigma ** 2))
by_blur = ops.conv2d(beliefs.view(1, 1, height, width), bell[None, None], padding=15)[0, 0]
gap = (by_pairs - by_blur).abs().max().item()
print(T(en="all pairs against a Gaussian blur:", ko="모든 쌍을 더한 값과 가우시안 흐리기의 차이:"), "< 1e-12" if gap < 1e-12 else gap)
assert gap < 1e-12

# %% [markdown] lang="en"
# The bilateral kernel is the same blur, only in **five dimensions**: two of place and three of colour. Pixels that are near in the picture and far apart in colour are far apart there. This is what one pixel of the photo listens to.

# %% [markdown] lang="ko"
# bilateral 커널도 똑같은 흐리기예요. 다만 **5차원**에서 해요. 자리가 2차원, 색이 3차원이에요. 사진에서 가까워도 색이 많이 다르면 5차원에서는 멀리 떨어져 있어요. 사진에서 픽셀 하나가 어디에 귀를 기울이는지 볼게요.

# %% tags=["look"]
photo = figures.photo("astronaut", size=(120, 160))
row, column = 40, 70
rows, columns = torch.meshgrid(torch.arange(120), torch.arange(160), indexing="ij")
distance = (rows - row).square() + (columns - column).square()
colour = (photo.double() - photo[:, row, column].double()[:, None, None]).square().sum(0)
listens = torch.exp(-distance / (2 * 16 ** 2) - colour / (2 * 20 ** 2))
figures.heat_map(photo, listens, label=T(en="weight", ko="가중치"), title=T(en="One pixel listens to what is near and of its colour", ko="픽셀 하나는 가깝고 색이 비슷한 곳에 귀를 기울여요"))

# %% [markdown] lang="en"
# ### A lattice in five dimensions
#
# > **The permutohedral lattice, in a box.** A photo of 500x375 has about 17,600,000,000 pairs. Nobody adds them. Instead the 187,500 points in five dimensions are laid onto a lattice of simplices (triangles in two dimensions, tetrahedra in three; in five dimensions a simplex has 6 corners). Near pixels of like colour share its corners, so that a photo uses fewer corners than it has pixels (counted below):
# > each pixel spreads its belief over the 6 corners around it (*splat*), the corners are blurred with their neighbours along 6 directions (*blur*), and each pixel collects what has arrived (*slice*). All three are sums with fixed weights, so all three have a simple gradient.
# > Adams, Baek and Davis 2010; in the CRF by Krähenbühl and Koltun 2011.
#
# Three steps lead from our formula to the code that everybody uses. A pixel in the middle has more neighbours than one in a corner, and the sums grow with the widths; so each kernel is **normalised**, $\tilde k_{ij} = k_{ij} / \sqrt{d_i d_j}$ with $d_i = \sum_j k_{ij}$, and a weight means about the same at any width. The sum keeps $j = i$, because the blur does. And $P_i$ is taken as at least 0.00001, so that no pixel is entirely sure.
#
# `ops.dense_crf_exact` adds all the pairs; `ops.dense_crf` uses the lattice. How far apart are they? And does KL fall, all pixels updated at once?

# %% [markdown] lang="ko"
# ### 5차원에 놓은 격자
#
# > **한 상자로 읽는 퍼뮤토헤드럴 격자(permutohedral lattice).** 500x375 사진에는 픽셀 쌍이 약 17,600,000,000개나 있어요. 이걸 다 더하는 사람은 없어요. 대신 5차원에 흩어진 점 187,500개를 심플렉스(simplex)로 이루어진 격자 위에 올려요(2차원의 삼각형, 3차원의 사면체 같은 도형이에요. 5차원에서는 꼭짓점이 6개예요). 가깝고 색이 비슷한 픽셀은 꼭짓점을 함께 써서, 사진 한 장이 쓰는 꼭짓점은 픽셀보다 적어요(아래에서 세어 볼게요).
# > 픽셀마다 자기 믿음을 둘레의 꼭짓점 6개에 나누어 놓고(*splat*), 꼭짓점은 6개 방향의 이웃과 섞이고(*blur*), 픽셀은 모인 것을 다시 거두어들여요(*slice*). 셋 다 정해진 가중치를 곱해 더하는 계산이라, 기울기도 간단해요.
# > Adams, Baek, Davis(2010)의 방법이고, CRF에는 Krähenbühl과 Koltun(2011)이 썼어요.
#
# 위의 식에서 실제로 쓰는 코드까지는 세 걸음이 남아 있어요. 가운데 픽셀은 모서리 픽셀보다 이웃이 많고, 폭을 넓히면 합도 커져요. 그래서 유사도 커널을 **정규화**해요. $\tilde k_{ij} = k_{ij} / \sqrt{d_i d_j}$이고 $d_i = \sum_j k_{ij}$예요. 그러면 폭이 달라져도 가중치의 뜻이 거의 같아요. 합에는 $j = i$도 들어가요. 흐리게 할 때 자기 값도 섞이니까요. 그리고 $P_i$는 0.00001보다 작아지지 않게 해서, 완전히 확신하는 픽셀이 없게 해요.
#
# `ops.dense_crf_exact`는 모든 쌍을 더하고, `ops.dense_crf`는 격자를 써요. 둘은 얼마나 다를까요? 그리고 모든 픽셀을 한꺼번에 고쳐도 KL이 줄어들까요?

# %% tags=["nbval-check-output"]
small, small_truth = datasets.load("streets", "test", size=(48, 72))[9]
cells = small_truth[2::4, 2::4].repeat_interleave(4, 0).repeat_interleave(4, 1).long().clamp(max=10)
guess = 0.6 * F.one_hot(cells, 11).permute(2, 0, 1) + 0.4 / 11     # en: a coarse labelling, not very sure | ko: 거친 레이블, 확신은 크지 않아요
settings = dict(bilateral_weight=6, bilateral_xy=8, bilateral_rgb=10, gaussian_weight=1, gaussian_xy=1, iterations=5)
exact, lattice = ops.dense_crf_exact(guess, small, **settings), ops.dense_crf(guess, small, **settings)
mean_gap, same = (exact - lattice).abs().mean().item(), (exact.argmax(0) == lattice.argmax(0)).double().mean().item()
print(T(en="pixels the CRF changed:", ko="CRF가 바꾼 픽셀:"), f"{(exact.argmax(0) != cells).double().mean():.0%}", "|", T(en="mean difference:", ko="차이의 평균:"), "< 0.005" if mean_gap < 0.005 else mean_gap,
      "|", T(en="same label on at least 98 % of the pixels:", ko="픽셀의 98% 이상에서 레이블이 같음:"), same >= 0.98)
crf = ops.DenseCRF(11, **settings)
kl = [step.item() for _, _, step in crf.steps(guess, small)]
print(T(en="KL up to log Z, iteration by iteration, falls:", ko="반복할 때마다 (log Z를 뺀) KL이 줄어듦:"), all(b < a for a, b in zip(kl, kl[1:])))
assert mean_gap < 0.005 and same >= 0.98

# %%
photo = figures.photo("astronaut", size=(375, 500))
rows, columns = torch.meshgrid(torch.arange(375), torch.arange(500), indexing="ij")
features = torch.cat([torch.stack([rows, columns]) / 49, photo / 5])     # en: the widths of the release | ko: 공개된 코드의 폭
lattice = ops.permutohedral.Permutohedral(features.flatten(1)[None])
print(T(en="pixels:", ko="픽셀 수:"), f"{features[0].numel():,}", "|", T(en="corners of the lattice that this photo uses:", ko="이 사진이 쓰는 격자 꼭짓점 수:"), f"{lattice.rows - 1:,}")

# %% [markdown] lang="en"
# ### And the time?
#
# `segcourse bench crf` timed two implementations alternately: `ops.dense_crf` is nothing but tensor operations, pydensecrf2 is compiled C++ on one thread. pydensecrf2 has two traps: it takes $-\log P$ and not $P$, and in its vector or matrix form a compatibility of $-w$ means what Potts calls $w$.

# %% [markdown] lang="ko"
# ### 시간은 얼마나 걸릴까요?
#
# `segcourse bench crf`로 두 구현의 시간을 번갈아 쟀어요. `ops.dense_crf`는 텐서 연산만 쓰고, pydensecrf2는 컴파일한 C++ 코드를 스레드 하나로 돌려요. pydensecrf2에는 함정이 두 개 있어요. $P$가 아니라 $-\log P$를 넣어야 하고, 호환성을 벡터나 행렬로 넣을 때는 $-w$라고 써야 포츠 모델의 $w$가 돼요.

# %% tags=["nbval-check-output"]
timed = json.loads(training.provenance.results_file("crf").read_text(encoding="utf-8"))
rows = [[{"drawn": T(en="drawn", ko="그린 장면"), "photo": T(en="photo", ko="사진")}[row["scene"]], row["iterations"], row["threads"], f"{1000 * row['ours']:.0f}", f"{1000 * row['peer']:.0f}", f"{row['ratio']:.2f}"]
        for row in timed["rows"] if row["size"] == [375, 500]]
figures.table(rows, [T(en="375x500, 21 labels", ko="375x500, 레이블 21개"), T(en="iterations", ko="반복"), T(en="our threads", ko="ops의 스레드"), T(en="ours, ms", ko="ops, ms"), "pydensecrf2, ms", T(en="ratio", ko="비율")])

# %% [markdown] lang="en"
# A ratio below 1 means that `ops.dense_crf` was faster on the machine of the table.
#
# Now the lab, on a photo. The network of the lab is a coarse, drawn guess. Turn either kernel off, turn its widths, go through the iterations one by one, and point at a pixel to see whom it listens to.

# %% [markdown] lang="ko"
# 비율이 1보다 작으면 표를 잰 컴퓨터에서 `ops.dense_crf`가 더 빨랐다는 뜻이에요.
#
# 이제 실험실에서 사진으로 해 볼게요. 네트워크의 예측 대신 대충 그린 추측을 써요. 두 유사도 커널을 하나씩 꺼 보고, 폭을 바꿔 보고, 반복을 한 번씩 넘겨 보세요. 픽셀을 가리키면 그 픽셀이 어디에 귀를 기울이는지 보여요.

# %% tags=["lab"]
labs.crf()

# %% [markdown] lang="en"
# ### Who enlarges the map?
#
# Claim 2.6 says that max pooling still shrinks the map and that the CRF enlarges it. The first half is right: to stride 8. The second confuses two steps.

# %% [markdown] lang="ko"
# ### 맵은 누가 키울까요?
#
# 주장 2.6에 따르면 최대 풀링은 여전히 맵을 줄이고, CRF가 맵을 키워요. 앞부분은 맞아요. 스트라이드 8까지 줄어들거든요. 뒷부분은 서로 다른 두 단계를 뒤섞었어요.

# %% tags=["claim-2.6", "nbval-check-output"]
network = models.create("deeplab_v1", num_classes=11, width=1 / 16).eval()
with torch.no_grad():
    coarse = network.scores(datasets.normalise(street)[None]).softmax(1)[0]
    full = network(datasets.normalise(street)[None]).softmax(1)[0]
print(T(en="score map:", ko="점수 맵:"), tuple(coarse.shape[1:]), "->", T(en="enlarged by interpolation:", ko="보간으로 키운 뒤:"), tuple(full.shape[1:]), "->", T(en="after the CRF:", ko="CRF를 거친 뒤:"), tuple(ops.dense_crf(full, street).shape[1:]))
tiny = F.interpolate(street[None].float(), size=tuple(coarse.shape[1:]), mode="area")[0].to(torch.uint8)
stays = ops.dense_crf(coarse, tiny).shape == coarse.shape
print(T(en="the CRF of a small map is a small map:", ko="작은 맵에 CRF를 쓰면 결과도 작은 맵:"), stays)
exercises.claims.decide("2.6")
assert coarse.shape[1] < full.shape[1] == street.shape[1] and stays and ops.dense_crf(full, street).shape == full.shape

# %% [markdown] lang="en"
# ### Is the CRF machine learning?
#
# DeepLab v1 fixes two of the CRF's five numbers and picks the other three by grid search on 100 validation pictures. That is already learning from data, if by hand. But each iteration is only sums and softmaxes, so a gradient runs through all of them. On a toy, discs of one colour on another with a noisy guess, we let back-propagation find the weights, through five iterations.

# %% [markdown] lang="ko"
# ### CRF도 기계 학습일까요?
#
# DeepLab v1은 CRF의 숫자 다섯 개 가운데 두 개를 고정하고 나머지 세 개를 검증 사진 100장에서 격자 탐색으로 골라요. 손으로 하기는 하지만 이미 데이터에서 배우는 셈이에요. 게다가 반복 한 번은 덧셈과 소프트맥스뿐이라 반복을 모두 거슬러 기울기가 흘러요. 바탕과 색이 다른 원판에 잡음 섞인 추측을 얹은
# 간단한 문제에서, 반복 다섯 번을 거슬러 역전파로 가중치를 찾아볼게요.

# %% tags=["claim-2.7", "nbval-check-output"]
generator = torch.Generator().manual_seed(0)
rows, columns = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
discs = torch.stack([(rows - r) ** 2 + (columns - c) ** 2 < s ** 2 for r, c, s in ((12, 14, 8), (18, 20, 6), (16, 10, 7), (20, 16, 9))]).long()
photos = (60 + 100 * discs[:, None].expand(-1, 3, -1, -1) + 8 * torch.randn(4, 3, 32, 32, generator=generator)).clamp(0, 255).to(torch.uint8)
guesses = torch.softmax(F.one_hot(discs, 2).permute(0, 3, 1, 2) + 1.5 * torch.randn(4, 2, 32, 32, generator=generator), 1)

crf = ops.DenseCRF(2, bilateral_weight=0.2, bilateral_xy=8, bilateral_rgb=20, gaussian_weight=0.2, gaussian_xy=1.5, iterations=5)
learned = [p for p in crf.parameters() if p.requires_grad]
before = [p.detach().clone() for p in learned]
optimiser, losses = torch.optim.Adam(learned, lr=0.2), []
untrained = crf(guesses[3], photos[3]).detach()
for step in range(25):
    loss = F.nll_loss(crf(guesses[:3], photos[:3]).clamp_min(1e-6).log(), discs[:3])
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    losses.append(loss.item())
wrong = [(q.argmax(0) != discs[3]).double().mean().item() for q in (guesses[3], untrained, crf(guesses[3], photos[3]).detach())]
print(T(en="loss fell to less than half:", ko="손실이 절반 아래로:"), losses[-1] < losses[0] / 2, "|", T(en="weights moved:", ko="가중치가 바뀜:"), any((a - b).abs().max() > 0.1 for a, b in zip(before, learned)))
print(T(en="wrong pixels on a disc it has not seen, guess, CRF before, CRF after:", ko="처음 보는 원판에서 틀린 픽셀, 추측, 학습 전 CRF, 학습 후 CRF:"), *(f"{share:.0%}" for share in wrong))
exercises.claims.decide("2.7")
assert losses[-1] < losses[0] / 2 and wrong[2] < wrong[0] / 4 and any((a - b).abs().max() > 0.1 for a, b in zip(before, learned))

# %% [markdown] lang="en"
# That is the heart of CRF-as-RNN (Zheng et al. 2015), which puts such a layer behind a network and trains both together.
#
# ## The network
#
# DeepLab v1 is VGG16 with pool4 and pool5 at stride 1, conv5 at rate 2 and fc6 thinned out. The fully connected layer of 7x7 is **decimated**: in each direction every second or third of its 7 taps stays, so 4x4 or 3x3 of them, spread by a rate. **LargeFOV**, the version released, keeps 3x3 at rate 12, and 1024 of the 4096 filters of fc6 and fc7. All pools are 3x3 with padding 1, and an average pool follows pool5. (MSc, in the last table of the chapter, adds two small layers to the picture and to each of pools 1 to 4, and joins their 5x128 channels to the last map.) The released network, layer by layer, for the 321x321 pictures it was trained on:

# %% [markdown] lang="ko"
# 이것이 CRF-as-RNN(Zheng 외, 2015)의 핵심이에요. 그 논문에서는 이런 층을 네트워크 뒤에 붙여 둘을 함께 학습해요.
#
# ## 네트워크
#
# DeepLab v1은 VGG16에서 pool4와 pool5의 스트라이드를 1로, conv5의 팽창률을 2로 바꾸고 fc6을 홀쭉하게 만든 거예요. 7x7짜리 완전 연결층에서 가로와 세로로 각각 탭 7개 가운데 둘이나 셋마다 하나씩 남겨요. 그러면 4x4나 3x3이 돼요. 남은 탭은 팽창률만큼 벌려요. 이 일이 **솎아내기**(decimation)예요. 공개된 **LargeFOV**는 팽창률 12인 3x3을 쓰고, fc6과 fc7의 필터도 4096개 가운데 1024개만 남겨요. 풀링은 모두 3x3에 패딩 1이고, pool5 뒤에 평균 풀링이 있어요. (장 끝의 표에 나오는 MSc는 사진과 pool1~pool4에 작은 층을 두 개씩 붙이고, 여기서 나온 5x128채널을 마지막 맵에 이어 붙인 거예요.) 공개된 네트워크를 층마다 살펴볼게요. 사진은 학습할 때 쓴 크기인 321x321이에요.

# %% tags=["nbval-check-output"]
with torch.device("meta"):
    released = models.create("deeplab_v1", num_classes=21).scorer()
    x, rows = torch.empty(1, 3, 321, 321), []
for path, layer in released.named_modules(remove_duplicate=False):
    x = layer(x) if not [*layer.children()] else x
    if hasattr(layer, "kernel_size"):
        (k, s, rate), weights = (v if isinstance(v, int) else v[0] for v in (layer.kernel_size, layer.stride, getattr(layer, "dilation", 1))), sum(p.numel() for p in layer.parameters())
        seen = ops.receptive_field(released, (321, 321), at=path)
        rows.append([path.split(".")[-1], f"{k}x{k}", s, rate, f"{x.shape[1]} x {x.shape[2]} x {x.shape[3]}", f"{weights:,}" if weights else "", int(seen.stride[0]), seen.size_max[0]])
figures.table(rows, [T(en="layer", ko="층"), T(en="kernel", ko="커널"), T(en="its stride", ko="층의 스트라이드"), T(en="rate", ko="팽창률"), T(en="map", ko="맵"), T(en="weights", ko="가중치"),
                     T(en="output stride", ko="출력 스트라이드"), T(en="field", ko="수용 영역")])

# %% [markdown] lang="en"
# The output stride stays at 8 from pool3 on, and a single layer, fc6, widens the field by 192 pixels. Four versions of it were tried. Here they are, beside the paper's numbers.

# %% [markdown] lang="ko"
# pool3부터는 출력 스트라이드가 8 그대로이고, fc6 하나가 수용 영역을 192픽셀이나 넓혀요. 논문에서는 이 층을 네 가지로 시험했어요. 논문의 숫자와 나란히 놓아 볼게요.

# %% tags=["nbval-check-output"]
rows = []
for variant in ("7x7", "4x4_rate4", "4x4_rate8", "large_fov"):
    with torch.device("meta"):
        network = models.create("deeplab_v1", num_classes=21, variant=variant)
    count = sum(p.numel() for p in network.parameters())
    field = ops.receptive_field(network.scorer(), (321, 321))
    (k, _), (rate, _) = network.fc6.kernel_size, network.fc6.dilation
    nominal = 8 * (k - 1) * rate + 32
    paper = [published.get(f"deeplab.{variant}.{what}") for what in ("parameters", "receptive_field", "miou", "miou_crf")]
    rows.append([variant, f"{count:,}", paper[0].printed, paper[1].printed, nominal, field.size[0], f"{paper[2].printed} / {paper[3].printed}"])
    assert round(count / 1e6, 1) == round(paper[0].value / 1e6, 1) and nominal == paper[1].value
figures.table(rows, ["fc6", T(en="parameters", ko="파라미터 수"), T(en="paper", ko="논문"), T(en="field, paper", ko="수용 영역, 논문"), "8(k-1)r + 32", T(en="field, exact", ko="수용 영역, 정확한 값"), T(en="VOC val mIoU / with CRF", ko="VOC val mIoU / CRF 포함")])

# %% [markdown] lang="en"
# The parameters agree to the digit that the paper prints. The fields of view do not, and the reason is a definition: the paper's 224 and 128 are what fc6 spans on the grid of stride 8, $8(k-1)r$, with one old cell of 32 pixels added. What a score can really see also includes what each cell of pool5
# saw before, which makes 404 and 308 with VGG's own 2x2 pools (the paper names both in its text), and a little more with the 3x3 pools of the released network, which we built here: 419 and 323, and 435 with its average pool.
#
# One more thing about the release: its pool5 lost its stride with pool4 before it, and is *not* dilated. So the released network is not the dense version of any VGG16, and `ops.make_dense` must not be expected to give it.

# %% [markdown] lang="ko"
# 파라미터 수는 논문에 적힌 자리까지 똑같아요. 하지만 수용 영역은 달라요. 정의가 다르기 때문이에요. 논문의 224와 128은 스트라이드 8인 격자 위에서 fc6이 걸치는 폭 $8(k-1)r$에 원래 칸 하나의 크기인 32픽셀을 더한 값이에요. 점수 하나가 정말로 볼 수 있는 범위에는 pool5의 칸이
# 그전에 본 것까지 들어가요. 그래서 VGG의 2x2 풀링을 그대로 쓰면 404와 308이고(둘 다 논문 본문에 나와요), 여기서 만든 공개된 네트워크는 3x3 풀링이라 조금 더 넓은 419와 323, 평균 풀링까지 넣으면 435예요.
#
# 공개된 네트워크는 한 가지가 더 달라요. 앞의 pool4와 함께 스트라이드를 잃은 pool5를 팽창시키지 *않았어요*. 그래서 어떤 VGG16을 촘촘하게 만들어도 공개된 네트워크가 되지 않아요. `ops.make_dense`에서 똑같은 네트워크가 나오리라고 기대하면 안 돼요.

# %% tags=["nbval-check-output"]
plain = models.vgg.VGG16().features
with torch.device("meta"):
    ideal = nn.Sequential(*ops.make_dense(plain, output_stride=8), nn.Conv2d(512, 8, 3, dilation=12))
    short = nn.Sequential(*ops.make_dense(plain, output_stride=8), nn.Conv2d(512, 8, 4, dilation=4))
for name, network in ((T(en="2x2 pools, everything dilated, 3x3 at rate 12:", ko="2x2 풀링, 빠짐없이 팽창, 팽창률 12인 3x3:"), ideal), (T(en="the same, 4x4 at rate 4:", ko="마찬가지, 팽창률 4인 4x4:"), short)):
    print(name, ops.receptive_field(network, (512, 512)).size[0])
assert ops.receptive_field(ideal, (512, 512)).size[0] == 404

# %% [markdown] lang="en"
# ## Train it
#
# A DeepLab v1 with an eighth of the channels, on 96x128 streets, from nothing, with batch normalisation as in chapter 01. Two things are scaled to the small pictures: fc6 gets rate 4 instead of 12 (12 belongs to the paper's map of 41x41 cells; ours has 13x17, since a padded 3x3 pool turns $n$ cells into $\lfloor n/2 \rfloor + 1$: 96, 49, 25, 13),
# and the widths of the CRF will be fractions of the picture. Where a GPU and CamVid are at hand, `DATA = "camvid"` trains the full-size network.
#
# Crop or resize? A picture that does not fit the network is padded and its prediction cropped back, never stretched to the training size: stretching changes the size of things, and the network has learned sizes.

# %% [markdown] lang="ko"
# ## 학습해 보기
#
# 채널을 8분의 1로 줄인 DeepLab v1을 96x128 거리 그림으로 처음부터 학습시켜요. 배치 정규화는 01장과 똑같이 넣었어요. 작은 그림에 맞춰 줄인 것이 두 가지 있어요. fc6의 팽창률은 12가 아니라 4예요(12는 논문의 41x41칸짜리 맵에 맞는 값이고, 여기 맵은 13x17칸이에요. 패딩을 넣은 3x3 풀링은 $n$칸을 $\lfloor n/2 \rfloor + 1$칸으로 줄여서 96, 49, 25, 13이 되거든요).
# CRF의 폭도 그림 크기에 비례해서 정할 거예요. GPU와 CamVid가 있다면 `DATA = "camvid"`로 바꿔 보세요. 원래 크기의 네트워크를 학습시켜요.
#
# 자를까요, 늘일까요? 네트워크에 맞지 않는 사진은 둘레를 채워 예측한 다음, 예측에서 그 둘레를 잘라 내요. 학습할 때 쓴 크기로 늘이지는 않아요. 늘이면 물체의 크기가 달라지는데, 네트워크는 크기까지 배웠거든요.

# %% tags=["parameters"]
DATA = "streets"
SEED = 0

# %% tags=["train"]
experiment = training.experiments.get("02", data=DATA)
model, scores, row = experiment.run("deeplab_v1", seed=SEED, callbacks=[figures.LiveCurve()])

# %% [markdown] lang="en"
# ### Tuning the CRF, as the paper does
#
# Two of the five numbers keep the paper's value 3 (the width scaled to our pictures: 3 · 128 / 500, about 0.8); the other three are searched on validation pictures, never on the test split. The paper searches a coarse grid and then a finer one around its best; ours is one coarse grid of 27 settings over the ranges of DeepLab v1 and v2, with widths scaled to 128 pixels, on 10 pictures.

# %% [markdown] lang="ko"
# ### 논문처럼 CRF 맞추기
#
# 숫자 다섯 개 가운데 두 개는 논문의 값 3을 그대로 써요(폭은 여기 그림에 맞춰 줄여서 3 · 128 / 500, 약 0.8이에요). 나머지 세 개는 검증 사진에서 찾아요. 테스트 사진은 절대 쓰지 않아요. 논문에서는 성긴 격자로 찾은 다음 가장 좋은 곳 둘레를 촘촘하게 다시 찾아요. 여기서는 DeepLab v1과 v2의 범위를 덮는 27가지 조합만 사진 10장에서 시험해요. 폭은 128픽셀에 맞춰 줄였어요.

# %%
found = training.crf_search.search(model, experiment.data("valid"), images=10, finer=False)
print(T(en="settings tried:", ko="시험한 조합:"), len(found.trials), "|", T(en="the best:", ko="가장 좋은 조합:"), {name: round(value, 1) for name, value in found.best.items()})

# %% [markdown] lang="en"
# Compare the best with the ends of the ranges: weight 3 to 10, place 7.7 to 25.6, colour 3 to 10. A value at the end says that the best may lie outside. With only 10 pictures another seed or machine may choose another setting, so the CRF's row below need not equal the table at the end.

# %% [markdown] lang="ko"
# 가장 좋은 조합을 범위의 끝과 견주어 보세요. 가중치는 3에서 10, 자리는 7.7에서 25.6, 색은 3에서 10까지예요. 값이 끝에 있으면 더 좋은 값이 범위 밖에 있을지도 몰라요. 사진이 10장뿐이라 시드나 컴퓨터가 바뀌면 다른 조합이 뽑히기도 해요. 그래서 아래 CRF 줄은 장 끝의 표와 다를 수 있어요.

# %%
before, after = scores, training.evaluate(model, experiment.data("test"), crf=found.best)
rows = [[name, f"{s.miou:.1%}", f"{s.boundary_iou:.1%}", f"{s.iou[2].item():.1%}"] for name, s in ((T(en="without CRF", ko="CRF 없이"), before), (T(en="with CRF", ko="CRF 포함"), after))]
figures.table(rows, [T(en="test split", ko="테스트 사진"), "mIoU", T(en="boundary IoU", ko="경계 IoU"), T(en="pole IoU", ko="기둥 IoU")])

# %%
test = experiment.data("test")
chosen = [3, 11]
pictures, truths = zip(*(test[i] for i in chosen))
plain, sharp = ([training.predict(model, picture, crf=crf) for picture in pictures] for crf in (None, found.best))
twice = [[item for item in items for _ in range(2)] for items in (pictures, truths)]
figures.prediction_rows(*twice, [guess for pair in zip(plain, sharp) for guess in pair], names=[T(en="network", ko="네트워크"), T(en="network and CRF", ko="네트워크와 CRF")] * len(chosen),
                        title=T(en="The CRF redraws outlines, and takes away what is thin", ko="CRF는 윤곽을 다시 그리고, 가는 것을 지워요"))

# %% [markdown] lang="en"
# ### Where it hurts
#
# The CRF has no idea what a pole is. It knows near and alike, and a thin thing has few pixels of its own to be near to. Look at each class by itself. Then make the network over-confident, by multiplying its logits: what is left for the CRF to do?

# %% [markdown] lang="ko"
# ### CRF가 해가 될 때
#
# CRF는 기둥이 뭔지 몰라요. 가깝고 비슷한 것만 알아요. 그런데 가는 물체는 픽셀이 얼마 없어서, 가까이에서 편들어 줄 자기 편 픽셀도 몇 개 안 돼요. 클래스를 하나씩 떼어 놓고 보세요. 그런 다음 로짓에 큰 수를 곱해 네트워크가 지나치게 확신하게 만들어 볼게요. CRF가 할 일이 남아 있을까요?

# %%
figures.class_iou({T(en="network", ko="네트워크"): before, T(en="with CRF", ko="CRF 포함"): after}, title=T(en="What the CRF gives and takes, class by class", ko="클래스마다 CRF가 올리고 내리는 IoU"))

# %%
image, _ = test[11]
with torch.no_grad():
    logits = model.eval()(datasets.normalise(image)[None])[0]
moved = {}
for times in (1, 4, 16):
    probabilities = (logits * times).softmax(0)
    moved[f"x{times}"] = (ops.dense_crf(probabilities, image, **found.best).argmax(0) != probabilities.argmax(0)).double().mean().item()
figures.bars(moved, as_percent=True, title=T(en="Pixels that the CRF changes, with the logits multiplied", ko="로짓을 곱해 가며 잰, CRF가 바꾸는 픽셀"))

# %% [markdown] lang="en"
# Look for the classes that fall: not only poles and signs, but the bicyclist too, whose parts are thin and of many colours. And the surer the network, the less the CRF changes: a large gap between two logits outweighs the neighbours.
#
# ## The same weights, a denser map
#
# Here is the moment that tells the two problems apart. The lab holds one FCN-32s, trained once. Drag the output stride from 32 to 16 to 8: the old cells stay, new ones appear between them, the receptive field stays as it is, the cost grows, and the outlines stay round. This is one picture, and on it boundary IoU may rise a little. The whole split comes in the next section. Then switch on the CRF.

# %% [markdown] lang="ko"
# IoU가 내려간 클래스를 찾아보세요. 기둥과 표지판만이 아니에요. 부분마다 가늘고 색이 여러 가지인 자전거 탄 사람도 내려가요. 그리고 네트워크가 확신할수록 CRF가 바꾸는 픽셀이 줄어요. 로짓의 차이가 크면 이웃이 뒤집지 못하니까요.
#
# ## 가중치는 그대로, 맵은 촘촘하게
#
# 두 문제가 또렷이 갈라지는 순간이에요. 실험실에는 한 번 학습한 FCN-32s가 하나 있어요. 출력 스트라이드를 32에서 16, 8로 끌어 보세요. 원래 칸은 그대로이고 사이에 새 칸이 생겨요. 수용 영역도 그대로인데 계산량은 늘어나고, 윤곽은 여전히 둥글어요. 여기서는 사진이 한 장뿐이라 경계 IoU가 조금 오르기도 해요. 테스트 사진 전체는 다음 절에서 볼게요. 그다음에 CRF를 켜 보세요.

# %% tags=["lab"]
labs.dense_map()

# %% [markdown] lang="en"
# ## Does the claim hold?
#
# `segcourse bench chapter 02` trained an FCN-32s and a DeepLab v1 with three seeds each, took the FCN's own weights to stride 16 and 8, and put a CRF behind both, tuned on the validation split. Claim 2.1b says that outlines are poor because spatial information was reduced. Is that the whole story?
#
# Beside each network we print the all-knowing cells again. Their numbers are lower than before, because these pictures are 96x128 and not 128x192, so a cell covers more of the picture. They are a yardstick, not a ceiling: a network may give its cells other values than the shares.

# %% [markdown] lang="ko"
# ## 논문의 주장은 성립할까요?
#
# `segcourse bench chapter 02`로 FCN-32s와 DeepLab v1을 저마다 시드 3개로 미리 학습시켜 두었어요. FCN은 가중치를 그대로 두고 스트라이드를 16과 8로 줄여 봤어요. 두 네트워크 뒤에는 CRF를 붙였고, CRF는 검증 사진에서 맞췄어요. 주장 2.1b에 따르면 윤곽이 나쁜 까닭은 공간 정보가 줄었기 때문이에요. 그게 전부일까요?
#
# 네트워크 옆에 정답을 다 아는 칸도 다시 적어요. 여기 사진은 128x192가 아니라 96x128이라 칸 하나가 사진을 더 많이 차지해서, 앞에서보다 값이 낮아요. 이 값은 견주어 보는 자일 뿐 한계는 아니에요. 네트워크는 칸에 클래스의 비율이 아닌 값도 넣을 수 있거든요.

# %% tags=["for-claim-2.1b"]
experiment = training.experiments.get("02")
results = experiment.results()

def mean(variant, metric="boundary_iou"):
    values = [row[metric] for row in results["rows"] if row["variant"] == variant]
    return sum(values) / len(values)

test = experiment.data("test")
test_labels = torch.stack([test[i][1] for i in range(len(test))])

def knowing(stride):
    """Boundary IoU of cells that know their shares, enlarged bilinearly: a yardstick, not a ceiling."""
    shares = F.avg_pool2d(F.one_hot(test_labels.long(), 12).permute(0, 3, 1, 2)[:, :11].float(), stride)
    guess = F.interpolate(shares, scale_factor=stride, mode="bilinear", align_corners=False).argmax(1)
    return training.Scores.from_labels(guess, test_labels, num_classes=11).boundary_iou

# %% tags=["claim-2.1b", "nbval-check-output"]
for stride, variant in ((32, "fcn32s"), (16, "fcn32s_16"), (8, "fcn32s_8")):
    print(T(en=f"stride {stride}: boundary IoU of the network", ko=f"스트라이드 {stride}, 네트워크의 경계 IoU"), f"{mean(variant):.1%}", "|", T(en="of cells that know everything", ko="다 아는 칸의 경계 IoU"), f"{knowing(stride):.1%}")
print(T(en="the same, then the CRF:", ko="여기에 CRF를 더하면:"), f"{mean('fcn32s_8_crf'):.1%}", "|", T(en="trained at stride 8 (DeepLab), and with the CRF:", ko="스트라이드 8로 학습한 DeepLab, CRF를 더한 DeepLab:"), f"{mean('deeplab_v1'):.1%}", f"{mean('deeplab_v1_crf'):.1%}")
matters, remains = knowing(8) - knowing(32), knowing(8) - mean("fcn32s_8")
print(T(en="what resolution could give:", ko="해상도가 줄 수 있는 몫:"), f"{matters:.0%}", "|", T(en="what is still missing at stride 8:", ko="스트라이드 8에서도 모자라는 몫:"), f"{remains:.0%}")
exercises.claims.decide("2.1b")
assert matters > 0.2 and remains > 0.2

# %% tags=["look"]
names = {"fcn32s": "FCN-32s", "fcn32s_16": T(en="at 16", ko="16으로"), "fcn32s_8": T(en="at 8", ko="8로"), "fcn32s_8_crf": T(en="at 8 + CRF", ko="8로 + CRF"), "deeplab_v1": "DeepLab", "deeplab_v1_crf": "DeepLab + CRF"}
short = dict(zip(names, ("FCN 32", "FCN 16", "FCN 8", "8 + CRF", "DL 8", "DL + CRF")))
figures.compare(results["rows"], metrics=("miou", "boundary_iou"), names=short, title=T(en="Each line is one seed (DL is DeepLab): density alone does not help, the CRF does", ko="선 하나가 시드 하나예요(DL은 DeepLab). 맵만 촘촘하게 하면 나아지지 않고, CRF를 더하면 올라가요"))

# %% tags=["nbval-check-output"]
def mean_and_sd(variant, metric):
    values = torch.tensor([row[metric] for row in results["rows"] if row["variant"] == variant], dtype=torch.double)
    return f"{100 * values.mean():.1f} ± {100 * values.std():.1f}"

figures.table([[name, *(mean_and_sd(variant, metric) for metric in ("miou", "boundary_iou", "pole_iou"))] for variant, name in names.items()],
              [T(en="network", ko="네트워크"), "mIoU", T(en="boundary IoU", ko="경계 IoU"), T(en="pole IoU", ko="기둥 IoU")])

# %% tags=["nbval-check-output"]
value = {(row["variant"], row["seed"]): row for row in results["rows"]}
for metric in ("miou", "boundary_iou", "pole_iou"):
    for with_crf in ("fcn32s_8_crf", "deeplab_v1_crf"):
        wins = sum(value[with_crf, seed][metric] > value[with_crf.removesuffix("_crf"), seed][metric] for seed in results["seeds"])
        print(metric, with_crf, T(en="rises with the CRF in", ko="CRF를 더하면 커지는 시드:"), wins, "/", len(results["seeds"]))

# %% tags=["look"]
print(T(en="the table's run with this seed:", ko="표에서 시드가 같은 결과:"), f"{value['deeplab_v1', SEED]['miou']:.1%}", "|", T(en="the run above:", ko="위에서 학습한 결과:"), f"{row['miou']:.1%}",
      "|", T(en="apart:", ko="차이:"), f"{100 * abs(row['miou'] - value['deeplab_v1', SEED]['miou']):.1f}", T(en="points", ko="점"))

# %% [markdown] lang="en"
# ### What it shows, and what it does not
#
# **Half of it holds, and the other half is the instructive one.** The CRF does what the paper says: behind both networks it raises mIoU and boundary IoU in every seed. And a network *trained* at stride 8, DeepLab, is far better than FCN-32s. But taking the same weights to stride 16 and 8
# sharpens no outline here. At 32 the network's outlines are already as good as those of cells that know everything; on the way to 8 its boundary IoU even falls a little, in every seed, although cells that know everything gain a great deal on the same way. What is missing at 8 also contains plain mistakes about the class. The old cells keep their numbers, and here the new ones between them add nothing to the outlines. A denser map is only room for detail. The CRF fills some of it. DeepLab, trained at stride 8, does too, but its fc6 and its pools are different as well, so this table cannot say how much of its lead is due to the density.
#
# And the CRF hurts where we feared: in every seed it takes from DeepLab nearly all that was left of the poles. Near and alike is all it knows, and a thin pole is near to everything else.
#
# What this small run cannot show: the paper's network starts from ImageNet and sees pictures four times as wide, in which far fewer things are thinner than a cell. There its CRF adds 5.39 points of mIoU (62.25 to 67.64 on VOC 2012 val).

# %% [markdown] lang="ko"
# ### 알 수 있는 것과 없는 것
#
# **절반은 성립해요. 그런데 성립하지 않는 나머지 절반에서 더 많이 배울 수 있어요.** CRF는 논문에서 말한 대로예요. 두 네트워크 모두, 어느 시드에서나 mIoU와 경계 IoU가 올라가요. 스트라이드 8로 *학습한* DeepLab도 FCN-32s보다 훨씬 나아요. 하지만 같은 가중치를 스트라이드 16과 8로 옮기기만 해서는
# 윤곽이 조금도 또렷해지지 않아요. 32에서는 네트워크의 윤곽이 이미 정답을 다 아는 칸의 윤곽만큼 좋은데, 8로 가는 동안 경계 IoU는 어느 시드에서나 오히려 조금 떨어져요. 정답을 다 아는 칸이라면 같은 길에서 크게 나아지는데도요. 8에서 모자라는 몫에는 클래스를 잘못 알아본 것도 들어 있어요. 원래 칸의 숫자는 그대로이고, 이 실험에서는 그 사이의 새 칸도 윤곽에 보탠 것이 없어요. 촘촘한 맵은 세부를 담을 자리일 뿐이에요. CRF는 그 자리를 얼마쯤 채워요. 스트라이드 8로 학습한 DeepLab도 그래요. 다만 DeepLab은 fc6과 풀링도 달라서, 앞선 만큼이 모두 촘촘한 맵 덕분인지는 이 표로 알 수 없어요.
#
# 그리고 CRF는 걱정하던 곳에서 정말로 해를 끼쳐요. DeepLab에 얼마 남지 않은 기둥을 어느 시드에서나 거의 다 지워 버려요. CRF는 가깝고 비슷한 것만 아는데, 가는 기둥은 둘레의 다른 것과도 가까우니까요.
#
# 이 작은 실험으로 알 수 없는 것도 있어요. 논문의 네트워크는 ImageNet에서 시작하고 너비가 네 배인 사진을 봐요. 그런 사진에는 칸 하나보다 가는 물체가 훨씬 적어요. 거기서는 CRF를 더하면 mIoU가 5.39점 올라요(VOC 2012 val, 62.25에서 67.64로).

# %% [markdown] lang="en"
# ## Exercises
#
# Four with a checker, one open. `check` draws random inputs and compares you with the course's own operation and with torch; `hint` gives the next hint; `solution` shows the code.

# %% [markdown] lang="ko"
# ## 연습 문제
#
# 네 문제는 자동으로 채점하고, 나머지 하나는 열린 문제예요. `check`는 입력을 무작위로 뽑아 여러분의 답을 강의 패키지의 연산, torch의 답과 비교해요. `hint`는 다음 힌트를, `solution`은 풀이를 보여 줘요.

# %% [markdown] lang="en"
# ### 1 · Holes in the kernel

# %% [markdown] lang="ko"
# ### 1 · 커널에 구멍 뚫기

# %%
exercises.deeplab.atrous_conv.question()

# %% tags=["stub:deeplab.atrous_conv"]
#

# %%
exercises.deeplab.atrous_conv.check(atrous_conv)

# %% [markdown] lang="en"
# ### 2 · The same weights, denser

# %% [markdown] lang="ko"
# ### 2 · 가중치는 그대로, 더 촘촘하게

# %%
exercises.deeplab.denser.question()

# %% tags=["stub:deeplab.denser"]
#

# %%
exercises.deeplab.denser.check(denser)

# %% [markdown] lang="en"
# ### 3 · The energy of a labeling

# %% [markdown] lang="ko"
# ### 3 · 레이블 배치의 에너지

# %%
exercises.deeplab.unary_and_pairwise.question()

# %% tags=["stub:deeplab.unary_and_pairwise"]
#

# %%
exercises.deeplab.unary_and_pairwise.check(unary_and_pairwise)

# %% [markdown] lang="en"
# ### 4 · One step of mean field

# %% [markdown] lang="ko"
# ### 4 · 평균장 한 걸음

# %%
exercises.deeplab.mean_field_step.question()

# %% tags=["stub:deeplab.mean_field_step"]
#

# %%
exercises.deeplab.mean_field_step.check(mean_field_step)

# %% [markdown] lang="en"
# ### 5 · Which setting keeps the poles?

# %% [markdown] lang="ko"
# ### 5 · 기둥을 살리는 설정

# %%
exercises.deeplab.open_poles.question()

# %%
progress()

# %% [markdown] lang="en"
# ## In one breath
#
# 1. A classification network shrinks its map and forgets where things are: two problems, with two remedies.
# 2. Take out a stride, dilate everything that follows, and the same weights give a denser map; the old cells keep their numbers exactly.
# 3. A fully connected CRF is a probability for every labeling of the picture: the network's opinion of each pixel, and a price for every pair that is near and alike and yet disagrees.
# 4. Mean field: the others' beliefs, weighted, then a softmax, all at once and ten times; the sum is a Gaussian blur in five dimensions, and a lattice makes it quick.
# 5. Its numbers are learned from data, by grid search or by back-propagation, and as it sees only near and alike, it may take thin things away.

# %% [markdown] lang="ko"
# ## 한눈에 정리하기
#
# 1. 분류 네트워크는 맵을 줄이고, 물체가 어디 있는지 잊어버려요. 문제가 두 가지이고, 고치는 방법도 두 가지예요.
# 2. 스트라이드를 없애고 그 뒤를 모두 팽창시키면 같은 가중치로 더 촘촘한 맵이 나와요. 원래 칸의 숫자는 정확히 그대로예요.
# 3. 완전 연결 CRF는 사진의 레이블 배치마다 확률을 매겨요. 픽셀마다 네트워크의 의견을 듣고, 가깝고 비슷한데 레이블이 다른 쌍에는 값을 매겨요.
# 4. 평균장에서는 다른 픽셀의 믿음에 가중치를 곱해 더하고 소프트맥스를 씌워요. 모든 픽셀을 한꺼번에, 열 번 되풀이해요. 더하는 일은 5차원 가우시안 흐리기이고, 격자를 쓰면 빨라요.
# 5. CRF의 숫자도 격자 탐색이나 역전파로 데이터에서 배워요. 그리고 가깝고 비슷한 것만 보기 때문에 가는 물체를 지울 수도 있어요.

# %% tags=["nbval-check-output"]
keys = ["deeplab.4x4_rate4.miou", "deeplab.large_fov.miou", "deeplab.large_fov.miou_crf", "deeplab.multi_scale.miou_crf", "deeplab.multi_scale.voc2012_test_crf", "deeplab.deeplab_v1.camvid"]
names = ["DeepLab", "DeepLab-LargeFOV", "DeepLab-CRF-LargeFOV", "DeepLab-MSc-CRF-LargeFOV", "DeepLab-MSc-CRF-LargeFOV", "DeepLab-LFOV"]
figures.table([[name, number.printed, number.data, number.source] for name, key in zip(names, keys) for number in [published.get(key)]],
              [T(en="network", ko="네트워크"), "mIoU", T(en="data", ko="데이터"), T(en="source", ko="출처")])

# %% [markdown] lang="en"
# These numbers come from different data sets and must not be compared across rows with different data.
#
# **What came next.** DeepLab v2 sets several rates side by side (chapter 04). DeconvNet learns the way up instead (03). CRF-as-RNN trains the CRF with the network. From DeepLab v3 on the CRF is gone: with better maps there was less left for it to repair.
#
# **Read on.** Krähenbühl and Koltun, *Efficient Inference in Fully Connected CRFs with Gaussian Edge Potentials*, NIPS 2011; Adams, Baek and Davis, *Fast High-Dimensional Filtering Using the Permutohedral Lattice*, 2010; Zheng et al., *Conditional Random Fields as Recurrent Neural Networks*, ICCV 2015.

# %% [markdown] lang="ko"
# 이 표에는 서로 다른 데이터에서 나온 숫자가 섞여 있어요. 데이터가 다른 줄끼리 비교하면 안 돼요.
#
# **그다음 이야기.** DeepLab v2는 여러 팽창률을 나란히 놓아요(04장). DeconvNet은 그 대신 맵을 키우는 법을 배워요(03장). CRF-as-RNN은 CRF를 네트워크와 함께 학습시켜요. DeepLab v3부터는 CRF가 사라졌어요. 맵이 좋아지니 CRF가 고칠 것이 줄어들었거든요.
#
# **더 읽을거리.** Krähenbühl과 Koltun의 *Efficient Inference in Fully Connected CRFs with Gaussian Edge Potentials*(NIPS 2011), Adams, Baek, Davis의 *Fast High-Dimensional Filtering Using the Permutohedral Lattice*(2010),
# Zheng 외의 *Conditional Random Fields as Recurrent Neural Networks*(ICCV 2015).

# ---
# chapter: "03"
# name: deconvnet
# minutes: {reading: 75, running: 2}
# needs: ["01"]
# ---

# %% [markdown] lang="en"
# # 03 · DeconvNet: the way back, with a memory
#
# **A network that shrinks a picture to a single cell knows what is in it. Can it grow the picture back from there, outlines and all, if it remembers where every maximum stood?**
#
# You need: [chapter 01](01_fcn.ipynb), for score maps, transposed convolution and receptive fields.
#
# H. Noh, S. Hong, B. Han, *Learning Deconvolution Network for Semantic Segmentation*, ICCV 2015.

# %% [markdown] lang="ko"
# # 03 · DeconvNet, 자리를 기억하고 되돌아가는 길
#
# **사진을 칸 하나까지 줄인 네트워크는 무엇이 찍혔는지 알아요. 최댓값이 어디 있었는지도 기억해 두면, 그 한 칸에서 윤곽까지 되살릴 수 있을까요?**
#
# 점수 맵과 전치 합성곱, 수용 영역을 다루는 [01장](01_fcn.ipynb)을 먼저 읽어 주세요.
#
# H. Noh, S. Hong, B. Han, *Learning Deconvolution Network for Semantic Segmentation*, ICCV 2015.

# %% tags=["setup"]
import torch
from torch import nn
from torch.nn import functional as F

from segcourse import datasets, exercises, figures, labs, models, ops, progress, published, show, training

torch.set_num_threads(2)
torch.manual_seed(0)

streets = datasets.load("streets", "train", size=(128, 192))
street, _ = streets[137]

# %% tags=["look"]
windows = {"car": (62, 90, 102, 130), "pedestrian": (39, 138, 79, 178)}     # en: 40x40 pixels each | ko: 저마다 40x40 픽셀
figures.receptive_field(street, list(windows.values()), labels=[T(en="a car", ko="자동차"), T(en="a pedestrian", ko="보행자")],
                        title=T(en="One window of 40x40: too small for the car, far too large for the pedestrian", ko="똑같은 40x40 창, 자동차에는 작고 보행자에게는 너무 커요"))

# %% [markdown] lang="en"
# ## The problem: one window for everything
#
# An FCN looks at the picture through a window of fixed size, its receptive field. Anything much larger than the window it sees only in pieces: the middle of a car door is a grey plane, and a grey plane might as well be
# a wall or the road. Anything much smaller drowns in its surroundings. Let us count, for the two windows above: how much of the thing lies inside, and how much of the window does it fill?

# %% [markdown] lang="ko"
# ## 무엇이든 한 창으로 보는 문제
#
# FCN은 크기가 정해진 창으로 사진을 봐요. 그 창이 수용 영역이에요. 창보다 훨씬 큰 물체는 조각으로만 보여요. 자동차 문 한가운데는 그저 회색 평면이라서, 벽이라고 해도 도로라고 해도 이상하지 않아요.
# 창보다 훨씬 작은 물체는 주변에 파묻혀 버려요. 위의 두 창에서 세어 볼게요. 물체는 창 안에 얼마나 들어오고, 창을 얼마나 채울까요?

# %% tags=["nbval-check-output"]
things = streets.instance(137)
for name, (top, left, bottom, right) in windows.items():
    thing = things == things[(top + bottom) // 2, (left + right) // 2]     # en: the one in the middle of the window | ko: 창 한가운데에 있는 물체
    inside = thing[top:bottom, left:right].sum().item()
    print({"car": T(en="car:", ko="자동차:"), "pedestrian": T(en="pedestrian:", ko="보행자:")}[name], T(en="inside the window", ko="창에 들어온 비율"), f"{inside / thing.sum().item():.0%}", "|",
          T(en="share of the window", ko="창에서 차지하는 비율"), f"{inside / 1600:.0%}")

# %% [markdown] lang="en"
# There is a second complaint. Once the map has been shrunk, an FCN enlarges it with a kernel that began as bilinear interpolation and stayed close to it. That is not much of a way back: whatever the picture looked like, the map grows in
# the same smooth manner. DeconvNet answers both complaints, and in this chapter you will find out which of its parts answers which.
#
# ## Say it before you see it
#
# Here is what the lecture notes say about DeconvNet, in our words. Decide for each line *now*. One of them looks like a mere matter of wording and is the heart of the paper.

# %% [markdown] lang="ko"
# 불만이 하나 더 있어요. FCN은 줄어든 맵을 다시 키울 때, 쌍선형 보간에서 출발해 거기서 별로 벗어나지 않은 커널을 써요. 이것만으로는 제대로 되돌아간다고 하기 어려워요. 사진에 무엇이 있든 맵은 늘 똑같이 매끄럽게 커지거든요.
# DeconvNet은 두 불만에 모두 답해요. 어느 부품이 어느 불만에 답하는지는 이 장에서 직접 찾아볼 거예요.
#
# ## 실행하기 전에 골라 보기
#
# 강의 노트에서 DeconvNet을 설명한 말을 조금 다듬어 적었어요. *지금* 한 줄씩 읽고 얼마나 맞는 말인지 골라 보세요. 그저 이름 이야기처럼 보이는 줄이 하나 있는데, 그게 논문의 핵심이에요.

# %% tags=["look"]
exercises.claims.sheet("03")

# %% [markdown] lang="en"
# ## The operation by hand, first half: pooling that remembers
#
# Max pooling keeps the largest of four numbers and throws away three. It also throws away something easily overlooked: *which* of the four it was. Write that down, and you have a **switch**: for each pooled number the place
# where it stood, counted through the map in reading order. A map of 4x4 has places 0 to 15.

# %% [markdown] lang="ko"
# ## 손으로 해 보는 연산 1 · 자리를 기억하는 풀링
#
# 최대 풀링은 숫자 네 개 가운데 가장 큰 것만 남기고 세 개를 버려요. 그런데 모르는 사이에 하나를 더 버려요. 가장 큰 값이 넷 중 *어느* 자리에 있었는지예요. 그걸 적어 둔 것이 **스위치 변수**(switch variable), 줄여서 스위치예요. 풀링한 값마다 원래 있던 자리의 번호를
# 적어요. 번호는 글 읽는 순서로 매겨요. 4x4 맵이라면 자리는 0번부터 15번까지예요.

# %% tags=["nbval-check-output"]
numbers = [[1, 3, 2, 0], [4, 2, 1, 5], [0, 6, 2, 2], [1, 3, 7, 1]]

pooled, switches = [[0, 0], [0, 0]], [[0, 0], [0, 0]]
for row in range(2):
    for column in range(2):
        best = -1
        for y in (2 * row, 2 * row + 1):
            for x in (2 * column, 2 * column + 1):
                if numbers[y][x] > best:
                    best = numbers[y][x]
                    pooled[row][column], switches[row][column] = best, 4 * y + x

print(T(en="pooled:  ", ko="풀링한 값:"), pooled)
print(T(en="switches:", ko="스위치:"), switches)

# %% [markdown] lang="en"
# And now back. **Unpooling** takes a map of 4x4 full of zeros and puts each number where its switch says. Nothing is computed; it only places.

# %% [markdown] lang="ko"
# 이제 되돌아가 볼게요. **언풀링**은 0으로 채운 4x4 맵에 값을 하나씩, 스위치에 적힌 자리에 놓아요. 계산하는 것은 없어요. 놓기만 해요.

# %% tags=["nbval-check-output"]
unpooled = [[0] * 4 for _ in range(4)]
for row in range(2):
    for column in range(2):
        y, x = divmod(switches[row][column], 4)
        unpooled[y][x] = pooled[row][column]
for line in unpooled:
    print(line)
assert sum(map(sum, unpooled)) == sum(map(sum, pooled)) and all(unpooled[y][x] in (0, numbers[y][x]) for y in range(4) for x in range(4))

# %% tags=["look"]
figures.grids([(numbers, "input", T(en="the largest of each block", ko="블록마다 가장 큰 값")), (pooled, "output", T(en="how much", ko="얼마인지")),
               (switches, "count", T(en="where: the switches", ko="어디였는지, 스위치")), (unpooled, "input", T(en="back in their places", ko="제자리로"))], operators=("→", "", "→"),
              highlights=[[divmod(place, 4) for place in sum(switches, [])], None, None, None], hatches=[None, None, None, [[value == 0 for value in line] for line in unpooled]])

# %% [markdown] lang="en"
# ### What is lost without switches
#
# First we compare the package's functions with torch's, on a map with odd sides. Then we ask whether the way back really *must* know the place. Take a map and turn every block of 2x2 by half a turn: the same maxima, every one of them in another place. Pooled, the two maps are the same to the last digit. Which way back can tell
# them apart? Besides unpooling we try three that use no switches: the number into the upper left corner of its block (a bed of nails), into the whole block (nearest), and bilinear interpolation.

# %% [markdown] lang="ko"
# ### 스위치가 없으면 잃는 것
#
# 변의 길이가 홀수인 맵에서 패키지 함수와 torch를 비교해 볼게요. 그다음에는 되돌릴 때 정말로 자리를 *알아야만* 하는지 확인해요. 맵의 2x2 블록을 저마다 반 바퀴씩 돌리면, 최댓값은 그대로인데 자리는 모두 바뀌어요. 풀링하고 나면 두 맵은 끝자리까지 똑같아요. 어떤 방법으로 되돌려야
# 둘을 구별할 수 있을까요? 언풀링 말고도 스위치를 쓰지 않는 방법 세 가지를 함께 시험해요. 블록의 왼쪽 위 칸에 놓기(bed of nails), 블록 전체를 채우기(최근접), 그리고 쌍선형 보간이에요.

# %% tags=["claim-3.5", "nbval-check-output"]
x = torch.randn(2, 3, 9, 7, dtype=torch.double)
pooled, switches = ops.max_pool2d_with_switches(x, 2)
theirs, places = F.max_pool2d(x, 2, return_indices=True)
back = ops.max_unpool2d(pooled, switches, (9, 7))
gap = max((a - b).abs().max().item() for a, b in ((pooled, theirs), (switches, places), (back, F.max_unpool2d(theirs, places, 2, output_size=(9, 7)))))
kept = back.flatten(2).gather(2, switches.flatten(2)).view_as(pooled)
print(T(en="against torch:", ko="torch와의 차이:"), "< 1e-12" if gap < 1e-12 else gap, "|", T(en="numbers kept:", ko="남은 값:"), f"{pooled[0, 0].numel()} / {x[0, 0].numel()}")

even = x[..., :8, :6]
turned = even.reshape(2, 3, 4, 2, 3, 2).flip(3, 5).reshape(2, 3, 8, 6)     # en: every block by half a turn | ko: 블록마다 반 바퀴
ways = {"switches": lambda p, s: ops.max_unpool2d(p, s, (8, 6)), "corner": lambda p, s: ops.bed_of_nails(p, 2), "nearest": lambda p, s: ops.nearest_unpool2d(p, 2),
        "bilinear": lambda p, s: ops.resize(p, (8, 6))}
(one, here), (other, there) = (ops.max_pool2d_with_switches(part, 2) for part in (even, turned))
tells = {name: not torch.equal(way(one, here), way(other, there)) for name, way in ways.items()}
print(T(en="pooled, both maps are equal:", ko="풀링하면 두 맵이 같음:"), torch.equal(one, other), "|", T(en="told apart by:", ko="구별하는 방법:"), tells)
exercises.claims.decide("3.5")
assert gap < 1e-12 and torch.equal(kept, pooled) and torch.equal(one, other) and [name for name, told in tells.items() if told] == ["switches"]

# %% [markdown] lang="en"
# The place is gone with the pooling, and no interpolation, however smooth, can bring back what nobody wrote down. The switch costs two bits for every four numbers.
#
# ### Is unpooling the inverse of pooling?
#
# Chapter 01 had a claim that deconvolution undoes convolution, and it failed. Here is its twin: unpooling undoes pooling. There are two questions in it. Unpool and then pool: do you have again what you began with? Pool and then unpool: do you?

# %% [markdown] lang="ko"
# 풀링하는 순간 자리는 사라져요. 아무리 매끄럽게 보간해도 적어 두지 않은 것은 되살릴 수 없어요. 스위치를 적는 데는 숫자 네 개마다 2비트면 돼요.
#
# ### 언풀링은 풀링의 역연산일까요?
#
# 01장에는 디컨볼루션이 합성곱을 되돌린다는 주장이 있었고, 틀렸어요. 이번 주장은 그 쌍둥이예요. 언풀링이 풀링을 되돌린다는 거예요. 사실은 질문이 두 개예요. 언풀링하고 나서 풀링하면 처음 것이 돌아올까요? 풀링하고 나서 언풀링하면요?

# %% tags=["claim-3.5b", "nbval-check-output"]
def pool(map_):
    return ops.max_pool2d_with_switches(map_, 2)

def unpool(values, at):
    return ops.max_unpool2d(values, at, (8, 8))

x, y = torch.randn(1, 1, 8, 8, dtype=torch.double), torch.rand(1, 1, 4, 4, dtype=torch.double)
pooled, at = pool(x)
forth = torch.equal(pool(unpool(y, at))[0], y)
below = pool(unpool(y - 0.5, at))[0]     # en: some numbers are negative now | ko: 음수가 섞여요
lost = ((unpool(pooled, at) - x).norm() / x.norm()).item()
inner = ((x.flatten()[at.flatten()] * y.flatten()).sum() - (x * unpool(y, at)).sum()).abs().item()
print(T(en="pool(unpool(y)) = y, for y >= 0:", ko="pool(unpool(y)) = y, y >= 0일 때:"), forth)
print(T(en="the same where y has negative numbers:", ko="y에 음수가 있을 때:"), torch.equal(below, y - 0.5), "|", T(en="they have become 0:", ko="음수가 0으로:"), torch.equal(below, (y - 0.5).clamp(min=0)))
print(T(en="unpool(pool(x)) = x:", ko="unpool(pool(x)) = x:"), lost < 1e-6, "|", T(en="relative error > 50 %:", ko="상대 오차 > 50%:"), lost > 0.5, "|", T(en="inner product:", ko="내적의 차이:"), "< 1e-12" if inner < 1e-12 else inner)
exercises.claims.decide("3.5b")
assert forth and torch.equal(below, (y - 0.5).clamp(min=0)) and (y < 0.5).any() and lost > 0.5 and inner < 1e-12

# %% [markdown] lang="en"
# Half right, then. In one direction it is exact, as long as nothing is negative: among zeros a negative number does not win. Behind a ReLU nothing *is* negative, and so the network always lives in the good half. In the other direction three of four numbers are gone. And
# the inner product at the end of the third line shows that, with the switches held fixed, unpooling is to pooling what transposed convolution is to convolution: its transpose.
#
# ## Lab: switches
#
# Move a maximum inside its window and watch where it lands. Then look at the four ways back side by side, and at pooling, unpooling, pooling again.

# %% [markdown] lang="ko"
# 반만 맞았네요. 한쪽 방향은 음수만 없으면 정확히 맞아요. 0 사이에 놓인 음수는 최댓값이 되지 못하거든요. ReLU를 지난 값은 음수가 *아니니까* 네트워크는 늘 잘 맞는 쪽에 있어요. 반대 방향에서는 숫자 넷 중 셋이 사라져요. 셋째 줄 끝의 내적도 눈여겨보세요.
# 스위치를 고정해 두면 풀링과 언풀링의 관계는 합성곱과 전치 합성곱의 관계와 같아요. 언풀링은 풀링의 전치예요.
#
# ## 실험실 · 스위치
#
# 최댓값을 창 안에서 옮기면서 어디에 놓이는지 지켜보세요. 그런 다음 되돌리는 네 방법을 나란히 놓고 보고, 풀링하고 언풀링하고 다시 풀링해 보세요.

# %% tags=["lab"]
labs.switches()

# %% [markdown] lang="en"
# **Try this.** Move one maximum from corner to corner of its window: which of the four ways back notices? · Make a number negative, in the last view: which light goes out? · Make two numbers of a window equal: which of them is the maximum, and what happens when you raise the other one by a little?
#
# ## The operation by hand, second half: a deconvolution that enlarges nothing
#
# Unpooling leaves three zeros for every number. Something must fill them in, and that is what the layers between two unpoolings do. The paper calls them deconvolutions and names the whole network after them. But they have stride 1. Take one number, press a 3x3 stamp, go *one* cell further: the result
# is as large as the input. What kind of layer is that?

# %% [markdown] lang="ko"
# **해 보세요.** 최댓값 하나를 창의 네 구석으로 옮겨 보세요. 되돌리는 네 방법 가운데 자리가 바뀐 것을 알아차리는 방법은 어느 것인가요? · 마지막 보기에서 숫자 하나를 음수로 바꿔 보세요. 어느 불이 꺼지나요? · 한 창의 두 숫자를 같게 만들어 보세요. 어느 쪽이 최댓값인가요? 다른 쪽을 조금만 올리면 어떻게 되나요?
#
# ## 손으로 해 보는 연산 2 · 아무것도 키우지 않는 디컨볼루션
#
# 언풀링한 맵에는 값 하나마다 0이 세 개씩 있어요. 이 빈자리는 언풀링 사이에 있는 층이 채워요. 논문은 이 층을 디컨볼루션이라고 부르고, 네트워크 이름도 여기서 따왔어요. 그런데 스트라이드가 1이에요. 숫자 하나에 3x3 도장을 찍고 *한* 칸 옮겨서 또 찍으면,
# 결과는 입력과 크기가 같아요. 그렇다면 이 층은 대체 어떤 층일까요?

# %% tags=["for-claim-3.1"]
x, stamp = torch.randn(1, 4, 6, 7, dtype=torch.double), torch.randn(4, 3, 3, 3, dtype=torch.double)     # en: stamp: in, out, 3, 3 | ko: stamp는 (in, out, 3, 3)
pressed = ops.conv_transpose2d(x, stamp, padding=1)
turned = stamp.transpose(0, 1).flip(2, 3)     # en: channels swapped, taps turned round | ko: 채널을 맞바꾸고 탭을 뒤집어요
slid = ops.conv2d(x, turned, padding=1)     # en: 3 - 1 - 1 = 1 | ko: 3 - 1 - 1 = 1

model = models.create("deconvnet", num_classes=11, width=1 / 16, grid=2).eval()
picture = datasets.normalise(street)[None, :, 32:96, :64]     # en: a crop of 64x64 | ko: 64x64 크롭
with torch.no_grad():
    encoded = model.encode(picture)
    steps = [("code", encoded.code), *model.decode_steps(encoded)]
grows = [name for (_, before), (name, after) in zip(steps, steps[1:]) if after.shape[-1] > before.shape[-1]]
filled = {name: (map_ != 0).double().mean().item() for name, map_ in steps}

# %% tags=["claim-3.1", "nbval-check-output"]
gap = (pressed - slid).abs().max().item()
print(T(en="a 3x3 deconvolution against a convolution, weights turned and swapped:", ko="3x3 디컨볼루션과, 뒤집고 맞바꾼 가중치로 한 합성곱의 차이:"), "< 1e-12" if gap < 1e-12 else gap)
print(T(en="sizes:", ko="크기:"), tuple(x.shape[2:]), "->", tuple(pressed.shape[2:]))
print(T(en="what enlarges the map:", ko="맵을 키우는 층:"), ", ".join(grows))
for before, after in (("unpool3", "deconv3_1"), ("unpool1", "deconv1_1")):
    print(T(en="cells that are not zero:", ko="0이 아닌 칸:"), before, T(en="at most a quarter:", ko="4분의 1 이하:"), filled[before] <= 0.25, "|", after, T(en="more:", ko="늘어남:"), filled[after] > filled[before])
exercises.claims.decide("3.1")
assert gap < 1e-12 and grows == ["fc6_deconv", "unpool5", "unpool4", "unpool3", "unpool2", "unpool1"] and filled["unpool1"] <= 0.25 < filled["deconv1_1"]

# %% [markdown] lang="en"
# The claim holds. Of the thirteen deconvolutions behind the unpoolings not one enlarges anything; each of them is an ordinary convolution whose weights someone wrote down the other way round (exercise 3 lets you find the rule). Only `fc6_deconv`, which spreads the single cell over the first grid, makes something larger. Everything else that grows, grows
# by *unpooling*. Unpooling places, deconvolution fills in. Further down we take each of them out and see what is left.

# %% [markdown] lang="ko"
# 맞는 주장이에요. 언풀링 뒤에 오는 디컨볼루션 열세 개 가운데 맵을 키우는 것은 하나도 없어요. 하나같이 가중치를 거꾸로 적어 놓은 보통 합성곱이에요(그 규칙은 연습 문제 3에서 직접 찾아보세요). 칸 하나를 첫 격자로 펼치는 `fc6_deconv`가 맵을 한 번 키우고, 그 밖에는 모두
# *언풀링*이 키워요. 언풀링이 자리에 놓고 디컨볼루션이 채워요. 조금 뒤에 둘을 하나씩 빼 보고 무엇이 남는지 볼 거예요.

# %% [markdown] lang="en"
# ## How large is the window, and who decides?
#
# Claim 3.3 calls the receptive field a hyperparameter. Nobody types it in, though. It follows from what one does type in: with kernels $k_i$, rates $r_i$ and strides $s_i$ it is $1 + \sum_i (k_i - 1)\, r_i \prod_{j<i} s_j$. And it is only the outer bound. How much the pixels inside really count is another question, and
# the gradient answers it.

# %% [markdown] lang="ko"
# ## 창의 크기는 누가 정할까요?
#
# 주장 3.3은 수용 영역을 하이퍼파라미터라고 불러요. 하지만 수용 영역을 숫자로 써넣는 곳은 없어요. 우리가 정하는 다른 값에서 저절로 나와요. 커널이 $k_i$, 팽창률이 $r_i$, 스트라이드가 $s_i$일 때 수용 영역은 $1 + \sum_i (k_i - 1)\, r_i \prod_{j<i} s_j$예요. 게다가 이건 바깥 한계일 뿐이에요. 그 안의 픽셀이 실제로
# 얼마나 영향을 주는지는 다른 문제이고, 답은 기울기에서 나와요.

# %% tags=["claim-3.3", "nbval-check-output"]
def stack(layers):
    return nn.Sequential(*(nn.Conv2d(1, 1, kernel, stride=stride, dilation=rate) for kernel, stride, rate in layers))

def formula(layers):
    field, step = 1, 1
    for kernel, stride, rate in layers:
        field, step = field + (kernel - 1) * rate * step, step * stride
    return field

fields = {}
for name, layers in {"3x3": [(3, 1, 1)] * 5, "5x5": [(5, 1, 1)] * 5, "stride": [(3, 1, 1), (3, 2, 1), *[(3, 1, 1)] * 3], "rate": [(3, 1, 1)] * 2 + [(3, 1, 2)] * 3}.items():
    fields[name] = ops.receptive_field(stack(layers), (64, 64)).size[0], formula(layers)
    print(f"{name:7}", T(en="field", ko="수용 영역"), fields[name][0], "|", T(en="by the formula", ko="식으로 구한 값"), fields[name][1])

trunk = models.vgg.VGG16(width=1 / 16).features[:23]     # en: up to conv4_3 | ko: conv4_3까지
field, seen = ops.receptive_field(trunk, (160, 160)).size[0], ops.effective_receptive_field(trunk, (160, 160))
half = next(half for half in range(80) if seen[84 - half:84 + half, 84 - half:84 + half].sum() > 0.5 * seen.sum())     # en: around its middle | ko: 한가운데 둘레
area = (2 * half / field) ** 2
print(T(en="VGG16 up to conv4_3: field", ko="VGG16의 conv4_3까지, 수용 영역"), field, "|", T(en="half of the influence comes from less than a quarter of its area:", ko="영향의 절반이 넓이의 4분의 1도 안 되는 곳에서 옴:"), area < 0.25)
exercises.claims.decide("3.3")
assert all(a == b for a, b in fields.values()) and len({a for a, _ in fields.values()}) > 2 and area < 0.25

# %% tags=["look"]
figures.receptive_field(figures.photo("chelsea", size=(160, 160)), [ops.receptive_field(trunk, (160, 160)).at(10, 10)], heat=seen,
                        title=T(en="The field is the frame, what counts glows in its middle", ko="테두리가 수용 영역, 밝은 곳이 실제로 영향을 주는 곳이에요"))

# %% [markdown] lang="en"
# Change the kernels, a stride or a rate, and the field changes by itself; there is no knob with its name. Half right, then. And of the 92 pixels that the formula promises, the middle does most of the work: in an untrained trunk half of the influence comes from less than a quarter of the area. That is the
# *effective* receptive field. The 404 pixels of FCN's field are no promise that a large thing is really seen as a whole.

# %% [markdown] lang="ko"
# 커널이나 스트라이드, 팽창률을 바꾸면 수용 영역은 저절로 바뀌어요. 수용 영역이라는 손잡이가 따로 있지는 않아요. 그러니 반만 맞는 말이에요. 그리고 식에서는 92픽셀이 나왔지만, 실제로 일을 많이 하는 곳은 한가운데예요. 학습하지 않은 몸통에서는 영향의 절반이 넓이의 4분의 1도 안 되는 곳에서 와요. 이것이
# *유효* 수용 영역이에요. FCN의 수용 영역이 404픽셀이라고 해서 커다란 물체를 정말 통째로 본다는 보장은 없어요.

# %% [markdown] lang="en"
# ## The network
#
# Claim 3.4: the picture shrinks all the way to 1x1, and grows back. Here is the whole way, with a sixteenth of the channels and the paper's sizes. The first half, the **encoder**, is VGG16 with its fully connected layers as convolutions: fc6 spans the whole 7x7 grid, and what is left is one cell. The second half, the **decoder**, is its mirror image. The single cell between them is the **bottleneck**; what stands in it we call the *code*.

# %% [markdown] lang="ko"
# ## 네트워크
#
# 주장 3.4에 따르면 이미지를 1x1까지 줄였다가 다시 키워요. 채널만 16분의 1로 줄이고 크기는 논문 그대로 둔 채 전체 길을 따라가 볼게요. 앞쪽 절반인 **인코더**(encoder)는 완전 연결층을 합성곱으로 바꾼 VGG16이에요. fc6이 7x7 격자를 통째로 덮으니 남는 것은 칸 하나예요. 뒤쪽 절반인 **디코더**(decoder)는
# 앞쪽을 거울에 비춘 모양이에요. 그 사이의 칸 하나가 **병목**(bottleneck)이고, 거기 담긴 값을 *코드*라고 부를게요.

# %% tags=["claim-3.4", "nbval-check-output"]
model = models.create("deconvnet", num_classes=21, width=1 / 16).eval()
with torch.no_grad():
    encoded = model.encode(torch.rand(1, 3, 224, 224))
    back = [(name, tuple(map_.shape[2:])) for name, map_ in model.decode_steps(encoded)]
down = [tuple(size) for size in encoded.sizes] + [tuple(encoded.switches[-1].shape[2:]), tuple(encoded.code.shape[2:])]
up = [size for number, (_, size) in enumerate(back) if number == 0 or size != back[number - 1][1]]
print(" -> ".join(f"{height}x{width}" for height, width in down))
print(" -> ".join(f"{height}x{width}" for height, width in [down[-1], *up]))
exercises.claims.decide("3.4")
assert down[-1] == (1, 1) and [*reversed(down[:-1])] == up and back[-1] == ("seg_score", (224, 224))

# %% tags=["look"]
maps = dict(model.decode_steps(encoded))
inward = [(side, 16 * switches.shape[1]) for (side, _), switches in zip(encoded.sizes, encoded.switches)] + [(7, 512)]
outward = [(maps[name].shape[2], 16 * maps[name].shape[1]) for name in ("fc6_deconv", "deconv5_3", "deconv4_3", "deconv3_3", "deconv2_2", "deconv1_2")]
figures.mirror(inward, (1, 4096), outward, across=[T(en=f"pool{k} to unpool{k}", ko=f"pool{k}에서 unpool{k}로") for k in range(1, 6)],
               title=T(en="Down to one cell and back: the switches go straight across", ko="칸 하나까지 줄었다가 돌아오는 길, 스위치는 곧장 건너가요"))

# %% [markdown] lang="en"
# Every size on the way back occurred on the way there: that is what the switches need. They lead across, as in a mirror, from pool5 to unpool5, from pool1 to unpool1.
#
# At full size fc6 alone has more weights than all the convolutions of VGG16. Let us count, and set SegNet beside it, the sibling that leaves out the middle, fc6 and fc7, and keeps the switches.

# %% [markdown] lang="ko"
# 되돌아오는 길에 나오는 크기는 모두 가는 길에 있던 크기예요. 그래야 스위치를 쓸 수 있거든요. 스위치는 거울처럼 맞은편으로 건너가요. pool5에서 unpool5로, pool1에서 unpool1로요.
#
# 원래 크기에서는 fc6 하나의 가중치가 VGG16의 합성곱을 모두 합친 것보다 많아요. 세어 볼게요. 그 옆에는 SegNet을 놓았어요. 가운데의 fc6과 fc7을 빼고 스위치는 그대로 둔 형제 같은 네트워크예요.

# %% tags=["nbval-check-output"]
def count(model, kind=None):
    modules = [module for module in model.modules() if kind is None or isinstance(module, kind)]
    return sum(p.numel() for module in modules for p in module.parameters(recurse=False))

with torch.device("meta"):
    deconvnet, segnet = models.create("deconvnet", num_classes=21), models.create("segnet", num_classes=11)
norms = sum(isinstance(module, nn.BatchNorm2d) for module in deconvnet.modules())
print("DeconvNet:", f"{count(deconvnet):,}", "|", T(en="batch normalisations:", ko="배치 정규화:"), norms, "| fc6:", f"{count(deconvnet.fc6):,}", "|", T(en="convolutions of VGG16:", ko="VGG16의 합성곱:"), f"{count(deconvnet.features, nn.Conv2d):,}")
print("SegNet:", f"{count(segnet):,}", "|", T(en="convolutions:", ko="합성곱:"), f"{count(segnet, nn.Conv2d):,}")
assert count(deconvnet) == 251_805_653 and norms == 29 and count(segnet, nn.Conv2d) == 29_433_483 and count(deconvnet.fc6) > count(deconvnet.features, nn.Conv2d)

# %% tags=["nbval-check-output"]
with torch.device("meta"):
    encoded, rows = deconvnet.eval().encode(torch.empty(1, 3, 224, 224)), []
    for name, map_ in [("code", encoded.code), *deconvnet.decode_steps(encoded)]:
        layer = deconvnet.decoder[name] if name in deconvnet.decoder else getattr(deconvnet, {"code": "fc7"}.get(name, name))
        rows.append([{"code": "fc7"}.get(name, name), f"{map_.shape[1]} x {map_.shape[2]} x {map_.shape[3]}", f"{count(layer):,}" if count(layer) else ""])
figures.table(rows, [T(en="the way back", ko="되돌아가는 길"), T(en="map", ko="맵"), T(en="parameters", ko="파라미터 수")])

# %% [markdown] lang="en"
# ## From a blob to an outline
#
# Enough of sizes. `training.switches.load()` is a small DeconvNet that has been trained on drawn streets; it has fewer than a 100th of the paper's weights. Its streets are larger than the square that it shrinks to one cell, so here the code is a small map. We send a picture through it and stop after every layer of the decoder. What does the map know by then? Every layer has many channels; we average the size of their numbers, bright where it is large.

# %% [markdown] lang="ko"
# ## 덩어리에서 윤곽까지
#
# 크기 이야기는 이쯤 할게요. `training.switches.load()`는 거리 그림으로 학습해 둔 작은 DeconvNet이에요. 가중치 수는 논문의 100분의 1도 안 돼요. 여기 넣는 그림은 칸 하나로 줄어드는 정사각형보다 커서, 코드가 작은 맵으로 남아요. 그림을 넣고 디코더의 층마다 멈춰서 볼게요. 맵은 거기까지 무엇을 알게 되었을까요? 층마다 채널이 많으니 값의 절댓값을 채널끼리 평균 내서 봐요. 큰 곳일수록 밝아요.

# %% tags=["for-claim-3.6", "for-claim-3.2a"]
network, scenes = training.switches.load(), datasets.load("streets", "test", size=training.switches.SIZE)
photo, labels = scenes[training.switches.SHOWN[0]]
with torch.no_grad():
    kept = network.encode(datasets.normalise(photo)[None])
    opened = dict(network.decode_steps(kept))
strength = {name: map_[0].abs().mean(0) for name, map_ in opened.items() if name != "seg_score"}

# %% tags=["look"]
figures.animation([figures.images([photo, map_], kinds=["photo", "heat"], titles=[T(en="picture", ko="사진"), f"{number} / {len(strength)}   {name}   {map_.shape[0]}x{map_.shape[1]}"],
                                  title=T(en="Layer by layer the outline appears", ko="한 층씩 지날 때마다 윤곽이 드러나요"))
                   for number, (name, map_) in enumerate(strength.items(), 1)])

# %% [markdown] lang="en"
# The animation goes through all the layers and begins anew. Watch an unpooling, then the deconvolutions behind it: the one scatters points, the others join them into areas. Here are the most telling layers side by side, standing still.

# %% [markdown] lang="ko"
# 애니메이션은 모든 층을 지나고 나면 처음부터 다시 시작해요. 언풀링에서 일어나는 일과 바로 뒤 디컨볼루션에서 일어나는 일을 견주어 보세요. 언풀링은 점을 흩뿌리고 디컨볼루션은 그 점을 이어 면을 만들어요. 눈여겨볼 층만 골라 멈춘 그림으로 나란히 놓으면 이래요.

# %% tags=["look"]
chosen = ["fc6_deconv", "unpool5", "deconv5_3", "unpool4", "deconv4_3", "unpool3", "deconv3_3", "unpool2", "deconv2_2", "unpool1", "deconv1_2"]
figures.images([photo, *(strength[name] for name in chosen)], kinds=["photo", *["heat"] * len(chosen)], columns=4, titles=[T(en="picture", ko="사진"), *chosen],
               title=T(en="Unpooling scatters, deconvolution fills in: row by row the outline appears", ko="언풀링이 흩어 놓고 디컨볼루션이 채우면서, 윤곽이 점점 드러나요"))

# %% [markdown] lang="en"
# ### One switch, all the way
#
# Claim 3.6 says that the switches are kept as in a mirror. Take one: the largest number of the map after `unpool1` should stand where the encoder, at the same level and in the same picture, saw the maximum of a window of `pool1`. Does it, and does every other number, at every level? We check all of them.

# %% [markdown] lang="ko"
# ### 스위치 하나를 끝까지 따라가기
#
# 주장 3.6에 따르면 스위치는 거울처럼 짝을 이뤄요. 하나만 먼저 볼게요. 인코더는 같은 단계에서 같은 사진을 보고 `pool1`의 창마다 최댓값이 있던 자리를 적어 뒀어요. `unpool1`을 지난 맵에서 가장 큰 값은 그 가운데 한 자리에 있어야 해요. 정말 그럴까요? 다른 값도, 다른 단계도 그럴까요? 빠짐없이 확인해요.

# %% tags=["claim-3.6", "nbval-check-output"]
mirrored = {}
for stage in (5, 4, 3, 2, 1):
    above, written = opened[f"unpool{stage}"].flatten(2), kept.switches[stage - 1].flatten(2)
    filled = above != 0
    allowed = torch.zeros_like(filled).scatter_(2, written, True)     # en: where the encoder saw its maxima | ko: 인코더가 최댓값을 본 자리
    mirrored[stage] = bool(filled.any() and (filled & ~allowed).sum() == 0)
    print(f"pool{stage} -> unpool{stage}", tuple(kept.sizes[stage - 1]), T(en="numbers stand on switches only:", ko="값은 스위치 자리에만 있음:"), mirrored[stage])
exercises.claims.decide("3.6")
assert all(mirrored.values()) and len(mirrored) == 5

# %% [markdown] lang="en"
# Then follow a single switch in the lab: point at a pixel of the picture, go down with it through five poolings, and up again.

# %% [markdown] lang="ko"
# 이제 실험실에서 스위치 하나를 따라가 보세요. 사진의 픽셀 하나를 가리키고, 풀링 다섯 번을 따라 내려갔다가 다시 올라와 보세요.

# %% tags=["lab"]
labs.follow_switch()

# %% [markdown] lang="en"
# ## Train it
#
# DeconvNet is thirteen convolutions, a bottleneck and thirteen deconvolutions in one row, without a single skip connection. From nothing it learns little on our small budget. The paper does not start from nothing either: its encoder begins as VGG16 with the weights of ImageNet. Ours begins as the trunk of chapter 01's FCN-8s with an eighth of the channels, which we train first,
# on the same streets of 64x64. DeconvNet takes over its thirteen convolutions, and they go on learning at a tenth of the rate. All the rest starts from nothing: the decoder, and fc6, which spans 2x2 cells here so that the code is a single cell as in the paper. Batch normalisation follows every layer but the last. With a GPU and CamVid at hand, `DATA = "camvid"` trains the network at full size.

# %% [markdown] lang="ko"
# ## 학습해 보기
#
# DeconvNet은 합성곱 열세 개, 병목, 디컨볼루션 열세 개가 한 줄로 이어져 있고, 스킵 연결은 하나도 없어요. 그래서 여기처럼 짧게 학습하면 처음부터 시작해서는 얼마 배우지 못해요. 논문도 처음부터 시작하지 않아요. 인코더가 ImageNet으로 학습해 둔 VGG16에서 출발하거든요. 여기서는 채널을 8분의 1로 줄인 01장의 FCN-8s를 같은 64x64 거리 그림으로 먼저 학습시키고, 그 몸통을 가져다 써요.
# 물려받은 합성곱 열세 개는 10분의 1의 학습률로 계속 배우고, 나머지는 처음부터 배워요. 여기서 fc6은 2x2칸을 덮어요. 그래야 논문처럼 코드가 칸 하나가 되거든요. 마지막 층만 빼고 층마다 뒤에 배치 정규화를 붙였어요. GPU와 CamVid가 있다면 `DATA = "camvid"`로 바꿔 보세요. 원래 크기의 네트워크를 학습시켜요.

# %% tags=["parameters"]
DATA = "streets"
SEED = 0

# %% [markdown] lang="en"
# First the trunk, inside an FCN-8s of chapter 01:

# %% [markdown] lang="ko"
# 먼저 01장의 FCN-8s 안에서 몸통을 학습시켜요.

# %% tags=["train"]
experiment = training.experiments.get("03", data=DATA)
fcn, fcn_row = experiment.teacher(SEED, callbacks=[figures.LiveCurve()])

# %% [markdown] lang="en"
# Then DeconvNet with that trunk:

# %% [markdown] lang="ko"
# 이제 그 몸통으로 DeconvNet을 학습시켜요.

# %% tags=["train"]
model, scores, row = experiment.run("deconvnet", seed=SEED, callbacks=[figures.LiveCurve()])

# %%
test = experiment.data("test")
chosen = [3, 27]
pictures, truths = zip(*(test[i] for i in chosen))
figures.prediction_rows(pictures, truths, [training.predict(model, picture) for picture in pictures])

# %% [markdown] lang="en"
# The large areas are there, ragged at the edges. Now look for the pedestrians, the pole and the sign: DeconvNet has not found one.
#
# ### The ensemble
#
# The paper's best result is not DeconvNet's alone but an **ensemble** with FCN-8s. The two err differently, it argues: the FCN gets the coarse shape, DeconvNet the detail. The paper averages the two maps of class probabilities. The released code does something else: it sets FCN's negative scores to zero, multiplies DeconvNet's scores by them, and takes the softmax afterwards. Here are both, with the two networks that you have just trained.

# %% [markdown] lang="ko"
# 넓은 영역은 제자리에 있지만 가장자리가 들쭉날쭉해요. 이제 보행자와 기둥, 표지판을 찾아보세요. DeconvNet은 하나도 찾지 못했어요.
#
# ### 앙상블
#
# 논문에서 가장 좋은 결과는 DeconvNet 혼자가 아니라, FCN-8s와 함께 만든 **앙상블**에서 나왔어요. FCN은 큰 모양을, DeconvNet은 세부를 잘 잡아서 틀리는 곳이 서로 다르다는 거예요. 논문에서는 두 네트워크의 클래스 확률 맵을 평균 내요. 공개된 코드는 달라요. FCN의 점수 가운데 음수를 0으로 바꾸고, 그 값을 DeconvNet의 점수에 곱한 다음 소프트맥스를 씌워요. 방금 학습시킨 두 네트워크로 두 방법을 다 해 볼게요.

# %%
images, labels = test.stack(range(len(test)))
with torch.no_grad():
    ours, theirs = model.eval()(datasets.normalise(images)), fcn.eval()(datasets.normalise(images))
maps = {"FCN-8s": theirs, "DeconvNet": ours, T(en="mean of probabilities (paper)", ko="확률의 평균(논문)"): training.instancewise.ensemble(ours.softmax(1), theirs.softmax(1)),
        T(en="product of scores (release)", ko="점수의 곱(공개 코드)"): training.instancewise.ensemble(ours, theirs, how="product")}
found = {name: training.Scores.from_labels(map_.argmax(1), labels, num_classes=test.num_classes, void=test.void) for name, map_ in maps.items()}
figures.table([[name, f"{s.miou:.1%}", f"{s.boundary_iou:.1%}"] for name, s in found.items()], [T(en="test split", ko="테스트 사진"), "mIoU", T(en="boundary IoU", ko="경계 IoU")])

# %% [markdown] lang="en"
# Joined with FCN-8s in either way, DeconvNet gains and FCN-8s loses: in this one run the better of the two is better alone. In the paper the mean was above both: 62.2 for FCN-8s, 69.6 for DeconvNet, 71.7 for the two together (VOC 2012 test).
#
# ## Large things, small things
#
# Back to the first complaint. `segcourse bench chapter 03` trained four networks on streets of 128x192, with three seeds each and all for the same number of steps: a VGG16 cut where a cell sees 40 pixels; DeconvNet on the whole picture, squeezed into the network's square; DeconvNet on one object proposal after another, whose maps are merged (more on proposals below); and the same in two stages. The recall of an object is the share of its pixels that got its class, and its size is the square root of its number of pixels. At which sizes will each of them fail? Say it before you look.

# %% [markdown] lang="ko"
# 어느 방법으로든 FCN-8s와 합치면 DeconvNet 혼자일 때보다 좋아지지만, FCN-8s 혼자일 때보다는 나빠져요. 한 번 학습한 이 결과에서는 더 나은 쪽을 혼자 쓰는 편이 나아요. 논문에서는 평균 낸 결과가 어느 쪽보다도 좋았어요. FCN-8s가 62.2, DeconvNet이 69.6, 둘을 합치면 71.7이에요(VOC 2012 test).
#
# ## 큰 물체와 작은 물체
#
# 첫 번째 불만으로 돌아갈게요. `segcourse bench chapter 03`으로 네트워크 네 개를 128x192 거리 그림에서 시드 3개씩 미리 학습시켜 두었어요. 스텝 수는 모두 같아요. 첫째는 칸 하나가 40픽셀을 보는 곳에서 자른 VGG16, 둘째는 사진을 통째로 네트워크의 정사각형 크기에 맞춰 줄여서 보는 DeconvNet이에요. 셋째는 후보 영역(object proposal)을 하나씩 보고 맵을 합치는 DeconvNet(후보 영역은 아래에서 더 이야기해요), 넷째는 셋째를 두 단계로 학습시킨 거예요. 물체의 재현율은 그 물체의 픽셀 가운데 클래스를 맞힌 비율이고, 물체의 크기는 픽셀 수의 제곱근이에요. 저마다 어떤 크기에서 놓칠까요? 보기 전에 먼저 골라 보세요.

# %% tags=["for-claim-3.2", "for-claim-3.4a", "for-claim-3.7"]
results = training.experiments.get("03").results()

def recall(variant, objects="recall"):
    """Size of objects -> their recall, the mean over the seeds; of cars alone with "recall_cars"."""
    tables = [row[objects] for row in results["rows"] if row["variant"] == variant]
    return {part["from"]: sum(table[n]["recall"] for table in tables) / len(tables) for n, part in enumerate(tables[0]) if part["objects"]}

def mean(variant, metric="miou"):
    values = [row[metric] for row in results["rows"] if row["variant"] == variant]
    return sum(values) / len(values)

# %% tags=["look"]
called = {"forty_pixels": T(en="40 pixels", ko="40픽셀"), "whole": T(en="whole picture", ko="사진 통째로"), "one_stage": T(en="proposals", ko="후보 영역")}
figures.lines({name: (list(recall(variant)), list(recall(variant).values())) for variant, name in called.items()}, as_percent=True,
              x_label=T(en="size of the object, pixels (from)", ko="물체의 크기(몇 픽셀부터)"), y_label=T(en="recall", ko="재현율"),
              title=T(en="The window of 40 pixels loses at both ends, the others at the small one", ko="40픽셀 창은 양쪽 끝에서, 나머지는 작은 쪽에서 놓쳐요"))

# %% tags=["claim-3.2", "nbval-check-output"]
fixed = recall("forty_pixels")
best = max(fixed, key=fixed.get)
for size, share in fixed.items():
    print(T(en=f"objects from {size} pixels: recall", ko=f"{size}픽셀부터, 재현율"), f"{share:.0%}")
exercises.claims.decide("3.2")
assert fixed[min(fixed)] < fixed[best] and fixed[max(fixed)] < fixed[best]

# %% [markdown] lang="en"
# It holds. The field of 40 pixels does best with things of about its own size, and loses at both ends, in every seed. At the small end the field is not the only culprit: a map of stride 4 can hardly draw a pole of 3 pixels. And the large end rests on few objects, 5 in 50 pictures.
#
# One doubt remains: small things are mostly poles, signs and people, and large things are cars. Is it the size that is in the way, or the kind? Here are the cars alone.

# %% [markdown] lang="ko"
# 맞는 주장이에요. 40픽셀 창은 창과 크기가 비슷한 물체를 가장 잘 찾고, 그보다 작거나 크면 어느 시드에서나 더 많이 놓쳐요. 다만 작은 물체를 놓치는 것이 모두 창 탓은 아니에요. 스트라이드가 4인 맵으로는 3픽셀짜리 기둥을 그리기 어려우니까요. 큰 물체는 사진 50장에 5개뿐이라는 점도 기억해 두세요.
#
# 의문이 하나 남아요. 작은 물체는 대부분 기둥과 표지판, 사람이고 큰 물체는 자동차예요. 놓치는 까닭은 크기일까요, 종류일까요? 자동차만 따로 볼게요.

# %% tags=["look"]
figures.lines({name: (list(recall(variant, "recall_cars")), list(recall(variant, "recall_cars").values())) for variant, name in called.items()}, as_percent=True,
              x_label=T(en="size of the car, pixels (from)", ko="자동차의 크기(몇 픽셀부터)"), y_label=T(en="recall", ko="재현율"),
              title=T(en="Cars alone: the window of 40 pixels loses at both ends here, too", ko="자동차만 보아도 40픽셀 창은 양쪽 끝에서 놓쳐요"))

# %% [markdown] lang="en"
# ### How much of the picture does one pixel need?
#
# Claim 3.2a says that recognising takes a *very large* field. Take the network that we opened above, grey out everything beyond a square around one pixel, and see how often that pixel still gets its class. The square grows until it covers the picture.

# %% [markdown] lang="ko"
# ### 픽셀 하나에 사진이 얼마나 필요할까요?
#
# 주장 3.2a는 무엇인지 알아보려면 수용 영역이 *아주* 커야 한다고 해요. 위에서 열어 본 네트워크에 사진을 보여 주되, 픽셀 하나를 둘러싼 정사각형 바깥은 모두 회색으로 가려요. 그래도 그 픽셀의 클래스를 얼마나 자주 맞히는지 볼게요. 정사각형은 사진을 다 덮을 때까지 키워요.

# %% tags=["for-claim-3.2a"]
shown, answers = scenes.stack(range(40))
shown, (height, width) = datasets.normalise(shown), training.switches.SIZE
accuracy = {}
for side in (8, 16, 32, 64, 256):     # en: 256 covers the picture | ko: 256이면 사진을 다 덮어요
    right = []
    for y, x in ((32, 32), (48, 64), (64, 96)):     # en: three pixels of each picture | ko: 사진마다 픽셀 세 개
        masked = torch.zeros_like(shown)
        window = (..., slice(max(y - side // 2, 0), y + side // 2), slice(max(x - side // 2, 0), x + side // 2))
        masked[window] = shown[window]
        with torch.no_grad():
            guess = network(masked).argmax(1)[:, y, x]
        right.append((guess == answers[:, y, x])[answers[:, y, x] < 11].double())
    accuracy[min(side, width)] = torch.cat(right).mean().item()

# %% tags=["look"]
figures.lines({T(en="the pixel in the middle", ko="한가운데 픽셀"): (list(accuracy), list(accuracy.values()))}, as_percent=True,
              x_label=T(en="side of the square that is shown, pixels", ko="보여 준 정사각형의 한 변(픽셀)"), y_label=T(en="right", ko="맞힌 비율"),
              title=T(en="Half the width of the picture is enough", ko="사진 너비의 절반이면 충분해요"))

# %% tags=["claim-3.2a", "nbval-check-output"]
little, half = accuracy[8] / accuracy[128], accuracy[64] / accuracy[128]
print(T(en="right with 8 pixels: less than half of what the whole picture gives:", ko="8픽셀만 보고 맞힌 비율이 사진 전체를 볼 때의 절반 미만:"), little < 0.5)
print(T(en="right with 64 pixels: more than 90 % of it:", ko="64픽셀을 보고 맞힌 비율이 사진 전체를 볼 때의 90% 초과:"), half > 0.9)
exercises.claims.decide("3.2a")
assert little < 0.5 and half > 0.9

# %% [markdown] lang="en"
# Half right. With 8 pixels the network is mostly wrong: it does need the surroundings. But a square of half the picture's width serves about as well as all of it; what is farther away adds next to nothing. (A grey surround is also something that the network never saw in training, so small squares probably do a little worse here than they need to.)

# %% [markdown] lang="ko"
# 반만 맞았어요. 8픽셀만 보여 주면 네트워크는 대부분 틀려요. 둘레를 봐야 하는 것은 맞아요. 하지만 한 변이 사진 너비의 절반인 정사각형이면 사진을 다 보여 준 것과 별로 다르지 않아요. 그보다 먼 곳은 보태는 것이 거의 없어요. (회색으로 가린 사진은 네트워크가 학습할 때 본 적이 없어요. 그래서 작은 정사각형에서는 아마 제 실력보다 조금 더 틀릴 거예요.)

# %% [markdown] lang="en"
# ### Many windows instead of one
#
# DeconvNet's real answer to large and small is not the bottleneck. It is that the network is not asked for the whole picture at once. A **proposal** generator draws boxes that might hold an object; each box is cut out, stretched to the network's square, predicted, and pasted back. The paper uses edge boxes; `training.proposals` is simpler: it merges patches of like colour and ranks their boxes by contrast and outline. Where boxes overlap, each pixel takes the **maximum** of the scores, class by class. Watch in the lab how a map is put together. Do not expect a good one: its network is small and learned for minutes.

# %% [markdown] lang="ko"
# ### 창 하나 대신 창 여러 개
#
# DeconvNet이 크고 작은 물체를 다루는 진짜 비결은 병목이 아니에요. 네트워크에 사진 전체를 한 번에 묻지 않는다는 점이에요. **후보 영역** 생성기가 물체가 있을 만한 상자를 그려요. 그러면 상자마다 잘라 내서 네트워크가 받는 정사각형으로 늘이고, 예측해서 제자리에 붙여요. 논문에서는 edge boxes를 써요. `training.proposals`는 더 간단해요. 색이 비슷한 조각을 합쳐 가며 상자를 만들고, 대비와 윤곽을 보고 순위를 매겨요. 상자가 겹치면 픽셀마다, 클래스마다 점수의 **최댓값**을 남겨요. 실험실에서 맵이 조립되는 모습을 지켜보세요. 몇 분만 배운 작은 네트워크라서 결과가 썩 좋지는 않아요.

# %% tags=["lab"]
labs.proposals()

# %% [markdown] lang="en"
# ### One cell, or many boxes?
#
# Claim 3.4a says that shrinking to 1x1 is the cure for large and small things. Here are the recalls of the figure again, now in numbers: DeconvNet on the whole picture shrinks it to a single cell; DeconvNet on 25 boxes, one of them the whole picture, shrinks each to a single cell. Architecture, first trunk and number of steps are the same.

# %% [markdown] lang="ko"
# ### 칸 하나일까요, 상자 여러 개일까요?
#
# 주장 3.4a에 따르면 물체가 너무 크거나 작아서 생기는 문제는 1x1까지 줄이면 풀려요. 위 그림의 재현율을 이번에는 숫자로 볼게요. 사진을 통째로 보는 DeconvNet은 사진 한 장을 칸 하나로 줄여요. 상자 25개(하나는 사진 전체예요)를 보는 DeconvNet은 상자마다 칸 하나로 줄여요. 네트워크 구조도, 처음에 물려받은 몸통도, 스텝 수도 같아요.

# %% tags=["claim-3.4a", "nbval-check-output"]
one_cell, boxes, cars = recall("whole"), recall("one_stage"), recall("whole", "recall_cars")
for size in one_cell:
    print(T(en=f"objects from {size} pixels: whole picture", ko=f"{size}픽셀부터, 사진 통째로"), f"{one_cell[size]:.0%}", "|", T(en="cars alone", ko="자동차만"), f"{cars[size]:.0%}", "|", T(en="25 boxes", ko="상자 25개"), f"{boxes[size]:.0%}")
for kind, name in (("recall", T(en="all objects", ko="모든 물체")), ("recall_cars", T(en="cars alone", ko="자동차만"))):
    small, large = recall("forty_pixels", kind), recall("whole", kind)
    print(name, "|", T(en="the single cell finds less than the window of 40 pixels from:", ko="칸 하나가 40픽셀 창보다 덜 찾는 크기:"), [size for size in small if large[size] < small[size]],
          "|", T(en="more from:", ko="더 찾는 크기:"), [size for size in small if large[size] > small[size]])
exercises.claims.decide("3.4a")
assert one_cell[4] < 0.2 and cars[4] < cars[16] < cars[32]     # en: small things are missed still, cars among them | ko: 작은 물체는 여전히 놓쳐요. 자동차도요

# %% [markdown] lang="en"
# **It is no cure.** Small things are still lost: of the objects of 4 to 8 pixels the single cell finds 7 %, and of cars of that size half as many as of large ones. A cell that sees everything is one more field of fixed size, only a large one, and squeezing a picture into its square costs the small things pixels as well.
#
# But the cars alone tell something else, too. Of all objects together the single cell finds more than the window of 40 pixels only where they are largest; of the cars it finds more at *both* ends, in every seed. Perhaps the street around a small car shows what it is, perhaps it is merely the deeper network. What it learns hardly at all are pedestrians, cyclists, signs and poles, and those are most of the small things.
#
# The paper's cure is the boxes, since they bring every object to one size. Here they help only at the large end. The smallest things come out worse than before, cars as well: the network now has to learn every scale at once, and 600 steps are probably too few for that. So this experiment refutes the claim, but it does not show that the boxes are better.

# %% [markdown] lang="ko"
# **해법이 아니에요.** 작은 물체는 여전히 놓쳐요. 칸 하나는 4에서 8픽셀인 물체를 7%밖에 찾지 못해요. 그만한 자동차는 큰 자동차의 절반만 찾아요. 전부를 보는 칸도 크기가 고정된 수용 영역이기는 마찬가지예요. 다만 클 뿐이에요. 게다가 사진을 정사각형에 맞춰 줄이면 작은 물체는 픽셀까지 잃어요.
#
# 그런데 자동차만 보면 다른 사실도 드러나요. 물체를 모두 합치면 칸 하나는 가장 큰 물체에서만 40픽셀 창을 앞서요. 자동차만 보면 어느 시드에서나 *양쪽* 끝에서 앞서요. 작은 자동차라도 둘레의 거리를 보면 알 수 있어서일지도 모르고, 그저 네트워크가 더 깊어서일지도 몰라요. 거의 배우지 못하는 것은 보행자, 자전거 탄 사람, 표지판, 기둥인데, 작은 물체는 대부분 이런 것들이에요.
#
# 논문의 해법은 상자예요. 어떤 물체든 같은 크기로 맞춰 주니까요. 그런데 여기서는 큰 쪽에서만 도움이 돼요. 가장 작은 물체는 자동차까지도 오히려 더 못 찾아요. 이제 온갖 크기를 한꺼번에 배워야 하는데 600스텝으로는 아마 모자랄 거예요. 그러니 이 실험에서 주장이 틀렸다는 것은 알 수 있어도, 상자가 더 낫다고 말할 수는 없어요.

# %% [markdown] lang="en"
# ### One network or several?
#
# Claim 3.8 speaks of several networks, each of which looks at a part of the image. Let us watch what happens in one prediction: we note every square that comes out of the network, merge them ourselves, and compare.

# %% [markdown] lang="ko"
# ### 네트워크는 하나일까요, 여럿일까요?
#
# 주장 3.8은 네트워크 여러 개가 저마다 이미지의 한 부분을 본다고 해요. 예측 한 번에 무슨 일이 일어나는지 지켜볼게요. 네트워크에서 나오는 정사각형을 빠짐없이 모아 두었다가, 직접 합쳐서 패키지의 결과와 비교해 볼게요.

# %% tags=["claim-3.8", "nbval-check-output"]
only, looks = training.switches.load(), []
places = training.proposals.covering(street, 12)
only.seg_score.register_forward_hook(lambda layer, inputs, scores: looks.extend(scores))
merged = training.instancewise.predict(only, street, places, 64)

ours = torch.full((11, *street.shape[1:]), -torch.inf)
for (top, left, bottom, right), scores in zip(places.tolist(), looks):
    pasted = F.interpolate(scores[None], size=(bottom - top, right - left), mode="bilinear", align_corners=False)[0]
    ours[:, top:bottom, left:right] = torch.maximum(ours[:, top:bottom, left:right], pasted)
gap = (ours.softmax(0) - merged).abs().max().item()
print(T(en="networks: 1, boxes:", ko="네트워크: 1개, 상자:"), len(places), "|", T(en="squares that came out of it:", ko="네트워크에서 나온 정사각형:"), len(looks))
print(T(en="merged by maximum, ours against the package:", ko="최댓값으로 합친 결과, 직접 한 것과 패키지의 차이:"), "< 1e-6" if gap < 1e-6 else gap)
exercises.claims.decide("3.8")
assert len(looks) == len(places) == 12 and gap < 1e-6

# %% [markdown] lang="en"
# Half right: parts of the image, yes, but one network, which looks at box after box with the same weights. Two networks come together only in the ensemble with FCN.
#
# ### Easy things first
#
# Claim 3.7 names two aids to training. The one is batch normalisation, 29 times. The other is a **curriculum**: in a first stage every crop has one object in its middle and only that object is labelled, the rest is background (hatched); in a second stage come proposals with everything in them labelled. Here are both kinds of crop.

# %% [markdown] lang="ko"
# 반만 맞았어요. 이미지를 부분으로 나눠 보는 것은 맞지만 네트워크는 하나예요. 같은 가중치로 상자를 차례차례 봐요. 네트워크 두 개를 함께 쓰는 것은 FCN과 앙상블을 만들 때뿐이에요.
#
# ### 쉬운 것부터
#
# 주장 3.7에는 학습을 돕는 방법이 두 가지 나와요. 하나는 29번 들어가는 배치 정규화예요. 다른 하나는 **커리큘럼 학습**(curriculum learning)이에요. 첫 단계의 크롭에는 한가운데에 물체가 하나 있고, 그 물체에만 레이블을 달아요. 나머지는 배경이에요(빗금). 둘째 단계에서는 후보 영역을 쓰고, 그 안에 있는 것에 모두 레이블을 달아요. 두 가지 크롭을 볼게요.

# %% tags=["for-claim-3.7"]
few = datasets.load("streets", "train", size=(128, 192), length=8)
first, second = training.crops.ObjectCrops(few, 64), training.crops.ProposalCrops(few, 64, 25)

def classes(crops):
    """How many classes are labelled in each crop, background and void left out."""
    return [len(set(label.unique().tolist()) - {11, 12}) for _, label in (crops[i] for i in range(len(crops)))]

# %% tags=["look"]
def pair(crops, index):
    image, label = crops[index]
    return [image, torch.where(label == 11, 12, label).clamp(max=11) if crops is first else label]     # en: the background is drawn as void | ko: 배경은 void 색으로 그려요

figures.images([*pair(first, 6), *pair(second, 1), *pair(first, 2), *pair(second, 16)], columns=4,
               titles=[T(en="stage 1", ko="1단계"), T(en="one object", ko="물체 하나"), T(en="stage 2", ko="2단계"), T(en="everything", ko="있는 것 모두")] * 2)

# %% tags=["claim-3.7", "nbval-check-output"]
with torch.device("meta"):
    norms = sum(isinstance(module, nn.BatchNorm2d) for module in models.create("deconvnet", num_classes=21).modules())
print(T(en="batch normalisations:", ko="배치 정규화:"), norms, "|", T(en="classes in a crop of stage 1, at most:", ko="크롭 하나의 클래스 수, 1단계는 많아야:"), max(classes(first)), "|", T(en="of stage 2, at most:", ko="2단계는 많아야:"), max(classes(second)))
for name, with_it, without in ((T(en="batch normalisation", ko="배치 정규화"), "deconvnet", "deconvnet_no_batch_norm"), (T(en="two stages", ko="두 단계"), "two_stages", "one_stage")):
    print(name, T(en="mIoU with", ko="mIoU, 있을 때"), f"{mean(with_it):.1%}", "|", T(en="without", ko="없을 때"), f"{mean(without):.1%}")
exercises.claims.decide("3.7")
assert norms == 29 and max(classes(first)) == 1 < max(classes(second)) and mean("deconvnet") > mean("deconvnet_no_batch_norm")

# %% tags=["look"]
def course(variant):
    """Steps, and the mean over the seeds of the mIoU on the validation split after each."""
    curves = [row["curve"] for row in results["rows"] if row["variant"] == variant]
    return [step for step, _ in curves[0]], [sum(curve[n][1] for curve in curves) / len(curves) for n in range(len(curves[0]))]

figures.lines({T(en="DeconvNet", ko="DeconvNet"): course("deconvnet"), T(en="no batch norm", ko="배치 정규화 없이"): course("deconvnet_no_batch_norm"), T(en="trunk from nothing", ko="몸통도 처음부터"): course("deconvnet_from_nothing"),
               T(en="no switches", ko="스위치 없이"): course("deconvnet_corner")}, as_percent=True, x_label=T(en="steps", ko="스텝"), y_label="mIoU",
              title=T(en="Whole pictures, equal steps: what each part is worth", ko="부품은 저마다 얼마나 보탤까요? 사진은 통째로, 스텝 수는 같아요"))

# %% tags=["look"]
figures.lines({T(en="one stage", ko="한 단계"): course("one_stage"), T(en="two stages", ko="두 단계"): course("two_stages")}, as_percent=True, x_label=T(en="steps of both stages", ko="두 단계를 합친 스텝"), y_label="mIoU",
              title=T(en="Proposals: everything at once, or single objects first", ko="후보 영역으로 배우기, 한꺼번에 또는 물체 하나부터"))

# %% [markdown] lang="en"
# The claim holds: the paper uses both. Whether they help is another question. Batch normalisation does, in every seed, and so does a trunk that has learnt, by about as much. The curriculum does not, at least not here: after the same number of steps two stages stand below one in every seed, though in one of them only just. A third of the steps went into single objects, and 600 are few to begin with. What comes of it after the paper's 60,000 steps, this chapter cannot say. (The curves are measured on validation pictures, in the second figure on single crops of them, and so they end elsewhere than the test results printed above.)

# %% [markdown] lang="ko"
# 맞는 주장이에요. 논문은 둘 다 써요. 도움이 되는지는 다른 문제예요. 배치 정규화는 어느 시드에서나 도움이 돼요. 미리 배운 몸통도 그만큼 도움이 돼요. 커리큘럼은 적어도 여기서는 그렇지 않아요. 스텝 수가 같으면 어느 시드에서나 두 단계로 배운 쪽이 한 단계로 배운 쪽보다 낮아요(한 시드에서는 아주 조금 낮아요). 안 그래도 적은 600스텝 가운데 3분의 1을 물체 하나짜리 크롭에 썼어요. 논문처럼 60,000스텝을 배우면 어떻게 될지 이 장에서는 알 수 없어요. (곡선은 검증 사진으로 쟀고, 둘째 그림은 거기서 잘라 낸 크롭으로 쟀어요. 그래서 곡선의 끝이 위에 나온 테스트 결과와 달라요.)

# %% [markdown] lang="en"
# ## The switch swap
#
# Now the question that the paper does not ask. Two things travel from the encoder to the decoder: the code, and the switches. The story is that the code says *what* and the switches say *where*. Take two pictures, A and B, and decode B's code with A's switches. Whose labels will come out?
#
# Say it before you see it. Then use the lab, and try also the mean code of many pictures, which knows nothing of this one, and a code of zeros. The lab has the network that we opened above, whose code is a small map. The table under it comes from networks like the one you have trained, one for each seed: there DeconvNet's code is a single cell, as in the paper.

# %% [markdown] lang="ko"
# ## 스위치 바꿔 끼우기
#
# 이제 논문이 묻지 않은 것을 물어볼게요. 인코더에서 디코더로 건너가는 것은 두 가지, 코드와 스위치예요. 코드는 *무엇*인지를, 스위치는 *어디*인지를 말한다고들 해요. 사진 A와 B를 골라, B의 코드를 A의 스위치로 디코딩해 보세요. 누구의 레이블이 나올까요?
#
# 해 보기 전에 먼저 골라 보세요. 그런 다음 실험실에서, 여러 사진의 코드를 평균 낸 것(이 사진은 하나도 모르는 코드예요)과 0으로만 채운 코드도 넣어 보세요. 실험실의 네트워크는 위에서 열어 본 것이라 코드가 작은 맵이에요. 그 아래 표는 방금 학습시킨 것과 같은 네트워크를 시드마다 하나씩 써서 만들었어요. 거기서 DeconvNet의 코드는 논문처럼 칸 하나예요.

# %% tags=["lab"]
labs.switch_swap()

# %%
kinds = {"": T(en="own code, own switches", ko="원래 코드, 원래 스위치"), "_other_code": T(en="B's code, A's switches, against A", ko="B의 코드, A의 스위치, A와 비교"),
         "_other_switches": T(en="the same, against B", ko="같은 결과, B와 비교"), "_mean_code": T(en="mean code, own switches", ko="평균 코드, 원래 스위치"),
         "_zero_code": T(en="code of zeros, own switches", ko="0으로 채운 코드, 원래 스위치"), "_random_switches": T(en="own code, random switches", ko="원래 코드, 무작위 스위치")}

def mean_and_sd(variant, metric="miou"):
    values = torch.tensor([row[metric] for row in results["rows"] if row["variant"] == variant], dtype=torch.double)
    return f"{100 * values.mean():.1f} ± {100 * values.std():.1f}"

figures.table([[name, mean_and_sd(f"deconvnet{kind}"), mean_and_sd(f"segnet{kind}")] for kind, name in kinds.items()], [T(en="mIoU, test split", ko="mIoU, 테스트 사진"), "DeconvNet", "SegNet"])

# %% [markdown] lang="en"
# **The picture travels through the switches.** Put B's code in the place of A's: the labels stay A's. Put the mean of many codes there, or zeros, and the DeconvNet of the table does not even notice. Its bottleneck, with the two widest layers of the whole network, is idle. A code with more than one place does a little, as in the lab. SegNet's, the map behind its last pooling, has 2x2: B's code costs it a point or two, a mean code hardly anything,
# and a code of zeros much more, perhaps because its decoder has never seen such a thing. Random switches ruin both networks. And with zeros for a code even the classes can come from the switches alone, so they carry not only *where*: which of four neighbours was the largest, in many channels and at five levels, says a great deal about *what* was there.
#
# What does that mean for the paper's story, in which a network grows a shape out of one cell's knowledge? It does not refute it: our network is narrow and saw 600 drawn streets for 300 steps, where the paper's had millions of crops. Perhaps batch normalisation is to blame, too: at a single cell it has 8 numbers to go by (in the paper's release as well), which makes a code noisy and easy to learn to ignore. But a sharp outline behind a bottleneck proves nothing about the bottleneck, as long as the switches go around it. Only a swap can tell.

# %% [markdown] lang="ko"
# **사진은 스위치를 타고 건너가요.** A의 코드 자리에 B의 코드를 넣어도 레이블은 A의 것 그대로예요. 여러 코드의 평균이나 0을 넣어도 표의 DeconvNet은 알아차리지도 못해요. 네트워크에서 가장 넓은 두 층이 모인 병목이 놀고 있는 셈이에요. 칸이 여러 개인 코드는 실험실에서처럼 일을 조금 해요. SegNet의 코드는 마지막 풀링 뒤의 맵이고 2x2칸이에요. B의 코드를 넣으면 한두 점이 내려가고, 평균 코드를 넣으면 거의 그대로예요.
# 0을 넣으면 훨씬 많이 내려가요. 디코더가 그런 코드를 본 적이 없어서일지도 몰라요. 스위치를 무작위로 바꾸면 두 네트워크 모두 무너져요. 코드에 0만 넣어도 스위치만으로 클래스까지 나와요. 그러니 스위치는 *어디*만 나르는 게 아니에요. 이웃한 네 값 가운데 어느 것이 가장 컸는지를 여러 채널에, 다섯 단계에 걸쳐 적어 두니까 거기 *무엇*이 있었는지도 많이 알려 줘요.
#
# 그렇다면 칸 하나에 담긴 지식에서 모양을 키워 낸다는 논문의 이야기는 어떻게 될까요? 이 결과로 틀렸다고 할 수는 없어요. 여기서 쓴 네트워크는 좁고, 거리 그림 600장으로 300스텝만 배웠어요. 논문의 네트워크는 크롭을 수백만 장 봤고요. 배치 정규화 탓도 있을지 몰라요. 칸이 하나뿐인 병목에서는 숫자 8개만 보고 평균과 퍼진 정도를 재거든요(논문의 공개 코드도 그래요). 그러면 코드가 흔들리고, 네트워크는 그런 코드를 무시하도록 배우기 쉬워요. 그래도 스위치가 병목을 돌아가는 한, 병목 뒤에서 윤곽이 또렷하게 나왔다고 병목이 일했다는 증거는 되지 않아요. 바꿔 끼워 봐야만 알 수 있어요.

# %% [markdown] lang="en"
# ## Does the claim hold?
#
# Now we take out the parts of DeconvNet one by one, with three seeds each. "No switches" puts every number into the upper left corner of its block; "unpool only" has no deconvolutions; "deconvolve only" has no unpooling, and the first deconvolution of each block enlarges the map instead. All networks get the same pictures of 64x64 and 300 steps, and all but one begin with the same trunk: that of FCN-8s in the first line, which took 400 steps. Without batch normalisation the rate is halved, the best of six settings tried with one seed (five rates, and two factors for the trunk's).

# %% [markdown] lang="ko"
# ## 논문의 주장은 성립할까요?
#
# 이번에는 DeconvNet의 부품을 하나씩 빼고 저마다 시드 3개로 학습시켰어요. '스위치 없이'는 값을 모두 블록의 왼쪽 위 칸에 놓아요. '언풀링만'에는 디컨볼루션이 없어요. '디컨볼루션만'에는 언풀링이 없고, 그 대신 블록마다 첫 디컨볼루션이 맵을 키워요. 모두 똑같은 64x64 그림으로 300스텝을 배웠고, 한 줄만 빼고는 처음에 물려받은 몸통도 같아요. 첫 줄에 있는 FCN-8s가 400스텝 동안 배운 몸통이에요. 배치 정규화를 뺀 네트워크는 학습률을 절반으로 줄였어요. 시드 하나로 시험한 설정 여섯 가지 가운데 이게 가장 좋았어요(학습률 다섯 가지와 몸통의 학습률 배수 두 가지를 조합했어요).

# %% tags=["look"]
names = {"fcn8s": "FCN-8s", "deconvnet": "DeconvNet", "deconvnet_corner": T(en="no switches", ko="스위치 없이"), "deconvnet_unpool_only": T(en="unpool only", ko="언풀링만"),
         "deconvnet_deconvolve_only": T(en="deconvolve only", ko="디컨볼루션만"), "deconvnet_no_batch_norm": T(en="no batch norm", ko="배치 정규화 없이"),
         "deconvnet_from_nothing": T(en="trunk from nothing", ko="몸통도 처음부터"), "segnet": "SegNet"}
figures.table([[name, *(mean_and_sd(variant, metric) for metric in ("miou", "boundary_iou", "pole_iou"))] for variant, name in names.items()],
              [T(en="network", ko="네트워크"), "mIoU", T(en="boundary IoU", ko="경계 IoU"), T(en="pole IoU", ko="기둥 IoU")])

# %% tags=["look"]
short = {"deconvnet": "DeconvNet", "deconvnet_corner": T(en="no switch", ko="스위치 없이"), "deconvnet_deconvolve_only": T(en="deconv only", ko="디컨볼만"), "deconvnet_no_batch_norm": T(en="no BN", ko="BN 없이"),
         "segnet": "SegNet"}
figures.compare([row for row in results["rows"] if row["variant"] in short], metrics=("miou", "boundary_iou"), names=short, title=T(en="Each line is one seed", ko="선 하나가 시드 하나예요"))

# %% tags=["nbval-check-output"]
value = {(row["variant"], row["seed"]): row for row in results["rows"]}
for without in ("deconvnet_corner", "deconvnet_unpool_only", "deconvnet_deconvolve_only", "deconvnet_no_batch_norm", "deconvnet_from_nothing"):
    worse = sum(value[without, seed]["miou"] < value["deconvnet", seed]["miou"] for seed in results["seeds"])
    print(names[without], "|", T(en="below DeconvNet in", ko="DeconvNet보다 낮은 시드:"), worse, "/", len(results["seeds"]))

# %% tags=["look"]
print(T(en="the table's run with this seed:", ko="표에서 시드가 같은 결과:"), f"{value['deconvnet', SEED]['miou']:.1%}", "|", T(en="the run above:", ko="위에서 학습한 결과:"), f"{row['miou']:.1%}",
      "|", T(en="apart:", ko="차이:"), f"{100 * abs(row['miou'] - value['deconvnet', SEED]['miou']):.1f}", T(en="points", ko="점"))

# %% [markdown] lang="en"
# ### What it shows, and what it does not
#
# **Every part of the network but the bottleneck is needed here, and the whole is still not better than FCN-8s.** Take out the switches, the deconvolutions, the unpooling, batch normalisation or the trained trunk, and mIoU falls in every seed. What unpooling alone gives is hardly a segmentation: it only places. SegNet, which leaves the bottleneck out, is as good, which fits what the swap has shown: the bottleneck did no work. And FCN-8s, the network that the trunk comes from, is about ten points ahead of them all. Its skip connections lead around the depth, it learns faster, and it finds some poles; DeconvNet does not find a single one.
#
# Nor do the proposals raise mIoU here. Trained on crops of every scale the network does worse than the one that always saw whole scenes, and in two stages worse still. The paper had 60,000 steps for that, we have 600: a curriculum that pays off later is not ruled out, but we have not seen it.
#
# What this small run cannot show: the paper's network is eight times as wide, starts from ImageNet and sees each box at 224x224 pixels. There it reaches 69.6 on VOC 2012 test, where FCN-8s has 62.2. SegNet's authors trained it on road scenes: 59.77 after 260,000 steps, but only 39.69 after 40,000. There, too, it learns slowly.

# %% [markdown] lang="ko"
# ### 알 수 있는 것과 없는 것
#
# **병목 말고는 부품이 모두 필요했어요. 그런데 다 갖춰도 FCN-8s보다 낫지 않아요.** 스위치, 디컨볼루션, 언풀링, 배치 정규화, 학습해 둔 몸통 가운데 무엇을 빼도 어느 시드에서나 mIoU가 떨어져요. 언풀링만 남기면 분할이라고 하기도 어려워요. 자리에 놓기만 하니까요. 병목을 뺀 SegNet은 DeconvNet만큼 좋아요. 스위치를 바꿔 끼웠을 때 본 것과 들어맞아요. 병목은 한 일이 없었거든요. 그리고 몸통을 빌려준 FCN-8s가 그중 가장 좋은 네트워크보다도 10점쯤 앞서요. FCN-8s에는 깊은 층을 돌아가는 스킵 연결이 있고, 더 빨리 배우고, 기둥도 더러 찾아요. DeconvNet은 기둥을 하나도 찾지 못해요.
#
# 후보 영역을 써도 여기서는 mIoU가 올라가지 않아요. 온갖 크기의 크롭으로 배운 네트워크가 늘 장면 전체를 본 네트워크보다 못하고, 두 단계로 배우면 한 단계로 배울 때보다도 못해요. 논문에서는 60,000스텝을 썼고 여기서는 600스텝뿐이에요. 오래 배우면 커리큘럼이 제값을 할 수도 있겠지만, 여기서는 보지 못했어요.
#
# 이 작은 실험으로 알 수 없는 것도 있어요. 논문의 네트워크는 여덟 배 넓고, ImageNet에서 시작하고, 상자 하나하나를 224x224픽셀로 봐요. VOC 2012 test의 mIoU는 그 네트워크가 69.6, FCN-8s가 62.2예요. SegNet 저자들은 도로 사진으로도 DeconvNet을 학습시켜 봤어요. 260,000스텝 뒤에는 59.77이지만 40,000스텝에서는 39.69였어요. 거기서도 천천히 배운 거예요.

# %% [markdown] lang="en"
# ## Exercises
#
# Four with a checker, one open. `check` draws random inputs and compares you with the course's own operation and with torch; `hint` gives the next hint; `solution` shows the code.

# %% [markdown] lang="ko"
# ## 연습 문제
#
# 네 문제는 자동으로 채점하고, 나머지 하나는 열린 문제예요. `check`는 입력을 무작위로 뽑아 여러분의 답을 강의 패키지의 연산, torch의 답과 비교해요. `hint`는 다음 힌트를, `solution`은 풀이를 보여 줘요.

# %% [markdown] lang="en"
# ### 1 · Pool and remember

# %% [markdown] lang="ko"
# ### 1 · 풀링하고 자리 기억하기

# %%
exercises.deconvnet.pool_and_remember.question()

# %% tags=["stub:deconvnet.pool_and_remember"]
#

# %%
exercises.deconvnet.pool_and_remember.check(pool_and_remember)

# %% [markdown] lang="en"
# ### 2 · Back to where it came from

# %% [markdown] lang="ko"
# ### 2 · 있던 자리로 되돌리기

# %%
exercises.deconvnet.put_back.question()

# %% tags=["stub:deconvnet.put_back"]
#

# %%
exercises.deconvnet.put_back.check(put_back)

# %% [markdown] lang="en"
# ### 3 · A deconvolution that enlarges nothing

# %% [markdown] lang="ko"
# ### 3 · 아무것도 키우지 않는 디컨볼루션

# %%
exercises.deconvnet.as_convolution.question()

# %% tags=["stub:deconvnet.as_convolution"]
#

# %%
exercises.deconvnet.as_convolution.check(as_convolution)

# %% [markdown] lang="en"
# ### 4 · Many proposals, one map

# %% [markdown] lang="ko"
# ### 4 · 후보 영역은 여럿, 맵은 하나

# %%
exercises.deconvnet.merge_proposals.question()

# %% tags=["stub:deconvnet.merge_proposals"]
#

# %%
exercises.deconvnet.merge_proposals.check(merge_proposals)

# %% [markdown] lang="en"
# ### 5 · What travels through the switches?

# %% [markdown] lang="ko"
# ### 5 · 스위치를 타고 가는 것은 무엇일까요?

# %%
exercises.deconvnet.open_swap.question()

# %% [markdown] lang="en"
# ## In one breath
#
# 1. Max pooling keeps the largest number and forgets where it stood. A switch writes the place down, and unpooling puts the number back there.
# 2. Unpooling is the transpose of pooling and not its inverse: unpool and then pool, and what was not negative is there again; pool and then unpool, and three numbers of four are gone.
# 3. Not one of DeconvNet's 3x3 deconvolutions enlarges anything. Each is a convolution written the other way round, and fills in what unpooling left empty.
# 4. A map that shrinks to a single cell is one more window of fixed size. It is the object proposals that bring large and small things to one size: one network looks at every box, and where boxes overlap the maximum counts.
# 5. Two things go from encoder to decoder, the code and the switches. Which of them carries what, the paper does not ask; swap them between two pictures and you see it. Here nearly everything travelled through the switches.

# %% [markdown] lang="ko"
# ## 한눈에 정리하기
#
# 1. 최대 풀링은 가장 큰 값만 남기고 그 자리를 잊어버려요. 스위치에 자리를 적어 두면 언풀링이 값을 그 자리에 되돌려 놓아요.
# 2. 언풀링은 풀링의 전치이지 역연산이 아니에요. 언풀링하고 나서 풀링하면 음수가 아닌 값은 그대로 돌아와요. 풀링하고 나서 언풀링하면 숫자 넷 중 셋이 사라져요.
# 3. DeconvNet의 3x3 디컨볼루션 가운데 맵을 키우는 것은 하나도 없어요. 거꾸로 적은 합성곱일 뿐이고, 언풀링이 비워 둔 자리를 채워요.
# 4. 칸 하나까지 줄인 맵도 크기가 정해진 창이기는 마찬가지예요. 크고 작은 물체를 같은 크기로 맞춰 주는 것은 후보 영역이에요. 네트워크 하나가 상자를 모두 들여다보고, 상자가 겹치는 곳에서는 최댓값을 써요.
# 5. 인코더에서 디코더로 건너가는 것은 코드와 스위치, 두 가지예요. 논문은 어느 쪽이 무엇을 나르는지 묻지 않아요. 사진 두 장의 스위치를 바꿔 끼워 보면 알 수 있어요. 여기서는 거의 모든 것이 스위치를 타고 건너갔어요.

# %% tags=["nbval-check-output"]
keys = ["deconvnet.deconvnet.voc2012_test", "deconvnet.deconvnet_crf.voc2012_test", "deconvnet.ensemble.voc2012_test", "deconvnet.ensemble_crf.voc2012_test",
        "deconvnet.deconvnet.camvid", "deconvnet.fc1024.miou", "segnet.segnet.miou", "segnet.basic.miou", "segnet.basic_bilinear.miou"]
names = ["DeconvNet", "DeconvNet + CRF", "DeconvNet + FCN-8s", "DeconvNet + FCN-8s + CRF", "DeconvNet", T(en="DeconvNet, 1024 channels in fc6 and fc7", ko="DeconvNet, fc6과 fc7의 채널 1024개"),
         "SegNet", "SegNet-Basic", T(en="its encoder, bilinear interpolation, no decoder to learn", ko="SegNet-Basic의 인코더와 쌍선형 보간, 학습하는 디코더 없이")]
figures.table([[name, number.printed, number.data, number.source] for name, key in zip(names, keys) for number in [published.get(key)]],
              [T(en="network", ko="네트워크"), "mIoU", T(en="data", ko="데이터"), T(en="source", ko="출처")])

# %% [markdown] lang="en"
# These numbers come from different data sets: compare only rows with the same data. CamVid shows why: DeconvNet has 48.9 in one source and 59.77 in another, where it had 1024 channels in fc6 and fc7, 3433 road scenes to learn from and 260,000 steps. After 40,000 of them it stood at 39.69: a network as deep as this learns slowly.
#
# **What came next.** SegNet leaves out fc6 and fc7 and keeps the switches. In that same comparison it comes to 60.10 after 140,000 steps, with 29.5M parameters where the full DeconvNet has 252M. Other networks send whole maps across instead of places: U-Net hands the encoder's maps to the decoder and concatenates them (chapter 06). FRRN carries one stream along at full resolution, so that nothing has to be brought back (chapter 05).
#
# **Read on.** Zeiler and Fergus, *Visualizing and Understanding Convolutional Networks*, ECCV 2014, which used switches to look inside a network; Badrinarayanan, Kendall and Cipolla, *SegNet*, PAMI 2017; Zitnick and Dollár, *Edge Boxes*, ECCV 2014; Ioffe and Szegedy, *Batch Normalization*, ICML 2015.

# %% [markdown] lang="ko"
# 이 표에는 서로 다른 데이터에서 나온 숫자가 섞여 있어요. 데이터가 다른 줄끼리 비교하면 안 돼요. 왜 그런지는 CamVid만 봐도 알 수 있어요. DeconvNet의 값이 한 출처에는 48.9, 다른 출처에는 59.77로 나와요. 뒤의 것은 fc6과 fc7의 채널을 1024개로 줄이고 도로 사진 3433장으로 260,000스텝을 학습한 결과예요. 40,000스텝에서는 39.69였어요. 이렇게 깊은 네트워크는 천천히 배워요.
#
# **그다음 이야기.** SegNet은 fc6과 fc7을 빼고 스위치만 남겼어요. 같은 비교에서 140,000스텝 만에 60.10까지 올라가요. 파라미터는 29.5M이에요. 원래 크기의 DeconvNet은 252M이고요. 자리만 적어 보내는 대신 맵을 통째로 건네는 네트워크도 있어요. U-Net은 인코더의 맵을 디코더로 넘겨서 이어 붙여요(06장). FRRN은 해상도를 그대로 지키는 스트림을 따로 두어서, 애초에 되살릴 것이 없어요(05장).
#
# **더 읽을거리.** 스위치로 네트워크 속을 들여다본 Zeiler와 Fergus의 *Visualizing and Understanding Convolutional Networks*(ECCV 2014), Badrinarayanan, Kendall, Cipolla의 *SegNet*(PAMI 2017),
# Zitnick과 Dollár의 *Edge Boxes*(ECCV 2014), Ioffe와 Szegedy의 *Batch Normalization*(ICML 2015).

# %%
progress()

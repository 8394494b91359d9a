# ---
# chapter: "00"
# name: pixels
# minutes: {reading: 60, running: 1}
# needs: []
# ---

# %% [markdown] lang="en"
# # 00 · Pixels and scores: how to be right about a picture
#
# **A network names every pixel of a picture. How do we tell it what is right, and how do we say how right it was?**
#
# You need: Python, and one small network trained before.
#
# The scores are those of J. Long, E. Shelhamer, T. Darrell, *Fully Convolutional Networks for Semantic Segmentation*, CVPR 2015, section 5. The classes are those of CamVid: G. Brostow, J. Fauqueur, R. Cipolla,
# *Semantic object classes in video*, Pattern Recognition Letters 2009.

# %% [markdown] lang="ko"
# # 00 · 픽셀과 평가 지표, 그림을 맞힌다는 것
#
# **네트워크가 사진의 픽셀마다 이름을 붙여요. 어떤 이름이 맞는지는 어떻게 가르치고, 얼마나 맞혔는지는 어떻게 잴까요?**
#
# 파이썬을 알고, 작은 네트워크를 한 번이라도 학습시켜 봤다면 충분해요.
#
# 평가 지표는 J. Long, E. Shelhamer, T. Darrell, *Fully Convolutional Networks for Semantic Segmentation*, CVPR
# 2015의 5절을 따라요. 클래스는 CamVid에서 가져왔어요(G. Brostow, J. Fauqueur, R. Cipolla, *Semantic object classes in video*,
# Pattern Recognition Letters 2009).

# %% tags=["setup"]
import torch
from skimage import measure
from torch import nn
from torch.nn import functional as F

from segcourse import datasets, exercises, figures, labs, models, ops, progress, published, show, training

torch.set_num_threads(2)
torch.manual_seed(0)

names = datasets.palettes.CAMVID.names()
streets = datasets.load("streets", "test", size=(128, 192))
street, truth = streets[29]
busy, busy_truth = streets[37]

# %% tags=["look"]
figures.images([street, truth], titles=[T(en="A street ...", ko="거리 그림 한 장"), T(en="... and the right answer: 24,576 names", ko="정답은 이름 24,576개")])

# %% [markdown] lang="en"
# ## The problem: mostly right, and blind
#
# Here are two predictions for one street. One forgets every single object: poles, signs, fences, people, cars. The other sees everything, and draws it 4 pixels too far to the right. Which of them would you want
# in your car?

# %% [markdown] lang="ko"
# ## 거의 다 맞혔는데 정작 못 보는 문제
#
# 여기 거리 그림 한 장을 보고 낸 예측이 두 개 있어요. 하나는 물체를 모두 빠뜨렸어요. 기둥도, 표지판도, 울타리도, 사람도, 자동차도 없어요. 다른 하나는 빠짐없이 그렸지만 전부
# 오른쪽으로 4픽셀 밀려 있어요. 내 자동차에 단다면 어느 쪽을 고르겠어요?

# %%
objects = torch.isin(busy_truth, torch.tensor([2, 6, 7, 8, 9, 10]))
blind = busy_truth.clone()
for x in range(1, 192):     # en: an object takes the name of what is on its left | ko: 물체는 왼쪽에 있는 것의 이름을 물려받아요
    blind[:, x] = torch.where(objects[:, x], blind[:, x - 1], busy_truth[:, x])
shifted = busy_truth[:, (torch.arange(192) - 4).clamp(min=0)]     # en: to the right, the edge repeated | ko: 오른쪽으로 밀고, 가장자리는 되풀이해요

answers = {T(en="blind", ko="물체를 못 보는 예측"): blind, T(en="shifted", ko="밀린 예측"): shifted}
figures.images([busy, busy_truth, *answers.values()], columns=2, titles=[T(en="picture", ko="그림"), T(en="truth", ko="정답"), *answers])

# %% tags=["nbval-check-output"]
for name, answer in answers.items():
    print(name, "|", T(en="pixels that are right:", ko="맞은 픽셀:"), f"{(answer == busy_truth).float().mean():.1%}")

# %% [markdown] lang="en"
# By the share of right pixels the two are nearly the same, and the blind one is *ahead*. A score that prefers it is not wrong; it answers another question than yours. By the end of this chapter you will know which score asks what, and how the same
# choice sits in the loss with which a network is trained.

# %% [markdown] lang="ko"
# 맞은 픽셀의 비율만 보면 둘은 거의 같아요. 오히려 물체를 못 보는 쪽이 *앞서요*. 지표가 틀린 것은 아니에요. 우리가 알고 싶은 것과 다른 질문에 답했을 뿐이에요. 이 장을 마치면
# 지표마다 무엇을 묻는지 알게 돼요. 네트워크를 학습시키는 손실에도 똑같은 선택이 숨어 있다는 것까지요.

# %% [markdown] lang="en"
# ## Say it before you see it
#
# This course grew out of lecture notes that are lively, and wrong in a few places where learners go wrong too. Their opening makes three claims, here in our words. Decide *now*, before the cells below do: does each of them hold, is it half right, or
# does it fail?

# %% [markdown] lang="ko"
# ## 실행하기 전에 골라 보기
#
# 이 강의는 한 강의 노트에서 출발했어요. 생생하고 좋은 노트지만, 배우는 사람이 자주 헷갈리는 바로 그 대목에서 노트도 몇 군데 틀렸어요. 노트 첫머리에는 주장이 세 개 나와요. 말만 조금
# 다듬어 한 줄씩 적었어요. 아래 셀이 결론을 내기 전에 *지금* 골라 보세요. 맞을까요, 반만 맞을까요, 틀릴까요?

# %% tags=["look"]
exercises.claims.sheet("00")

# %% [markdown] lang="en"
# ## A decision for every pixel
#
# **Semantic segmentation** gives each pixel one of a fixed list of classes, here CamVid's 11. For one pixel that is ordinary classification: 11 numbers, called **logits**, one for each class; the largest wins. A segmentation network
# makes this decision at all 24,576 pixels at once, so it gives a stack of 11 maps as large as the picture.
#
# What it does *not* do is count. Two cars that touch are one patch of "car". Telling them apart is **instance segmentation**; doing both, a class for every pixel and a number for every thing that can be counted, is **panoptic segmentation**. This
# course is about the first.

# %% [markdown] lang="ko"
# ## 픽셀마다 내리는 결정
#
# **의미론적 분할**(semantic segmentation)은 미리 정해 둔 클래스 가운데 하나를 픽셀마다 붙이는 일이에요. 시맨틱 세그멘테이션이라고도 하고, 이 강의에서는 짧게 분할이라고
# 부를게요. 여기서는 CamVid의 클래스 11개를 써요. 픽셀 하나만 보면 평범한 분류예요. 클래스마다 숫자가 하나씩, 모두 11개 나오고 그중 가장 큰 쪽을 골라요. 이 숫자를
# **로짓**(logit)이라고 해요. 분할 네트워크는 픽셀 24,576개를 한꺼번에 이렇게 결정해요. 그래서 출력은 그림과 크기가 같은 맵을 11장 쌓은 모양이에요.
#
# 분할이 *하지 않는* 일도 있어요. 개수는 세지 않아요. 자동차 두 대가 맞닿아 있으면 그냥 '자동차' 한 덩어리예요. 둘을 따로 나누는 일은 **인스턴스 분할**(instance
# segmentation)이라고 해요. 픽셀마다 클래스를 붙이고, 셀 수 있는 것에는 번호까지 매기면 **파놉틱 분할**(panoptic segmentation)이에요. 이 강의는 의미론적 분할을
# 다뤄요.

# %% tags=["claim-0.1", "nbval-check-output"]
network = models.create("pixelnet", num_classes=11).eval()
nn.init.normal_(network.score.weight)     # en: it starts at 0, and all classes would tie | ko: 0에서 시작하면 모든 클래스가 비겨요
with torch.no_grad():
    logits = network(datasets.normalise(street[None]))
decision = logits.argmax(1)[0]     # en: the class of each pixel | ko: 픽셀마다 고른 클래스
print(T(en="logits", ko="로짓"), tuple(logits.shape), "->", T(en="decisions", ko="결정"), tuple(decision.shape))
print(T(en="logits at one pixel:", ko="픽셀 하나의 로짓 수:"), len(logits[0, :, 30, 40]))

car = truth == 8
patches = measure.label(car.numpy(), connectivity=1).max()
things = len(streets.instance(29)[car].unique())
print(T(en="patches of 'car' in the label map:", ko="레이블 맵에서 '자동차' 덩어리 수:"), patches, "|", T(en="cars in the scene:", ko="장면에 있는 자동차 수:"), things)
exercises.claims.decide("0.1")
assert decision.shape == truth.shape and (patches, things) == (1, 2)

# %% tags=["look"]
figures.images([street, truth, streets.instance(29).float()], titles=[
    T(en="picture", ko="그림"), T(en="semantic: one patch of car", ko="의미론적 분할, 자동차 한 덩어리"), T(en="instance: two cars, two poles", ko="인스턴스 분할, 자동차 두 대와 기둥 두 개")])

# %% [markdown] lang="en"
# The second map and the third together are the panoptic answer: a class for every pixel, and which of the cars.
#
# ## The target: an index, and a vector
#
# What should the network say at a pixel of road? All of its belief on road: a vector with a 1 at "road" and a 0 everywhere else, the **one-hot vector**. It is as long as there are classes. On disk it is never stored; one byte with
# the *index* of the class says the same.
#
# Two pixels are special. **Background**, where a data set has it, is a class like any other: the network must say it. In PASCAL VOC it is class 0, beside 20 kinds of objects. **Void** is not a class: nobody knows, or nobody wants to say, what is there. Its vector has no 1, it costs nothing, and it counts for nothing. A network still says *something* there; nobody judges it.

# %% [markdown] lang="ko"
# 둘째 맵과 셋째 맵을 합치면 파놉틱 분할의 답이 돼요. 픽셀마다 클래스가 있고, 어느 자동차인지도 알 수 있어요.
#
# ## 정답은 번호이자 벡터
#
# 도로 픽셀에서 네트워크는 어떤 답을 내야 할까요? 확신을 모두 도로에 걸어야 해요. '도로' 자리만 1이고 나머지는 모두 0인 벡터로 적을 수 있어요. 이런 벡터를
# **원-핫 벡터**(one-hot vector)라고 해요. 길이는 클래스 수와 같아요. 그렇다고 벡터를 파일에 저장하지는 않아요. 클래스 *번호* 하나를 1바이트로 적어도 뜻이 같으니까요.
#
# 특별한 픽셀이 두 가지 있어요. **배경**(background)이 있는 데이터라면, 배경도 다른 것과 똑같은 클래스예요. 네트워크가 배경이라고 답해야 맞아요. PASCAL VOC에서는
# 물체 20종 앞에 배경이 0번 클래스로 있어요. **무시 레이블**(void)은
# 클래스가 아니에요. 무엇인지 아무도 모르거나, 일부러 정하지 않은 픽셀에 붙여요. 벡터에 1이 하나도 없어서 손실에도 지표에도 들어가지 않아요.
# 그런 픽셀에서도 네트워크는 *무언가* 답하지만, 아무도 채점하지 않아요.

# %% tags=["nbval-check-output"]
patch = torch.tensor([[3, 3, 8], [3, 11, 8]])     # en: road, car, one void pixel | ko: 도로와 자동차, 무시 픽셀 하나
for y in range(2):
    for x in range(3):
        index = patch[y, x].item()
        vector = [0] * 11
        if index != 11:
            vector[index] = 1
        print((y, x), index, vector)
assert torch.equal(ops.one_hot(patch, 11, void=11)[:, 0, 0], torch.tensor([0., 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]))

# %% [markdown] lang="en"
# Now to what it costs to be wrong. **Softmax** turns the logits into probabilities: $p_c = e^{z_c} / \sum_k e^{z_k}$. The **cross-entropy** of a pixel multiplies each $-\log p_c$ with the entry of its one-hot vector. All but one of the entries are 0, so one term is left:
# $-\log p$ of the true class. By hand, for three classes:

# %% [markdown] lang="ko"
# 이제 틀리면 얼마나 손해인지 정할 차례예요. **소프트맥스**(softmax)는 로짓을 확률로 바꿔요. 식은 $p_c = e^{z_c} / \sum_k e^{z_k}$예요. 픽셀의
# **교차 엔트로피**(cross-entropy)는 클래스마다 $-\log p_c$에 원-핫 벡터의 값을 곱하고 모두 더한 값이에요. 벡터는 한 자리만 빼고 모두 0이니까, 정답 클래스의
# $-\log p$만 남아요. 클래스 세 개로 직접 계산해 볼게요.

# %% tags=["nbval-check-output"]
from math import exp, log

pixel_logits, true_class = [2.0, 1.0, -1.0], 1
exponentials = [exp(z) for z in pixel_logits]
probabilities = [e / sum(exponentials) for e in exponentials]
loss = -log(probabilities[true_class])
print(T(en="probabilities:", ko="확률:"), [round(p, 3) for p in probabilities], "|", T(en="loss:", ko="손실:"), round(loss, 4))

z, t = torch.tensor(pixel_logits).double().view(1, 3, 1, 1), torch.tensor([[[true_class]]])
ours, torchs = ops.cross_entropy(z, t).item(), F.cross_entropy(z, t).item()
print(T(en="by hand, ours, torch: largest difference", ko="손으로 구한 값, ops, torch의 가장 큰 차이"), "< 1e-12" if max(abs(loss - ours), abs(loss - torchs)) < 1e-12 else (ours, torchs))
assert abs(loss - ours) < 1e-12 and abs(loss - torchs) < 1e-12

# %% [markdown] lang="en"
# One trap: $e^{800}$ is too large for any float. Taking the largest logit off all of them first changes no probability, and then nothing can overflow; `ops.log_softmax` and torch both do it.

# %% [markdown] lang="ko"
# 함정이 하나 있어요. $e^{800}$은 어떤 실수형에도 담기지 않아요. 가장 큰 로짓을 모두에서 먼저 빼면 확률은 그대로이고, 넘칠 일도 없어요. `ops.log_softmax`도 torch도 그렇게 해요.

# %% tags=["claim-0.2", "nbval-check-output"]
generator = torch.Generator().manual_seed(0)
logits = torch.randn(1, 11, 128, 192, generator=generator, dtype=torch.double)
labels = truth[None].long()
labels[0, :8] = 11     # en: pretend that nobody knows the top rows | ko: 맨 위 몇 줄은 아무도 모른다고 쳐요

vectors = ops.one_hot(labels, 11, void=11)
from_vectors = -(vectors * logits.log_softmax(1)).sum(1)
from_indices = F.cross_entropy(logits, labels, ignore_index=11, reduction="none")
gap = (from_vectors - from_indices).abs().max().item()
print(T(en="one pixel's target:", ko="픽셀 하나의 정답 벡터:"), vectors[0, :, 100, 20].int().tolist())
print(T(en="sums of the vectors:", ko="벡터마다 값을 더하면:"), sorted(vectors.sum(1).unique().int().tolist()), "|", T(en="void pixels:", ko="무시 픽셀:"), int((vectors.sum(1) == 0).sum()))
print(T(en="cross-entropy from vectors against that from indices:", ko="벡터로 구한 교차 엔트로피와 번호로 구한 값의 차이:"), "< 1e-12" if gap < 1e-12 else gap)
exercises.claims.decide("0.2")
assert vectors.shape[1] == 11 and int((vectors.sum(1) == 0).sum()) == 8 * 192 and gap < 1e-12

# %% [markdown] lang="en"
# Claim 0.2 holds. Keep one consequence in mind: a network that has no idea gives every class the same logit, so its loss is $\log 11$, about 2.4. A first loss far above that means that something is broken before training has begun.
#
# ## Where a pixel is
#
# Pictures and label maps get resized all the time: to fit a network, to fit a batch, and inside every network of this course. So it must be clear *where* a pixel is. A pixel is a small square, and its value belongs to the square's **centre**. Enlarge a row of 4 pixels to 8, and the new centres fall *between* the
# old ones: new pixel $i$ has its centre at $(i + 0.5) \cdot 4/8$ on the old ruler, and $0.5$ less where old centres are numbered 0, 1, 2, 3.

# %% [markdown] lang="ko"
# 주장 0.2는 맞아요. 여기서 한 가지만 기억해 두세요. 아무것도 모르는 네트워크는 모든 클래스에 똑같은 로짓을 줘요. 그때 손실이 $\log 11$, 약 2.4예요. 첫 손실이 이보다 훨씬
# 크다면 학습을 시작하기도 전에 어딘가 고장 난 거예요.
#
# ## 픽셀은 어디에 있을까요?
#
# 그림과 레이블 맵은 수시로 크기가 바뀌어요. 네트워크에 맞추고, 배치에 맞추고, 이 강의에 나오는 네트워크 안에서도 바뀌어요. 그러니 픽셀이 *어디에* 있는지부터 분명히 해야 해요. 픽셀은 작은
# 정사각형이고, 픽셀의 값은 정사각형 **중심**의 값이에요. 픽셀 4개짜리 줄을 8개로 늘리면 새 중심은 원래 중심 *사이*에 놓여요. 새 픽셀 $i$의
# 중심은 원래 자로 재서 $(i + 0.5) \cdot 4/8$이에요. 원래 중심에 0, 1, 2, 3 번호를 매기려면 여기서 $0.5$를 빼요.

# %% tags=["look"]
figures.pixel_centres(4, 8, title=T(en="Twice as many pixels: no new centre stands on an old one", ko="픽셀을 두 배로 늘리면 새 중심은 모두 원래 중심 사이에 놓여요"))

# %% tags=["nbval-check-output"]
old, by_hand = [10.0, 20.0, 60.0, 40.0], []
for i in range(8):
    place = min(max((i + 0.5) * 4 / 8 - 0.5, 0), 3)     # en: never beyond the outermost centres | ko: 맨 끝 중심을 넘지 않아요
    left = min(int(place), 2)
    part = place - left
    by_hand.append((1 - part) * old[left] + part * old[left + 1])
print(by_hand)

row = torch.tensor([old], dtype=torch.double)
print(T(en="new centres, on the old axis:", ko="원래 줄에서 잰 새 중심의 자리:"), ops.sample_points(4, 8).tolist())
print(T(en="with align_corners:", ko="align_corners를 켜면:"), [round(p, 2) for p in ops.sample_points(4, 8, align_corners=True).tolist()])
larger = ops.resize(row, (1, 8))
assert larger[0].tolist() == by_hand
gap = (larger - F.interpolate(row[None, None], size=(1, 8), mode="bilinear", align_corners=False)[0, 0]).abs().max().item()
print(T(en="ops.resize against F.interpolate:", ko="ops.resize와 F.interpolate의 차이:"), "< 1e-12" if gap < 1e-12 else gap)
assert gap < 1e-12

# %% tags=["look"]
figures.grids([(row, "input", T(en="4 pixels", ko="픽셀 4개")), (larger, "output", T(en="8 pixels: weighted means, the two ends copied", ko="픽셀 8개, 가중 평균이고 양 끝은 그대로"))], operators=("→",))

# %% [markdown] lang="en"
# `align_corners=True` puts the *corner* centres on each other instead, and the steps become 3/7. Neither is wrong, but a network trained with one and tested with the other sees everything slightly displaced. This course goes by centres everywhere.
#
# ### Labels are not numbers
#
# **Bilinear interpolation** takes means. The mean of sky (0) and car (8) is 4, and 4 is pavement. A class number is a name, not a quantity; labels are resized by **nearest**: each new pixel takes over the name of the old pixel in whose square its centre lies. Beware: torch's
# `mode="nearest"` looks from the pixel's corner; `"nearest-exact"` goes by centres.

# %% [markdown] lang="ko"
# 앞에서는 정사각형이 덮는 길이를 맞췄어요. `align_corners=True`로 두면 그 대신 *모서리* 픽셀의 중심끼리 맞춰요. 그러면 간격이 3/7이 돼요. 어느 쪽도 틀리지 않아요.
# 하지만 한쪽으로 학습하고 다른 쪽으로 시험하면, 네트워크에는 모든 것이 조금씩 밀려 보여요. 이 강의에서는 언제나 앞의 방법을 써요.
#
# ### 레이블은 수가 아니라 이름
#
# **쌍선형 보간**(bilinear interpolation)은 평균을 내요. 하늘(0)과 자동차(8)의 평균은 4인데, 4는 보도예요. 클래스 번호는 양이 아니라 이름이에요. 그래서 레이블
# 맵의 크기를 바꿀 때는 **최근접**(nearest) 방식을 써요. 새 픽셀의 중심이 원래 어느 픽셀 안에 들어오는지 보고, 그 픽셀의 이름을 그대로 가져와요. 조심하세요. torch의
# `mode="nearest"`는 픽셀의 모서리에서 보고, `"nearest-exact"`가 중심에서 봐요.

# %% tags=["nbval-check-output"]
size = (96, 144)
by_names = ops.resize(truth, size, mode="nearest")
by_means = ops.resize(truth.float(), size).round().to(torch.uint8)

def named(label_map):
    return {names[c] for c in label_map.unique().tolist()}

print(T(en="classes in the scene:", ko="장면에 있는 클래스 수:"), len(named(truth)), "|", T(en="after nearest:", ko="최근접으로 줄이면:"), len(named(by_names)))
print(T(en="what interpolation made up:", ko="보간이 지어낸 클래스:"), ", ".join(sorted(named(by_means) - named(truth))))
assert named(by_names) == named(truth) and named(by_means) > named(truth)

# %% tags=["look"]
window = (slice(40, 88), slice(60, 132))
figures.images([by_names[window], by_means[window]], columns=2, titles=[T(en="nearest: only names that were there", ko="최근접, 원래 있던 이름만 남아요"), T(en="bilinear: seams of wrong names", ko="쌍선형, 경계에 틀린 이름이 생겨요")])

# %% [markdown] lang="en"
# Nearest makes nothing up. It can lose, though: shrink far enough, and a pole falls between the centres.
#
# ## Counting: the confusion matrix
#
# Nearly every score of this course is made of one table, the **confusion matrix**: entry $n_{ij}$ counts the pixels of true class $i$ that were predicted as $j$. Void pixels are never counted. By hand, for three classes and one void pixel (-1 here):

# %% [markdown] lang="ko"
# 최근접 방식은 아무것도 지어내지 않아요. 다만 잃을 수는 있어요. 많이 줄이면 기둥이 중심 사이로 빠져 버려요.
#
# ## 세어 보는 표, 혼동 행렬
#
# 이 강의의 평가 지표는 거의 모두 표 하나에서 나와요. 바로 **혼동 행렬**(confusion matrix)이에요. $n_{ij}$는 정답이 $i$인 픽셀 가운데 $j$라고 예측한 픽셀의
# 수예요. 무시 픽셀은 세지 않아요. 클래스 세 개와 무시 픽셀 하나(여기서는 -1)로 직접 세어 볼게요.

# %% tags=["nbval-check-output"]
true_map = [[0, 0, 0, 0, 0], [0, 1, 1, 2, 0], [1, 1, 1, 2, -1], [1, 1, 1, 2, 1]]
said_map = [[0, 0, 0, 0, 0], [0, 0, 1, 1, 0], [1, 1, 1, 2, 2], [1, 1, 1, 2, 1]]

table = [[0] * 3 for _ in range(3)]
for true_row, said_row in zip(true_map, said_map):
    for i, j in zip(true_row, said_row):
        if i != -1:
            table[i][j] += 1

right = sum(table[c][c] for c in range(3))
print(table, "|", T(en="pixel accuracy:", ko="픽셀 정확도:"), f"{right}/{sum(map(sum, table))}")
for c in range(3):
    hit, true_pixels, said_pixels = table[c][c], sum(table[c]), sum(r[c] for r in table)
    print(T(en="class", ko="클래스"), c, "IoU =", f"{hit} / ({true_pixels} + {said_pixels} - {hit}) = {hit / (true_pixels + said_pixels - hit):.3f}")

counted = ops.confusion_matrix(torch.tensor(true_map), torch.tensor(said_map), 3, void=-1)
scores = training.Scores.from_labels(torch.tensor(said_map), torch.tensor(true_map), 3, void=-1)
print("ops:", counted.tolist() == table, "|", "mIoU", f"{scores.miou:.3f}")
assert counted.tolist() == table and abs(scores.pixel_accuracy - right / 19) < 1e-12

# %% tags=["look"]
void = torch.tensor(true_map) == -1
figures.grids([(true_map, "input", T(en="truth, void hatched", ko="정답, 빗금은 무시 픽셀")), (said_map, "output", T(en="prediction", ko="예측")), (table, "plain", T(en="row truth, column said", ko="행 정답, 열 예측"))],
              operators=("", "→"), hatches=[void, None, None], highlights=[None, None, [(0, 0), (1, 1), (2, 2)]])

# %% [markdown] lang="en"
# **Pixel accuracy** is the diagonal over everything. **IoU** of a class (intersection over union, or Jaccard index) divides the pixels that both call by its name by the pixels that *either* does: $n_{ii} / (t_i + \sum_j n_{ji} - n_{ii})$, with $t_i$ the sum of row $i$. It is punished on both sides, for what was
# missed and for what was claimed. The mean over the classes is **mIoU**, and each class has one vote, however few its pixels are.
#
# Looking at the true pixels alone gives **recall**, $n_{ii}/t_i$; its mean over the classes is what FCN calls *mean accuracy*. **Frequency-weighted IoU** gives each class as many votes as it has pixels. **Dice**, which you
# will meet in medical papers, is $2n_{ii}/(t_i + \sum_j n_{ji})$, that is 2 IoU / (1 + IoU): for one class it ranks predictions just as IoU does.

# %% [markdown] lang="ko"
# **픽셀 정확도**(pixel accuracy)는 대각선의 합을 표 전체의 합으로 나눈 값이에요. **IoU**(intersection over union, 자카드 지수)는 클래스마다 구해요.
# 정답과 예측이 모두 그 클래스인 픽셀 수를, *하나라도* 그 클래스인 픽셀 수로 나눠요. 식은 $n_{ii} / (t_i + \sum_j n_{ji} - n_{ii})$이고, $t_i$는
# $i$행의 합이에요. 놓쳐도 깎이고, 없는 것을 있다고 해도 깎여요. 클래스의 IoU를 모두 평균 내면 **평균 IoU**(mIoU)예요. 픽셀이 아무리 적은 클래스라도 똑같이 한 표예요.
#
# 정답 픽셀만 보면 **재현율**(recall) $n_{ii}/t_i$예요. 클래스 평균을 FCN 논문에서는 *mean accuracy*라고 불러요. **빈도 가중 IoU**(frequency-weighted IoU)는 클래스마다
# 픽셀 수만큼 표를 줘요. 의료 논문에 자주 나오는 **다이스**(Dice)는 $2n_{ii}/(t_i + \sum_j n_{ji})$예요. 고쳐 쓰면 2 IoU / (1 + IoU)라서, 클래스 하나만 보면 순위가 IoU와 똑같아요.

# %% [markdown] lang="en"
# ### Which classes are rare?
#
# Segmentation drives cars: CamVid was filmed from one, and its 11 classes are what a driver must tell apart. That it *is* used no cell can prove; what a cell can show is what the use demands
# of a score. People, poles and signs must not be missed, and they are rare. Here are the shares of the classes in 200 of our drawn streets, and a very lazy prediction: everything is
# whatever is commonest.

# %% [markdown] lang="ko"
# ### 드문 클래스는 무엇일까요?
#
# 분할은 자율 주행에 쓰여요. CamVid도 달리는 자동차에서 찍었고, 클래스 11개는 운전자가 구별해야 하는 것들이에요. *쓰인다는* 사실은
# 셀로 증명할 수 없지만, 쓰려면 지표가 무엇을 물어야 하는지는 보여 줄 수 있어요. 사람과 기둥, 표지판은 놓치면 안 되는데 드물어요. 강의 패키지로 그린 거리 그림 200장에서
# 클래스마다 픽셀이 얼마나 되는지 세어 볼게요. 아주 게으른 예측도 하나 만들어요. 모든 픽셀을 가장 흔한 클래스라고 하는 예측이에요.

# %% tags=["for-claim-0.3"]
street_labels = datasets.load("streets", "train", size=(96, 128)).stack(range(200))[1]
counts = torch.bincount(street_labels[street_labels != 11].long(), minlength=11)
share = counts / counts.sum()

# %% tags=["claim-0.3", "nbval-check-output"]
commonest = int(share.argmax())
lazy = training.Scores.from_labels(torch.full_like(street_labels, commonest), street_labels, num_classes=11)
must_not_miss = [2, 6, 9, 10]
print(T(en="the commonest class:", ko="가장 흔한 클래스:"), names[commonest])
print(T(en="pole, sign, pedestrian and bicyclist together:", ko="기둥, 표지판, 보행자, 자전거 탄 사람을 모두 합치면:"), f"{share[must_not_miss].sum():.1%}")
print(T(en="everything is that class | pixel accuracy", ko="모두 그 클래스라고 하면 | 픽셀 정확도"), f"{lazy.pixel_accuracy:.1%}", "| mIoU", f"{lazy.miou:.1%}")
exercises.claims.decide("0.3")
assert share[must_not_miss].sum() < 0.1 and lazy.pixel_accuracy > 5 * lazy.miou

# %% tags=["look"]
colours = ["#{:02x}{:02x}{:02x}".format(*datasets.palettes.CAMVID.colour(c)) for c in range(11)]
order = share.argsort(descending=True).tolist()
figures.bars({names[c]: share[c].item() for c in order}, colours=[colours[c] for c in order], as_percent=True, title=T(en="Poles, signs and people are rare", ko="기둥과 표지판, 사람은 드물어요"))

# %% [markdown] lang="en"
# Pixel accuracy is dominated by what is large, so it flatters; mIoU gives the lazy answer what it deserves, since 10 of its 11 classes get 0. The two predictions of the first page again, now with both, and with one score more:

# %% [markdown] lang="ko"
# 픽셀 정확도는 넓은 것이 좌우해서 후하게 나와요. mIoU는 게으른 예측을 봐주지 않아요. 클래스 11개 가운데 10개의 IoU가 0이니까요. 맨 앞에서 본 두 예측을 두 지표로 다시 재고,
# 지표를 하나 더 붙여 볼게요.

# %% tags=["nbval-check-output"]
for name, answer in answers.items():
    both = training.Scores.from_labels(answer, busy_truth, 11)
    print(name, "|", T(en="pixel accuracy", ko="픽셀 정확도"), f"{both.pixel_accuracy:.1%}", "| mIoU", f"{both.miou:.1%}", "|", T(en="boundary IoU", ko="경계 IoU"), f"{both.boundary_iou:.1%}")

# %% [markdown] lang="en"
# ### A pixel too wide
#
# The last number, **boundary IoU** (Cheng et al., 2021), is the IoU of two bands: the pixels of the truth within 4 pixels of its outline, and those of the prediction. Why another one? Take squares of all sizes, and predict each of them one pixel too wide on every side. The mistake is always
# the same.

# %% [markdown] lang="ko"
# ### 1픽셀씩 넓게 그린 예측
#
# 마지막 숫자가 **경계 IoU**(boundary IoU, Cheng 외, 2021)예요. 정답에서 윤곽까지 4픽셀 안에 드는 띠와 예측에서 그런 띠, 이 두 띠의 IoU를 재요. 지표가 왜 또 필요할까요?
# 크기가 서로 다른 정사각형을 놓고, 어느 것이나 사방으로 1픽셀씩 넓게 예측해 볼게요. 실수는 언제나 똑같아요.

# %% tags=["nbval-check-output"]
sides, region, outline = [2, 4, 8, 16, 32, 64, 96], [], []
for side in sides:
    true_square, said_square = torch.zeros(128, 128, dtype=torch.long), torch.zeros(128, 128, dtype=torch.long)
    start = (128 - side) // 2
    true_square[start:start + side, start:start + side] = 1
    said_square[start - 1:start + side + 1, start - 1:start + side + 1] = 1
    both = training.Scores.from_labels(said_square, true_square, 2)
    region.append(both.iou[1].item())
    outline.append(both.boundary_iou_per_class[1].item())
    print(f"{side:3d}", T(en="pixels wide: IoU", ko="픽셀 너비: IoU"), f"{region[-1]:.1%}", "|", T(en="boundary IoU", ko="경계 IoU"), f"{outline[-1]:.1%}")
assert abs(region[2] - 64 / 100) < 1e-12     # en: 8 x 8 of 10 x 10 | ko: 10 x 10 가운데 8 x 8

# %% tags=["look"]
figures.lines({"IoU": (sides, region), T(en="boundary IoU", ko="경계 IoU"): (sides, outline)}, as_percent=True, x_label=T(en="side of the square, pixels", ko="정사각형 한 변, 픽셀"), y_label=T(en="score", ko="지표 값"),
              title=T(en="One pixel too wide: IoU soon forgives it, boundary IoU does not", ko="1픽셀 넓게 그리면, IoU는 금방 봐주고 경계 IoU는 봐주지 않아요"))

# %% [markdown] lang="en"
# IoU is hard on small things and blind to the outline of large ones. From 8 pixels on, boundary IoU says 60 % whatever the size: each band is 4 pixels deep (2 % of the picture's diagonal, as in the paper), and 3 of the 5 layers which they cover
# together are shared. A smaller square lies wholly in its band, so there both scores agree.
#
# ## Lab: move a prediction, watch the scores
#
# Below stand a truth and a prediction, and under them every score. Paint into the prediction, push it aside, let it shrink.

# %% [markdown] lang="ko"
# IoU는 작은 것에는 엄하고, 큰 것의 윤곽에는 눈을 감아요. 경계 IoU는 8픽셀부터 크기와 상관없이 60%예요. 띠의 두께가 4픽셀씩이고(논문처럼 그림 대각선의 2%), 두 띠가 덮는
# 5겹 가운데 3겹이 겹치거든요. 더 작은 정사각형은 통째로 띠에 들어가니까, 거기서는 두 지표가 같은 값이에요.
#
# ## 실험실 · 예측을 움직이며 지표 지켜보기
#
# 정답과 예측을 놓고, 지표를 모두 곁에 띄웠어요. 예측에 다른 클래스를 칠하고, 옆으로 밀고, 줄여 보세요.

# %% tags=["lab"]
labs.scores()

# %% [markdown] lang="en"
# **Try this.** Let everything be road: which score minds least? · Move the prediction by one cell: which class loses most, and why that one? · Shrink a large thing by one cell, then a thin one: compare IoU and boundary IoU. · Find a prediction with a higher
# pixel accuracy and a lower mIoU than the one you had.
#
# ## Why averages of averages lie
#
# mIoU is made of *one* confusion matrix over the whole split. It is tempting to compute it for each image or batch and average the results; many training scripts do. Two images, one class, one prediction each:

# %% [markdown] lang="ko"
# **해 보세요.** 전부 도로라고 예측해 보세요. 가장 덜 깎이는 지표는 어느 것인가요? · 예측을 한 칸 밀어 보세요. 가장 많이 깎이는 클래스는 무엇이고, 왜 하필 그것일까요? · 큰
# 것을 한 칸 줄이고, 이번에는 가는 것을 한 칸 줄여 보세요. IoU와 경계 IoU를 견줘 보세요. · 지금보다 픽셀 정확도는 높고 mIoU는 낮은 예측을 찾아보세요.
#
# ## 평균을 또 평균 내면 안 되는 까닭
#
# mIoU는 데이터 전체를 세어 만든 혼동 행렬 *하나*에서 나와요. 그런데 이미지나 배치마다 mIoU를 구해서 평균 내고 싶은 마음이 들어요. 실제로 그렇게 하는 학습 코드도 많아요. 이미지 두
# 장에 클래스 하나, 예측도 한 장에 하나씩 놓고 비교해 볼게요.

# %% tags=["nbval-check-output"]
first_truth, first_said = torch.zeros(4, 4, dtype=torch.long), torch.zeros(4, 4, dtype=torch.long)
first_truth[0, 0] = 1                                          # en: one pixel of the class, missed | ko: 그 클래스는 한 픽셀뿐인데 놓쳤어요
second_truth = torch.tensor([[1, 1, 0, 0]] * 4)                # en: eight pixels of it, all found | ko: 여덟 픽셀인데 모두 맞혔어요
tables = [ops.confusion_matrix(first_truth, first_said, 2), ops.confusion_matrix(second_truth, second_truth, 2)]
each = [ops.class_iou(part)[1].item() for part in tables]
whole = ops.class_iou(sum(tables))[1].item()
print(T(en="image by image:", ko="이미지별:"), each, "->", T(en="their mean", ko="평균"), sum(each) / 2)
print(T(en="counted together:", ko="함께 세면:"), f"8 / 9 = {whole:.3f}")
assert sum(each) / 2 == 0.5 and abs(whole - 8 / 9) < 1e-12

# %% [markdown] lang="en"
# 50 % or 89 %, for the same two predictions. The mean gives one pixel in the first image as many votes as eight in the second. Worse: in an image *without* the class its IoU is 0/0, and each script decides for itself whether that is 0, 1, or left out. We will see below how far that moves the number of a real
# network.
#
# ### Train, valid, test
#
# One more way to fool oneself. A score on data by which you *chose* is too good. Take 200 networks that guess at random between two classes, choose the best on 25 validation pixels, and ask how good it is on others:

# %% [markdown] lang="ko"
# 똑같은 예측 두 개인데 50%도 되고 89%도 돼요. 이미지마다 평균을 내면 첫 이미지의 한 픽셀이 둘째 이미지의 여덟 픽셀과 맞먹어요. 더 곤란한 일도 있어요. 그 클래스가 *없는*
# 이미지에서는 IoU가 0/0이에요. 이걸 0으로 칠지, 1로 칠지, 아예 뺄지는 코드마다 제각각이에요. 진짜 네트워크에서는 숫자가 얼마나 달라지는지 아래에서 재 볼게요.
#
# ### 학습, 검증, 시험
#
# 스스로 속는 길이 하나 더 있어요. 무언가를 *고를 때* 쓴 데이터로 재면 값이 너무 좋게 나와요. 두 클래스 가운데 아무거나 찍는 네트워크를 200개 만들어요. 검증 픽셀 25개에서 가장 많이
# 맞힌 것을 고르고, 다른 픽셀에서도 그만큼 맞히는지 볼게요.

# %% tags=["nbval-check-output"]
generator = torch.Generator().manual_seed(0)
valid_truth, test_truth = torch.randint(0, 2, (25,), generator=generator), torch.randint(0, 2, (4000,), generator=generator)
valid_guess, test_guess = torch.randint(0, 2, (200, 25), generator=generator), torch.randint(0, 2, (200, 4000), generator=generator)
on_valid, on_test = (valid_guess == valid_truth).float().mean(1), (test_guess == test_truth).float().mean(1)
best = int(on_valid.argmax())
print(T(en="the best of 200 guessers, on the pixels it was chosen by:", ko="200개 가운데 가장 많이 맞힌 것, 고를 때 쓴 픽셀에서:"), f"{on_valid[best]:.0%}")
print(T(en="the same one on new pixels:", ko="그 네트워크를 새 픽셀에서 재면:"), f"{on_test[best]:.0%}")
assert on_valid[best] > 0.7 and abs(on_test[best] - 0.5) < 0.05

# %% [markdown] lang="en"
# It knew nothing. So there are three splits: the weights learn from *train*, you choose by *valid* (the recipe, the step, the threshold), and *test* is looked at once, at the end. CamVid has 367, 101 and 233 images.
# They are frames of four films, and neighbours look alike: the 101 validation frames are cut out of the middle of a film whose other frames are in train, and one film gives 62 frames to train and 62 to test. So ask of every split how it was cut;
# neighbours on both sides make a score too good.
#
# ## The network: the smallest that names every pixel
#
# No paper yet. `PixelNet` is four convolutions and a score layer:

# %% [markdown] lang="ko"
# 알고 맞힌 것이 하나도 없었어요. 그래서 데이터를 셋으로 나눠요. 가중치는 *학습*(train) 데이터로 배워요. 학습 조건과 스텝, 문턱값은 *검증*(valid) 데이터로 골라요.
# *시험*(test) 데이터는 마지막에 딱 한 번만 봐요. CamVid에는 이미지가 차례로 367장, 101장, 233장 있어요. 영상 네 편에서 뽑은 것이라 이웃한 장면끼리
# 닮았어요. 그런데 검증 101장은 학습에 쓰는 영상의 한가운데를 잘라 낸 것이고, 또 다른 영상 하나는 62장을 학습에, 62장을 시험에 나눠 줬어요. 그러니 데이터를 어떻게 나눴는지부터 물어보세요.
# 닮은 이웃이 양쪽에 있으면 값이 너무 좋게 나와요.
#
# ## 가장 작은 분할 네트워크
#
# 이 장에는 아직 논문이 나오지 않아요. `PixelNet`은 합성곱(convolution) 네 개와 점수를 내는 층 하나로 되어 있어요.

# %% tags=["look"]
show(models.pixels.PixelNet)

# %% tags=["nbval-check-output"]
with torch.device("meta"):
    on_paper = models.create("pixelnet", num_classes=11).eval()
rows = []
for name in ("features.0", "features.3", "features.6", "features.9", "score"):
    layer, seen = on_paper.get_submodule(name), ops.receptive_field(on_paper, (96, 128), at=name)
    stride, side = int(seen.stride[0]), layer.kernel_size[0]
    rows.append([name, f"{side}x{side}", f"{layer.out_channels}x{96 // stride}x{128 // stride}", stride, seen.size[0], f"{sum(p.numel() for p in layer.parameters()):,}"])
figures.table(rows, [T(en="layer", ko="층"), T(en="kernel", ko="커널"), T(en="output at 96x128", ko="96x128에서 출력"), T(en="stride", ko="스트라이드"), T(en="sees, pixels", ko="보는 너비(픽셀)"), T(en="weights", ko="가중치 수")])

# %% tags=["nbval-check-output"]
network = models.create("pixelnet", num_classes=11).eval()
field = ops.receptive_field(network, (96, 128), at="score")
print(T(en="weights:", ko="가중치 수:"), f"{sum(p.numel() for p in network.parameters()):,}", "|", T(en="FCN with VGG16, published:", ko="VGG16으로 만든 FCN, 논문:"), published.get("fcn.vgg16.parameters").printed)
print(T(en="one cell of its map sees", ko="맵의 칸 하나가 보는 너비:"), field.size[0], T(en="pixels, at stride", ko="픽셀, 스트라이드"), field.stride[0], "|", T(en="FCN, published:", ko="FCN, 논문:"), published.get("fcn.vgg16.receptive_field").printed)
logits = network(torch.rand(2, 3, 96, 128))
print(tuple(logits.shape), "|", T(en="loss before any training:", ko="학습하기 전의 손실:"), round(F.cross_entropy(logits, torch.zeros(2, 96, 128, dtype=torch.long)).item(), 3), "= log 11")
assert field.size == (23, 23)

# %% [markdown] lang="en"
# It looks at 23 pixels and no further, so it can tell brick from sky, and will hardly tell road from pavement: that takes seeing more of the street. This is what chapter 01 is about.
#
# ## Train it
#
# The loop is that of every chapter: a batch of pictures, normalised; logits; cross-entropy averaged over the pixels that are not void; gradients; a step. One such step by hand, on two streets:

# %% [markdown] lang="ko"
# 이 네트워크는 23픽셀까지만 보고 그 너머는 못 봐요. 그러니 벽돌과 하늘은 구별해도 도로와 보도는 구별하기 어려울 거예요. 그러려면 거리를 더 넓게 봐야 하거든요. 그 이야기는 01장에서 해요.
#
# ## 학습해 보기
#
# 학습하는 순서는 어느 장에서나 같아요. 그림을 한 배치 가져와 값의 범위를 맞추고, 로짓을 구해요. 무시 픽셀을 뺀 나머지에서 교차 엔트로피를 평균 내고, 기울기를 구해 가중치를 한 스텝
# 옮겨요. 거리 그림 두 장으로 한 스텝만 직접 해 볼게요.

# %% tags=["nbval-check-output"]
torch.manual_seed(0)
network = models.create("pixelnet", num_classes=11).train()
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
pictures, targets = streets.stack(range(2))
batch = datasets.normalise(pictures)                                  # (2, 3, 128, 192)
losses = []
for _ in range(2):     # en: the second time only to read the loss | ko: 두 번째는 손실만 읽으려고 돌려요
    loss = ops.cross_entropy(network(batch), targets.long(), void=11)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(T(en="before the step:", ko="한 스텝 전:"), f"{losses[0]:.3f}", "|", T(en="lower after it:", ko="한 스텝 뒤에 줄었는지:"), losses[1] < losses[0])
assert losses[1] < losses[0]

# %% [markdown] lang="en"
# Now 600 steps on batches of 8, mirrored at random, with AdamW in place of plain SGD and a learning rate that rises and falls; 600 streets of 96x128, drawn by the package. The curve is live. Where a GPU and CamVid are at hand, set `DATA = "camvid"`: the same cell then trains on its 360x480 pictures.

# %% [markdown] lang="ko"
# 이제 8장씩 600스텝을 학습시켜 볼게요. 좌우를 무작위로 뒤집고, SGD 대신 AdamW를 쓰고, 학습률(learning rate)은 올렸다가 내려요. 강의
# 패키지로 그린 96x128 거리 그림 600장을 보고 배워요. 학습 곡선은 실시간으로 그려져요. GPU와 CamVid가 있다면
# `DATA = "camvid"`로 바꿔 보세요. 같은 셀에서 360x480 사진으로 학습해요.

# %% tags=["parameters"]
DATA = "streets"
SEED = 0

# %% tags=["train"]
experiment = training.experiments.get("00", data=DATA)
plain, plain_scores, plain_row = experiment.run("plain", seed=SEED, callbacks=[figures.LiveCurve()])

# %%
test = experiment.data("test")
chosen = [3, 11, 27]
pictures, truths = zip(*(test[i] for i in chosen))
figures.prediction_rows(pictures, truths, [training.predict(plain, picture) for picture in pictures])

# %% [markdown] lang="en"
# Picture, truth, prediction, error. It is right about most pixels. Which ones pay for that?

# %% [markdown] lang="ko"
# 왼쪽부터 그림, 정답, 예측, 오답이에요. 픽셀은 대부분 맞혔어요. 그 대가는 어떤 클래스가 치렀을까요?

# %%
figures.class_iou({"PixelNet": plain_scores}, title=T(en=f"Pixel accuracy {plain_scores.pixel_accuracy:.0%}, mIoU {plain_scores.miou:.0%}: the rare pay", ko=f"픽셀 정확도 {plain_scores.pixel_accuracy:.0%}, mIoU {plain_scores.miou:.0%}. 드문 클래스가 대가를 치러요"))

# %% [markdown] lang="en"
# ### Class imbalance and its remedies
#
# The loss is a mean over pixels, as pixel accuracy is, so the network looks after what is large. This is **class imbalance**, and there are remedies:
#
# * **Median-frequency weighting** (Eigen and Fergus, 2015): a pixel counts median frequency / frequency of its class, where the frequency of a class is its share *in the pictures that contain it*. Rare classes count more; one that is rare only because few
#   pictures have it, less so. The sum is divided by the sum of the weights.
# * **Top-k**, or bootstrapped, cross-entropy (Wu et al., 2016): of each picture only the pixels with the largest loss count, here the hardest 25 %. Easy sky and road fall out by themselves.
# * **Dice loss** (Milletari et al., 2016) and its kin put the overlap itself into the loss. Only named here; medical papers use it, where an organ fills little of the picture.

# %% [markdown] lang="ko"
# ### 클래스 불균형과 처방
#
# 손실도 픽셀 정확도처럼 픽셀마다 구해서 평균 낸 값이에요. 그래서 네트워크는 넓은 것부터 챙겨요. 이 문제를 **클래스 불균형**(class imbalance)이라고 해요. 처방이 몇 가지 있어요.
#
# * **중앙값 빈도 가중**(median-frequency weighting, Eigen과 Fergus, 2015)에서는 픽셀마다 '빈도의 중앙값 / 그 클래스의 빈도'를 곱해요. 빈도는 *그 클래스가 나오는
#   그림 안에서* 차지하는 비율이에요. 드문 클래스일수록 크게 치지만, 나오는 그림이 적어서 드문 클래스는 덜 커져요. 합은 가중치의 합으로 나눠요.
# * **상위 k**(top-k) 교차 엔트로피(Wu 외, 2016)는 그림마다 손실이 큰 픽셀만 세요. 부트스트랩(bootstrapped)이라고도 해요. 여기서는 가장 어려운 25%만 남겨요.
#   쉬운 하늘과 도로는 저절로 빠져요.
# * **다이스 손실**(Dice loss, Milletari 외, 2016)과 그 친척은 겹친 정도를 곧바로 손실로 써요. 여기서는 이름만 알아 두세요. 장기가
#   그림에서 작은 의료 영상에 많이 써요.

# %% tags=["nbval-check-output"]
four_losses = torch.tensor([[[0.1, 0.1, 0.1, 2.0]]])          # en: three road pixels, one of a pole | ko: 도로 픽셀 셋과 기둥 픽셀 하나
counts_as = torch.tensor([[[0.5, 0.5, 0.5, 6.0]]])
print(T(en="mean:", ko="평균:"), f"{four_losses.mean():.3f}", "|", T(en="weighted mean:", ko="가중 평균:"), f"{(four_losses * counts_as).sum() / counts_as.sum():.3f}", "|",
      T(en="mean of the hardest 25 %:", ko="가장 어려운 25%의 평균:"), f"{ops.top_k_mean(four_losses, torch.ones_like(four_losses), 0.25):.3f}")

# %% tags=["nbval-check-output"]
weights = training.median_frequency_weights(street_labels, 11, void=11)
header = [T(en="class", ko="클래스"), T(en="share of all pixels", ko="전체 픽셀 가운데"), T(en="pictures with it, of 200", ko="나오는 그림, 200장 가운데"), T(en="weight", ko="가중치")]
figures.table([[names[c], f"{share[c]:.1%}", int((street_labels == c).flatten(1).any(1).sum()), f"{weights[c]:.2f}"] for c in order], header)

# %%
with torch.no_grad():
    logits = plain.cpu()(datasets.normalise(pictures[0][None]))
pixel_loss = ops.pixel_cross_entropy(logits, truths[0][None], void=11)[0]
counted = truths[0] != 11
hardest = (pixel_loss >= pixel_loss[counted].quantile(0.75)) & counted
figures.images([pictures[0], pixel_loss.clamp(max=2 * log(11)), hardest.float()], titles=[T(en="picture", ko="그림"), T(en="loss of each pixel, cut off at 4.8", ko="픽셀마다의 손실, 4.8에서 잘랐어요"), T(en="the hardest 1 in 4", ko="가장 어려운 4분의 1")], kinds=["photo", "heat", "grey"])

# %% [markdown] lang="en"
# The hardest quarter is outlines, thin things, and what a window of 23 pixels cannot tell. Now the same network from the same start, with the same batches, and the weighted loss:

# %% [markdown] lang="ko"
# 가장 어려운 4분의 1에는 윤곽과 가는 것, 23픽셀 창으로는 알 수 없는 것이 모여 있어요. 이번에는 손실에만 가중치를 주고 다시 학습시켜 볼게요. 네트워크도, 출발점도, 배치도 그대로예요.

# %% tags=["train"]
weighted, weighted_scores, weighted_row = experiment.run("median_frequency", seed=SEED, callbacks=[figures.LiveCurve()])

# %%
both = {T(en="plain", ko="기본"): plain_scores, T(en="weighted", ko="가중"): weighted_scores}
figures.class_iou(both, title=T(en="What the weights give, and what they take", ko="가중치가 올려 준 클래스와 깎은 클래스"))

# %% [markdown] lang="en"
# And now the number promised above: four ways to "average" the IoU of the very same predictions.

# %% [markdown] lang="ko"
# 앞에서 약속한 숫자를 볼 차례예요. 똑같은 예측의 IoU를 네 가지 방법으로 '평균' 내 볼게요.

# %%
image_tables = []
for i in range(len(test)):
    picture, label = test[i]
    image_tables.append(ops.confusion_matrix(label.long(), training.predict(weighted, picture).long(), 11, void=11))
ious = torch.stack([ops.class_iou(part) for part in image_tables])                   # en: (100, 11), nan where a class is absent | ko: (100, 11), 없는 클래스는 nan
batches = torch.stack([ops.class_iou(sum(image_tables[i:i + 8])) for i in range(0, len(image_tables), 8)])
ways = {T(en="one confusion matrix", ko="혼동 행렬 하나"): ops.class_iou(sum(image_tables)).nanmean(),
        T(en="mean over batches of 8", ko="8장짜리 배치마다 구해 평균"): batches.nanmean(1).mean(),
        T(en="mean over images, absent classes left out", ko="이미지마다 구해 평균, 없는 클래스는 빼고"): ious.nanmean(1).mean(),
        T(en="mean over images, absent classes count 1", ko="이미지마다 구해 평균, 없는 클래스는 1로"): ious.nan_to_num(1.0).mean()}
figures.bars({name: value.item() for name, value in ways.items()}, as_percent=True, title=T(en="One network, one set of predictions, four numbers", ko="네트워크도 예측도 하나인데 숫자는 넷"))

# %% [markdown] lang="en"
# Only the first is mIoU as the papers of this course report it. Counting absent classes as 1 gives points away; batches depend on their size and order. Before you compare two numbers, find out how each was averaged.
#
# ## Does it help?
#
# Three losses, five seeds, the same start and the same batches for each seed: `segcourse bench chapter 00`. A test fails when the recipe or the network has changed since.

# %% [markdown] lang="ko"
# 넷 가운데 첫째만 이 강의에 나오는 논문에서 말하는 mIoU예요. 없는 클래스를 1로 치면 값을 거저 주는 셈이에요. 배치 평균은 배치의 크기와
# 순서에 따라 달라져요. 숫자 두 개를 견주기 전에, 저마다 어떻게 평균 냈는지부터 알아보세요.
#
# ## 정말 도움이 될까요?
#
# 손실 세 가지를 시드 다섯 개로 견줬어요. 시드가 같으면 출발점도 배치도 같아요. 실행한 명령은 `segcourse bench chapter 00`이에요. 그 뒤로 학습 조건이나 네트워크가
# 바뀌었다면 테스트가 실패해요.

# %% tags=["look"]
results = experiment.results()
losses_named = {"plain": T(en="plain", ko="기본"), "median_frequency": T(en="weighted", ko="가중"), "top_k": T(en="top-k", ko="상위 k")}
figures.compare(results["rows"], metrics=("miou", "pole_iou", "pixel_accuracy"), names=losses_named, title=T(en="Each line is one seed: both remedies raise mIoU, and cost pixel accuracy", ko="선 하나가 시드 하나예요. 두 처방 모두 mIoU는 올리고 픽셀 정확도는 깎아요"))

# %% tags=["nbval-check-output"]
def mean_and_sd(variant, metric):
    values = torch.tensor([row[metric] for row in results["rows"] if row["variant"] == variant], dtype=torch.double)
    return f"{100 * values.mean():.1f} ± {100 * values.std():.1f}"

metrics = ("miou", "boundary_iou", "pole_iou", "mean_accuracy", "pixel_accuracy")
figures.table([[losses_named[name], *(mean_and_sd(name, metric) for metric in metrics)] for name in losses_named],
              [T(en="loss", ko="손실"), "mIoU", T(en="boundary IoU", ko="경계 IoU"), T(en="pole IoU", ko="기둥 IoU"), T(en="mean recall", ko="평균 재현율"), T(en="pixel accuracy", ko="픽셀 정확도")])

# %% tags=["nbval-check-output"]
value = {(row["variant"], row["seed"]): row for row in results["rows"]}
for variant in ("median_frequency", "top_k"):
    wins = {metric: sum(value[variant, seed][metric] > value["plain", seed][metric] for seed in results["seeds"]) for metric in metrics}
    print(losses_named[variant], T(en="above plain, of 5 seeds:", ko="기본보다 높은 시드 수, 5개 가운데:"), wins)

# %% tags=["nbval-check-output"]
gains = [[value["median_frequency", seed]["iou"][c] - value["plain", seed]["iou"][c] for c in range(11)] for seed in results["seeds"]]
gain = 100 * torch.tensor(gains, dtype=torch.double).mean(0)
print(T(en="what weighting changes, points of IoU, mean of 5 seeds:", ko="가중치가 바꾼 IoU, 5개 시드 평균:"))
print(", ".join(f"{names[c]} {gain[c]:+.1f}" for c in gain.argsort(descending=True).tolist()))

# %% tags=["look"]
stored = value["plain", SEED]
print(T(en="the table's plain run with this seed:", ko="표에서 시드가 같은 '기본' 결과:"), f"{stored['miou']:.1%}", "|", T(en="the run above:", ko="위에서 학습한 결과:"), f"{plain_row['miou']:.1%}",
      "|", T(en="apart:", ko="차이:"), f"{100 * abs(plain_row['miou'] - stored['miou']):.1f}", T(en="points", ko="점"))

# %% [markdown] lang="en"
# Both remedies raise mIoU in every seed, and lower pixel accuracy in every seed. Weighting finds far more of the rare classes (look at the mean recall), at the price of false alarms, which the common ones pay: building loses most. So "did it help?" has no answer without "by which score?". The rule of this course: say the score before you train.
#
# Which of the two is better this small run does not say: over the seeds their numbers overlap. Nor does it say what helps a large network that starts from ImageNet. The FCN paper found balancing unnecessary on PASCAL VOC, where background is three quarters of the pixels and a class is a large object.
#
# Published tables tell the same story. Two networks, one data set:

# %% [markdown] lang="ko"
# 두 처방 모두, 어느 시드에서나 mIoU는 올라가고 픽셀 정확도는 내려가요. 가중치를 주면 드문 클래스를 훨씬 많이 찾아내요(평균
# 재현율을 보세요). 대신 없는 것을 있다고도 해서, 그 값은 흔한 클래스가 치러요. 건물이 가장 많이 깎여요. 그러니 '도움이 됐나요?'라고만 물으면 답할 수 없어요. '어느 지표로 봤을 때요?'를 함께 물어야 해요. 이 강의의
# 규칙은 하나예요. 학습하기 전에 지표부터 정해요.
#
# 둘 가운데 어느 쪽이 나은지는 이 작은 실험으로 가릴 수 없어요. 시드에 따라 오르내리는 범위가 서로 겹치거든요. ImageNet에서 배운 가중치로 시작하는 큰 네트워크에 무엇이 도움이 될지도 알 수 없고요. FCN 논문은 PASCAL VOC에서 클래스의 균형을 맞출 필요가
# 없었다고 해요. 거기서는 배경이 픽셀의 4분의 3이고 클래스가 큰 물체거든요.
#
# 논문에 실린 표에서도 같은 이야기를 읽을 수 있어요. 데이터는 하나, 네트워크는 둘이에요.

# %% tags=["nbval-check-output"]
pairs = (("FCN-8s", "fcn.fcn8s.camvid", "fcn.fcn8s.camvid_accuracy"), ("DeconvNet", "pixels.deconvnet.miou", "pixels.deconvnet.pixel_accuracy"))
rows = [[name, published.get(miou).printed, published.get(accuracy).printed, published.get(miou).data] for name, miou, accuracy in pairs]
figures.table(rows, [T(en="network", ko="네트워크"), "mIoU", T(en="pixel accuracy", ko="픽셀 정확도"), T(en="data", ko="데이터")])

# %% [markdown] lang="en"
# 8.1 points of mIoU apart, and only 2.1 of pixel accuracy: on the large classes the two are alike.
#
# ## Exercises
#
# Three with a checker, one open. `check` draws random inputs and compares you with torch; `hint` gives the next hint; `solution` shows the code. Nothing is lost when you come back: `progress()` remembers.

# %% [markdown] lang="ko"
# mIoU는 8.1점이나 차이 나는데 픽셀 정확도는 2.1점 차이예요. 넓은 클래스만 보면 둘이 비슷하거든요.
#
# ## 연습 문제
#
# 세 문제는 자동으로 채점하고, 나머지 하나는 채점하지 않는 열린 문제예요. `check`는 입력을 무작위로 뽑아 여러분의 답을 torch의 답과 비교해요. `hint`는 다음 힌트를,
# `solution`은 풀이를 보여 줘요. 나중에 다시 와도 괜찮아요. 어디까지 풀었는지 `progress()`가 기억하고 있어요.

# %% [markdown] lang="en"
# ### 1 · Resize a label map

# %% [markdown] lang="ko"
# ### 1 · 레이블 맵의 크기 바꾸기

# %%
exercises.pixels.resize_labels.question()

# %% tags=["stub:pixels.resize_labels"]
#

# %%
exercises.pixels.resize_labels.check(resize_labels)

# %% [markdown] lang="en"
# ### 2 · The loss of a picture

# %% [markdown] lang="ko"
# ### 2 · 그림 한 장의 손실

# %%
exercises.pixels.pixel_loss.question()

# %% tags=["stub:pixels.pixel_loss"]
#

# %%
exercises.pixels.pixel_loss.check(pixel_loss)

# %% [markdown] lang="en"
# ### 3 · mIoU of a whole split

# %% [markdown] lang="ko"
# ### 3 · 데이터 전체의 mIoU

# %%
exercises.pixels.mean_iou.question()

# %% tags=["stub:pixels.mean_iou"]
#

# %%
exercises.pixels.mean_iou.check(mean_iou)

# %% [markdown] lang="en"
# ### 4 · How few names are enough?

# %% [markdown] lang="ko"
# ### 4 · 이름 몇 개면 충분할까요?

# %%
exercises.pixels.few_names.question()

# %% tags=["stub:pixels.few_names"]
#

# %%
progress()

# %% [markdown] lang="en"
# ## In one breath
#
# 1. Semantic segmentation decides at every pixel among a fixed list of classes; it does not count things.
# 2. The target is a one-hot vector, stored as an index; void is no class and counts nowhere, neither in the loss nor in the score.
# 3. A pixel's value sits at its centre; pictures are resized by bilinear interpolation, labels by nearest.
# 4. Pixel accuracy asks about pixels, mIoU about classes, boundary IoU about outlines; mIoU is made of one confusion matrix.
# 5. The loss is a mean over pixels too: weights and top-k shift it towards the rare, and the score you chose decides whether that helped.

# %% [markdown] lang="ko"
# ## 한눈에 정리하기
#
# 1. 의미론적 분할은 정해진 클래스 가운데 하나를 픽셀마다 골라요. 개수는 세지 않아요.
# 2. 정답은 원-핫 벡터이고 번호로 저장해요. 무시 레이블은 클래스가 아니라서 손실에도 지표에도 들어가지 않아요.
# 3. 픽셀의 값은 픽셀 중심의 값이에요. 그림의 크기는 쌍선형 보간으로, 레이블 맵의 크기는 최근접 방식으로 바꿔요.
# 4. 픽셀 정확도는 픽셀을, mIoU는 클래스를, 경계 IoU는 윤곽을 따져요. mIoU는 혼동 행렬 하나에서 나와요.
# 5. 손실도 픽셀마다 구해서 평균 낸 값이에요. 가중치와 상위 k는 무게를 드문 쪽으로 옮기고, 그게 도움이 됐는지는 미리 정한 지표가 말해 줘요.

# %% tags=["nbval-check-output"]
keys = [("FCN-8s", "fcn.fcn8s.camvid"), ("DeconvNet", "pixels.deconvnet.miou")]
figures.table([[name, number.printed, number.data, number.source] for name, key in keys for number in [published.get(key)]], [T(en="network", ko="네트워크"), "mIoU", T(en="data", ko="데이터"), T(en="source", ko="출처")])

# %% [markdown] lang="en"
# **What came next.** A window of 23 pixels is not enough. Chapter 01 takes a network that was made to name a whole picture, sees 404 pixels at once, and turns it into one that names every pixel: FCN.
#
# **Read on.** Everingham et al., *The PASCAL Visual Object Classes Challenge*, for IoU as a rule of the game; Csurka et al., *What is a good evaluation measure for semantic segmentation?*, BMVC 2013; Cheng et al., *Boundary IoU*, CVPR 2021.

# %% [markdown] lang="ko"
# **그다음 이야기.** 23픽셀 창으로는 모자라요. 01장에서는 사진 한 장에 이름 하나를 붙이던 네트워크를 가져와요. 한 번에 404픽셀을 보는 네트워크예요. 이걸 픽셀마다 이름을 붙이는
# 네트워크로 바꾸면 FCN이 돼요.
#
# **더 읽을거리.** IoU를 경기 규칙으로 만든 Everingham 외의 *The PASCAL Visual Object Classes Challenge*, Csurka 외의 *What is a
# good evaluation measure for semantic segmentation?*(BMVC 2013), Cheng 외의 *Boundary IoU*(CVPR 2021).

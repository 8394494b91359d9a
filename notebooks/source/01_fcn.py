# ---
# chapter: "01"
# name: fcn
# minutes: {reading: 70, running: 1.5}
# needs: ["00"]
# ---

# %% [markdown] lang="en"
# # 01 · FCN: a classifier that names every pixel
#
# **Can a network that names a whole picture be made to name every pixel in it, without cutting the picture into crops?**
#
# You need: [chapter 00](00_pixels.ipynb), for pixels, labels and scores.
#
# J. Long, E. Shelhamer, T. Darrell, *Fully Convolutional Networks for Semantic Segmentation*, CVPR 2015.

# %% [markdown] lang="ko"
# # 01 · FCN, 픽셀마다 이름을 붙이는 분류기
#
# **사진 한 장에 이름 하나를 붙이던 네트워크가, 사진을 조각조각 자르지 않고도 픽셀마다 이름을 붙일 수 있을까요?**
#
# 픽셀과 레이블, 평가 지표를 다루는 [00장](00_pixels.ipynb)을 먼저 읽어 주세요.
#
# J. Long, E. Shelhamer, T. Darrell, *Fully Convolutional Networks for Semantic Segmentation*, CVPR 2015.

# %% tags=["setup"]
import torch
from torch import nn
from torch.nn import functional as F

from segcourse import datasets, exercises, figures, labs, models, ops, progress, published, show, training

torch.set_num_threads(2)
torch.manual_seed(0)

street, truth = datasets.load("streets", "test", size=(128, 192))[4]

# %% tags=["look"]
figures.images([street, truth], titles=[T(en="One picture ...", ko="사진 한 장"), T(en="... and a name for each of its 24,576 pixels", ko="픽셀 24,576개에 하나씩 붙은 이름")])

# %% [markdown] lang="en"
# ## The problem: one answer is not enough
#
# In 2014 the networks that had made their name at ImageNet, AlexNet and VGG16, took a picture of 224x224 pixels and gave one answer for all of it. A car
# that has to know where the road ends needs an answer for each pixel.
#
# The obvious way is to cut a crop around each pixel and to ask the classifier what is in its middle. It works, and it is hopeless:
# neighbouring crops share nearly everything, and the network computes it again each time.

# %% [markdown] lang="ko"
# ## 답 하나로는 모자란 문제
#
# 2014년, ImageNet 대회에서 이름을 떨친 AlexNet과 VGG16은 224x224 픽셀 사진을 받아 답을 딱 하나만 냈어요. 하지만 자동차가 도로의 끝을
# 알아내려면 픽셀마다 답이 필요해요.
#
# 가장 먼저 떠오르는 방법은 픽셀마다 주변을 조각으로 잘라 내고, 조각 가운데에 무엇이 있는지 분류기에 물어보는 거예요. 되기는 하지만
# 쓸 수 없을 만큼 느려요. 이웃한 조각끼리는 거의 다 겹치는데, 네트워크는 겹친 부분을 매번 처음부터 다시 계산하거든요.

# %% tags=["nbval-check-output"]
height, width, window = 128, 192, 64
crops = (height - window + 1) * (width - window + 1)
print(T(en="crops of 64x64 in one picture:", ko="사진 한 장에서 나오는 64x64 조각 수:"), crops)
print(T(en="times each inner pixel is looked at:", ko="안쪽 픽셀 하나가 조각에 들어가는 횟수:"), window * window)

# %% tags=["look"]
figures.receptive_field(street, [(32, 60, 96, 124), (32, 64, 96, 128)], title=T(
    en="Two neighbouring crops, 4 pixels apart: 94 % of the work is done twice", ko="4픽셀 떨어진 두 조각, 계산의 94%가 겹쳐요"))

# %% [markdown] lang="en"
# ## Say it before you see it
#
# This course grew out of lecture notes that are lively, and wrong in a few places where learners go wrong too. Here is what they say about FCN, in
# our words. Decide for each line *now*, before any code has run. Further down one cell for each claim settles it, and tells you what you had said.

# %% [markdown] lang="ko"
# ## 실행하기 전에 골라 보기
#
# 이 강의는 한 강의 노트에서 출발했어요. 생생하고 좋은 노트지만, 배우는 사람이 자주 헷갈리는 바로 그 대목에서 노트도 몇 군데 틀렸어요. 노트에서 FCN을 설명한
# 말을 조금 다듬어 한 줄씩 적었어요. 코드를 실행하기 전에, *지금* 한 줄씩 읽고 얼마나 맞는 말인지 골라 보세요. 아래로 내려가면 주장을 하나씩 확인하는 셀이 나와요.
# 그 셀을 실행하면 결론이 나오고, 내가 무엇을 골랐는지도 알려 줘요.

# %% tags=["look"]
exercises.claims.sheet("01")

# %% [markdown] lang="en"
# ## The operation by hand, first half: a fully connected layer is a convolution
#
# Take a fully connected layer that looks at a 3x3 map and gives one number. It multiplies the nine numbers with nine weights and adds up.
# Lay the nine weights out as a 3x3 kernel, and you have drawn a convolution that fits in exactly one place.

# %% [markdown] lang="ko"
# ## 손으로 해 보는 연산 1 · 완전 연결층도 합성곱
#
# 완전 연결층(fully connected layer) 하나가 3x3 맵을 보고 숫자 하나를 낸다고 해 볼게요. 맵의 숫자 아홉 개에 가중치를 하나씩 곱하고 모두 더하면 그게 출력이에요.
# 이 가중치 아홉 개를 3x3 모양으로 늘어놓으면 커널이 돼요. 맵과 크기가 똑같아서 놓을 자리가 딱 한 곳뿐인 합성곱(convolution)이에요.

# %% tags=["nbval-check-output"]
feature_map = [[1, 2, 0], [0, 1, 3], [2, 1, 1]]
weights = [[1, 0, -1], [2, 1, 0], [0, -1, 1]]

fully_connected = 0
for number, weight in zip(sum(feature_map, []), sum(weights, [])):     # en: nine numbers in a row | ko: 한 줄로 늘어놓은 숫자 아홉 개
    fully_connected += number * weight

convolution = 0
for y in range(3):                                                     # en: the same nine, where they stand | ko: 같은 숫자 아홉 개를 제자리에 둔 채로
    for x in range(3):
        convolution += feature_map[y][x] * weights[y][x]

print(fully_connected, convolution)
assert fully_connected == convolution

# %% tags=["look"]
figures.grids([(feature_map, "input", T(en="the map", ko="맵")), (weights, "kernel", T(en="the nine weights", ko="가중치 아홉 개")), ([[convolution]], "output", T(en="one number", ko="숫자 하나"))],
              operators=("*", "="))

# %% [markdown] lang="en"
# ### At full size
#
# Now at the size of the claim. A 10x10x100 map has 10,000 numbers; 4096 outputs need 10,000 weights each. `ops.linear_to_conv` builds the convolution with
# 4096 filters of 10x10x100 from the same weights. Do both give the same 4096 numbers?

# %% [markdown] lang="ko"
# ### 주장에 나온 크기로
#
# 이번에는 주장에 나온 크기 그대로 해 볼게요. 10x10x100 맵에는 숫자가 10,000개 있어요. 출력은 4096개이고, 출력마다 가중치가 10,000개씩 필요해요. `ops.linear_to_conv`는
# 이 가중치를 그대로 써서 크기가 10x10x100인 필터 4096개로 합성곱을 만들어요. 두 층이 내는 숫자 4096개는 정말 같을까요?

# %% tags=["claim-1.2", "nbval-check-output"]
linear = nn.Linear(10 * 10 * 100, 4096)
conv = ops.linear_to_conv(linear, kernel_size=10)
x = torch.randn(1, 100, 10, 10)
with torch.no_grad():
    from_linear, from_conv = linear(x.flatten(1)), conv(x)

difference = (from_linear - from_conv[:, :, 0, 0]).abs().max().item()
print("Linear", tuple(linear.weight.shape), "->", tuple(from_linear.shape))
print("Conv2d", tuple(conv.weight.shape), "->", tuple(from_conv.shape))
print(T(en="weights:", ko="가중치 수:"), linear.weight.numel(), conv.weight.numel())
exercises.claims.decide("1.2")
assert linear.weight.numel() == conv.weight.numel() == 10_000 * 4096
assert difference < 1e-5

# %% [markdown] lang="en"
# Nothing was approximated, and nothing of the map was reshaped: what was rearranged are the *weights*. VGG16's first fully connected layer has a weight matrix of
# 4096x25088. Read in another order it is 4096 filters of 512x7x7. The next cell does this with 64 outputs, and sets a freshly made convolution of "similar size" beside it.

# %% [markdown] lang="ko"
# 어림으로 계산한 곳은 하나도 없고, 맵의 모양도 건드리지 않았어요. 다시 늘어놓은 것은 *가중치*뿐이에요. VGG16의 첫 완전 연결층은 가중치 행렬이 4096x25088이에요.
# 읽는 순서만 바꾸면 512x7x7짜리 필터 4096개가 돼요. 다음 셀에서 출력을 64개로 줄여 해 보고, 크기만 '비슷하게' 새로 만든 합성곱과도 비교해 볼게요.

# %% tags=["claim-1.2b", "nbval-check-output"]
fc6 = nn.Linear(512 * 7 * 7, 64)
same_weights = ops.linear_to_conv(fc6, kernel_size=7)
similar_size = nn.Conv2d(512, 64, kernel_size=7)
pool5 = torch.randn(2, 512, 7, 7)
with torch.no_grad():
    answer = fc6(pool5.flatten(1))
    gap_same = (same_weights(pool5).flatten(1) - answer).abs().max().item()
    gap_similar = (similar_size(pool5).flatten(1) - answer).abs().max().item()

print(tuple(fc6.weight.shape), "->", tuple(same_weights.weight.shape))
print(T(en="same weights:", ko="가중치가 같을 때:"), "< 1e-5" if gap_same < 1e-5 else gap_same)
print(T(en="similar size only:", ko="크기만 비슷할 때:"), "> 0.1" if gap_similar > 0.1 else gap_similar)
exercises.claims.decide("1.2b")
assert torch.equal(same_weights.weight, fc6.weight.view(64, 512, 7, 7)) and gap_same < 1e-5 < 0.1 < gap_similar

# %% [markdown] lang="en"
# The outputs are equal, not similar. That matters: it is why an FCN can start from ImageNet's weights, all the way through fc7.
#
# So does an FCN have no fully connected layer at all? We count the layers that own weights, in the classifier and in the FCN made of it.

# %% [markdown] lang="ko"
# 출력은 비슷한 게 아니라 똑같아요. 이 차이가 중요해요. 똑같으니까 FCN은 fc7까지 전부 ImageNet 가중치로 시작할 수 있거든요.
#
# 그러면 FCN에는 완전 연결층이 정말 하나도 없을까요? 분류기에서, 그리고 그 분류기로 만든 FCN에서 가중치가 있는 층을 세어 볼게요.

# %% tags=["claim-1.1", "nbval-check-output"]
with torch.device("meta"):     # en: shapes only, no memory, no arithmetic | ko: 모양만 만들어요. 메모리도 계산도 들지 않아요
    classifier = models.vgg.VGG16()
    fcn = models.create("fcn32s", num_classes=21)

def owners(model):
    kinds = [type(m).__name__ for m in model.modules() if "weight" in dict(m.named_parameters(recurse=False))]
    return {kind: kinds.count(kind) for kind in ("Conv2d", "Linear", "ConvTranspose2d")}

print("VGG16  ", owners(classifier))
print("FCN-32s", owners(fcn))
print("fc6:", tuple(fcn.fc6.weight.shape), "fc7:", tuple(fcn.fc7.weight.shape), "score_fr:", tuple(fcn.score_fr.weight.shape))
exercises.claims.decide("1.1")
assert owners(classifier)["Linear"] == 3 and owners(fcn)["Linear"] == 0

# %% [markdown] lang="en"
# ### What a convolution can do that a fully connected layer cannot
#
# A convolution uses one filter everywhere. So when the picture moves, its answer moves along: this is **equivariance**. We shift a picture by 4 pixels, twice the stride,
# and ask both layers again. (What stays the *same* under a shift would be *invariance*; pooling brings a little of that.)

# %% [markdown] lang="ko"
# ### 완전 연결층은 못 하고 합성곱은 하는 일
#
# 합성곱은 어디에서나 같은 필터를 써요. 그래서 사진이 움직이면 답도 따라 움직여요. 이런 성질을 **등변성**(equivariance)이라고 해요. 사진을 4픽셀, 그러니까
# 스트라이드의 두 배만큼 옮긴 다음 두 층에 다시 물어볼게요. (옮겨도 답이 *그대로*라면 불변성(invariance)이에요. 풀링을 하면 이 성질이 조금 생겨요.)

# %% tags=["claim-1.2a", "nbval-check-output"]
photo = figures.photo("chelsea", size=(36, 48)).double().mean(0)[None, None] / 255
photo -= photo.mean()     # en: else the common grey drowns what differs | ko: 평균 밝기를 빼지 않으면 차이가 묻혀 버려요
before, after = photo[..., 4:36, 4:40], photo[..., 0:32, 0:36]     # en: the cat moves down and right by 4 pixels | ko: 고양이가 오른쪽 아래로 4픽셀 움직여요
generator = torch.Generator().manual_seed(1)
kernel = torch.randn(1, 1, 5, 5, generator=generator, dtype=torch.double)
matrix = torch.randn(14 * 16, 32 * 36, generator=generator, dtype=torch.double) / 34

conv_before, conv_after = (ops.conv2d(view, kernel, stride=2) for view in (before, after))     # en: no padding | ko: 패딩 없음
fc_before, fc_after = ((matrix @ view.flatten()).view(1, 1, 14, 16) for view in (before, after))
moved_conv = (conv_after[..., 2:, 2:] - conv_before[..., :-2, :-2]).abs().max().item()
moved_fc = (fc_after[..., 2:, 2:] - fc_before[..., :-2, :-2]).abs().max().item()
print(T(en="convolution, shifted answer minus answer:", ko="합성곱, 옮긴 사진의 답과 답을 옮긴 것의 차이:"), "< 1e-12" if moved_conv < 1e-12 else moved_conv)
print(T(en="fully connected, the same:", ko="완전 연결층, 같은 비교:"), "> 0.1" if moved_fc > 0.1 else moved_fc)
exercises.claims.decide("1.2a")
assert moved_conv < 1e-12 and moved_fc > 0.1

# %% tags=["look"]
figures.images([conv_before[0, 0], conv_after[0, 0], fc_before[0, 0], fc_after[0, 0]], columns=4, titles=[
    T(en="convolution", ko="합성곱"), T(en="... the cat moved: so did the map", ko="고양이가 움직이니 맵도 움직였어요"),
    T(en="fully connected", ko="완전 연결층"), T(en="... something else altogether", ko="전혀 다른 값이 나왔어요")])

# %% [markdown] lang="en"
# ### A larger picture, a larger answer
#
# The fully connected layer accepts one size of picture only. Its convolutional twin does not care. Here is VGG16, thinned to a sixteenth of its channels, with fc6, fc7 and the score layer
# as convolutions, and without any padding in fc6: the result is 1x1 at the training size of 224x224, and *only there*.

# %% [markdown] lang="ko"
# ### 사진이 커지면 답도 커질까요?
#
# 완전 연결층은 정해진 크기의 사진만 받아요. 같은 층을 합성곱으로 바꾸면 사진 크기를 가리지 않아요. VGG16의 채널을 16분의 1로 줄이고, fc6과 fc7, 점수를 내는 층을
# 합성곱으로 바꿔 볼게요. fc6에는 패딩을 주지 않아요. 학습할 때의 크기인 224x224를 넣으면 결과가 1x1이에요. *그때만* 그래요.

# %% tags=["claim-1.3", "nbval-check-output"]
trunk = models.vgg.VGG16(width=1 / 16).features
channels = trunk(torch.zeros(1, 3, 32, 32)).shape[1]
head = nn.Sequential(nn.Conv2d(channels, 256, 7), nn.ReLU(), nn.Conv2d(256, 256, 1), nn.ReLU(), nn.Conv2d(256, 21, 1))
shapes = {}
for size in [(224, 224), (256, 256), (384, 512)]:
    with torch.no_grad():
        shapes[size] = tuple(head(trunk(torch.rand(1, 3, *size))).shape[1:])
    print(f"{size[0]}x{size[1]} -> {shapes[size][1]}x{shapes[size][2]}, {shapes[size][0]}", T(en="classes", ko="클래스"))
exercises.claims.decide("1.3")
assert shapes[224, 224][1:] == (1, 1) and shapes[384, 512][1:] == (6, 10)

# %% [markdown] lang="en"
# ### One pass instead of thousands of crops
#
# Now the heart of the paper. A small classifier looks at windows of 32x32 pixels. We ask it crop by crop at every fourth pixel, and then give the same weights the whole picture at once.
# One warning first: this works out exactly only while the convolutions are **valid**, that is, without padding. With VGG's padding of 1 each crop wears a frame of zeros that the whole picture does not have.
# Padding changes what the classifier sees at the rim of every crop. We measure both.

# %% [markdown] lang="ko"
# ### 조각 수천 개 대신 계산 한 번
#
# 이제 논문의 핵심이에요. 32x32 픽셀짜리 창을 보는 작은 분류기가 있어요. 네 픽셀 간격으로 조각을 잘라 하나씩 물어본 다음, 같은 가중치로 사진 전체를 한꺼번에 계산해 볼게요.
# 미리 조심할 것이 하나 있어요. 두 답이 정확히 같으려면 합성곱에 패딩이 없어야 해요(**valid** 합성곱). VGG처럼 패딩을 1로 두면 조각마다 둘레에 0이 덧대어져요.
# 사진 전체를 넣을 때는 그 자리에 0이 아니라 진짜 픽셀이 있죠. 그래서 조각 가장자리에서는 분류기가 보는 값이 달라져요. 패딩이 없을 때와 있을 때를 모두 재 볼게요.

# %% tags=["for-claim-1.4"]
def small_classifier(padding, side):
    torch.manual_seed(3)
    features = [nn.Conv2d(3, 8, 5, padding=padding), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 5, padding=padding), nn.ReLU(), nn.MaxPool2d(2)]
    linear = nn.Linear(16 * side * side, 11)
    return nn.Sequential(*features).double(), linear.double()

def crops_against_one_pass(padding, side):
    features, linear = small_classifier(padding, side)
    whole = figures.photo("astronaut", size=(96, 96)).double()[None] / 255
    crops = whole.unfold(2, 32, 4).unfold(3, 32, 4)     # (1, 3, 17, 17, 32, 32)
    crops = crops.permute(0, 2, 3, 1, 4, 5).reshape(-1, 3, 32, 32)
    with torch.no_grad():
        one_by_one = linear(features(crops).flatten(1)).view(17, 17, 11).permute(2, 0, 1)
        one_pass = ops.linear_to_conv(linear, side)(features(whole))[0]
    frame = (one_pass.shape[1] - 17) // 2
    one_pass = one_pass[:, frame:frame + 17, frame:frame + 17]
    return one_by_one, one_pass

def relative_rms(a, b):
    return ((a - b).square().mean() / (b - b.mean()).square().mean()).sqrt().item()

# %% tags=["claim-1.4", "nbval-check-output"]
valid = relative_rms(*crops_against_one_pass(padding=0, side=5))
padded = relative_rms(*crops_against_one_pass(padding=2, side=8))
print(T(en="valid convolutions, one pass against 289 crops:", ko="패딩 없음, 조각 289개를 하나씩 계산할 때와 한 번에 계산할 때의 차이:"), "< 1e-12" if valid < 1e-12 else valid)
print(T(en="padded convolutions, the same:", ko="패딩 있음, 같은 비교:"), f"{padded:.0%}")
for side in (32, 96, 384):
    cells = ((side - 4) // 2 - 4) // 2
    print(f"{side}x{side}:", T(en="weights of a fully connected head", ko="완전 연결층의 가중치"), 16 * cells * cells * 11, "|", T(en="of the convolution", ko="합성곱의 가중치"), 16 * 5 * 5 * 11)
exercises.claims.decide("1.4")
assert valid < 1e-12 and padded > 0.1

# %% [markdown] lang="en"
# The claim holds, with a footnote that hardly anyone prints: the "efficient sliding window" equals the crops only without padding. An FCN made of VGG16 *is* padded, so it is not the crop-by-crop classifier made
# fast; it is a related network, and training takes care of the difference.
#
# ## Lab: slide a classifier
#
# The same thing under your hand. Drag the window over the picture and compare the number that the crop gives with the cell of the map computed in one pass.

# %% [markdown] lang="ko"
# 주장은 맞아요. 다만 단서가 하나 붙는데, 이걸 적어 두는 사람이 거의 없어요. '효율적인 슬라이딩 윈도'의 답은 패딩이 없을 때만 조각을 하나씩 계산한 답과 같아요.
# VGG16으로 만든 FCN에는 패딩이 *있어요*. 그러니 조각을 하나씩 보던 분류기를 속도만 높인 것이 아니라, 그와 닮은 다른 네트워크예요. 둘 사이의 차이는 학습하면서 메워져요.
#
# ## 실험실 · 분류기 밀어 보기
#
# 이번에는 직접 움직여 볼 차례예요. 사진 위에서 창을 끌면서, 조각으로 계산한 숫자와 한 번에 계산한 맵의 같은 칸을 비교해 보세요.

# %% tags=["lab"]
labs.slide_classifier()

# %% [markdown] lang="en"
# **Try this.** Switch padding on: does any place on the photo still agree? Read in the formulas which cells of the *crop* went wrong. · Let the picture grow from smallest to largest, and watch the two bars: which of them grows with the area alone? · Keep padding on and
# switch to the drawing on black. Where do crop and map agree, and why there?
#
# ## The operation by hand, second half: making the map large again
#
# A score map at stride 32 has one cell for 32x32 pixels. It has to become large again. The paper calls the layer *deconvolution*; the exact word is **transposed convolution**. The lecture notes
# describe it well: press a stamp.

# %% [markdown] lang="ko"
# **해 보세요.** 패딩을 켜 보세요. 사진에 두 값이 아직 같은 자리가 있나요? *조각*의 어느 칸이 틀어졌는지 식에서 찾아보세요. · 사진을 가장 작은 크기에서 가장 큰 크기까지
# 키우면서 막대 두 개를 지켜보세요. 넓이에만 비례해서 길어지는 막대는 어느 쪽인가요? · 패딩을 켠 채로, 사진을 검은 바탕의 그림으로 바꿔 보세요. 조각과 맵의 값이 같은
# 자리는 어디인가요? 왜 하필 거기일까요?
#
# ## 손으로 해 보는 연산 2 · 맵을 다시 키우기
#
# 점수 맵(score map)의 스트라이드가 32이면, 사진의 32x32 픽셀이 맵에서는 칸 하나예요. 이 맵을 다시 키워야 해요. 맵을 키우는 층을 논문은 *디컨볼루션*이라고 부르지만,
# 정확한 이름은 **전치 합성곱**(transposed convolution)이에요. 강의 노트는 이 연산을 도장 찍기에 빗대는데, 잘 들어맞는 비유예요.

# %% tags=["claim-1.8", "nbval-check-output"]
cells = torch.tensor([[1., 2.], [3., 4.]])
stamp = torch.tensor([[1., 2., 1.], [2., 4., 2.], [1., 2., 1.]])
stride = 2

paper = torch.zeros(5, 5)
for y in range(2):
    for x in range(2):
        for i in range(3):
            for j in range(3):
                paper[y * stride + i, x * stride + j] += cells[y, x] * stamp[i, j]     # en: one cell here is two cells there | ko: 입력에서 한 칸은 출력에서 두 칸

ours = ops.conv_transpose2d(cells[None, None], stamp[None, None], stride=stride)[0, 0]
torchs = F.conv_transpose2d(cells[None, None], stamp[None, None], stride=stride)[0, 0]
largest = max((paper - ours).abs().max().item(), (paper - torchs).abs().max().item())
print(T(en="by hand, ours, torch: largest difference", ko="손으로 찍은 값, ops, torch 사이의 가장 큰 차이"), "< 1e-6" if largest < 1e-6 else largest)
print(paper.int().tolist())
exercises.claims.decide("1.8")
assert largest < 1e-6 and paper[0, 0:5:2].tolist() == [1.0, 4.0 - 1.0, 2.0]

# %% tags=["look"]
figures.grids([(cells, "input", T(en="input", ko="입력")), (stamp, "kernel", T(en="the stamp", ko="도장")), (ours, "output", T(en="stride 2: one cell in, two cells on", ko="스트라이드 2, 입력 한 칸에 출력 두 칸"))], operators=("*", "="))

# %% [markdown] lang="en"
# Claim 1.8 says "moves on by one cell". One cell of the *input*, yes; on the output the stamp moves by **stride** cells. That is why the map grows.
#
# ### Average or sum?
#
# Press the stamp once, move it two cells to the right, press again. What is left where the two prints overlap? You have chosen above. Run.

# %% [markdown] lang="ko"
# 주장 1.8에는 '한 칸 옮긴다'는 말이 있어요. *입력*에서는 한 칸이 맞아요. 하지만 출력에서는 도장이 **스트라이드**만큼 움직여요. 그래서 맵이 커져요.
#
# ### 평균일까요, 합일까요?
#
# 도장을 한 번 찍고, 오른쪽으로 두 칸 옮겨서 또 찍어요. 겹친 칸에는 어떤 값이 남을까요? 답은 위에서 이미 골랐죠? 이제 실행해 보세요.

# %% tags=["claim-1.9", "nbval-check-output"]
two_cells = torch.tensor([[[[5., 3.]]]])
plain_stamp = torch.ones(1, 1, 3, 3)
prints = ops.conv_transpose2d(two_cells, plain_stamp, stride=2)
count = ops.stamp_count((1, 2), kernel=3, stride=2)
print(T(en="values:", ko="값:"), prints[0, 0, 1].tolist())
print(T(en="stamps on each cell:", ko="칸마다 도장이 찍힌 횟수:"), count[1].tolist())
print(T(en="in the middle:", ko="가운데 칸:"), prints[0, 0, 0, 2].item(), "| 5 + 3 =", 5.0 + 3.0, "|", T(en="their average =", ko="평균 ="), (5.0 + 3.0) / 2)
exercises.claims.decide("1.9")
assert prints[0, 0, 0, 2] == two_cells.sum()

# %% tags=["look"]
figures.grids([(two_cells, "input", T(en="two cells", ko="칸 두 개")), (prints, "output", T(en="the middle column is a sum", ko="가운데 열은 합이에요")), (count, "count", T(en="stamps on each cell", ko="칸마다 도장이 찍힌 횟수"))], operators=("", ""))

# %% [markdown] lang="en"
# It is the sum. Why do so many people remember an average? Because FCN starts from **bilinear** stamps, and there the sum *looks* like one: the stamp is twice as large as the stride ($k = 2s$), every pixel inside is covered by the
# same number of stamps, and the weights that meet there add up to 1. Adding them already is a weighted mean. Were they averaged again, a quarter of the picture would be left. And at the border, where stamps are missing, the sum falls below 1.

# %% [markdown] lang="ko"
# 답은 합이에요. 그런데 왜 평균으로 기억하는 사람이 많을까요? FCN이 **쌍선형(bilinear)** 도장으로 시작하기 때문이에요. 이 도장을 찍으면 합이 꼭 평균처럼 *보여요*.
# 도장이 스트라이드의 두 배 크기라서($k = 2s$) 안쪽 픽셀에는 어디나 같은 횟수로 찍히고, 한 픽셀에서 만나는 가중치를 모두 더하면 1이 되거든요. 더하기만 했는데 이미
# 가중 평균인 셈이에요. 여기서 또 평균을 내면 값이 4분의 1로 줄어요. 도장이 덜 찍히는 가장자리에서는 가중치의 합이 1보다 작아요.

# %% tags=["nbval-check-output"]
ones = torch.ones(1, 1, 6, 6, dtype=torch.double)
bilinear = ops.bilinear_kernel(1, factor=2).double()
enlarged = ops.conv_transpose2d(ones, bilinear, stride=2, padding=1)[0, 0]
count = ops.stamp_count((6, 6), kernel=4, stride=2, padding=1)
inside = enlarged[1:-1, 1:-1]
print(T(en="inside, the weights add up to", ko="안쪽에서 가중치의 합"), round(inside.min().item(), 6), round(inside.max().item(), 6))
print(T(en="averaged once more", ko="한 번 더 평균 내면"), (inside / count[1:-1, 1:-1]).mean().item())
print(T(en="corner, edge", ko="모서리와 변에서는"), round(enlarged[0, 0].item(), 4), round(enlarged[0, 5].item(), 4))
assert torch.allclose(inside, torch.ones_like(inside)) and enlarged[0, 0] < 0.6

# %% [markdown] lang="en"
# Where the stride does *not* divide the kernel, the counts are uneven, and so is the picture: the **checkerboard** that many generated images show.

# %% [markdown] lang="ko"
# 커널 크기가 스트라이드로 나누어떨어지지 *않으면* 칸마다 도장이 찍히는 횟수가 달라요. 그래서 그림도 고르지 않아요. 생성 모델이 만든 이미지에서 자주 보이는
# **체커보드 무늬**(checkerboard artifact)가 바로 이거예요.

# %% tags=["look", "nbval-check-output"]
counts = {f"k={k}, s={s}": ops.stamp_count((5, 5), kernel=k, stride=s) for k, s in [(3, 2), (5, 3), (4, 2)]}
for name, count in counts.items():
    inside = count[4:-4, 4:-4]
    print(name, T(en="stamps on an inner cell:", ko="안쪽 칸에 도장이 찍힌 횟수:"), sorted(set(inside.flatten().tolist())))
figures.grids([(count[:9, :9], "count", name) for name, count in counts.items()], operators=("", ""))

# %% [markdown] lang="en"
# ## Lab: press the stamps yourself
#
# Type numbers into the input or the kernel, or drag them up and down. Lay the stamps one by one; switch between sum and average.

# %% [markdown] lang="ko"
# ## 실험실 · 도장 찍어 보기
#
# 입력과 커널의 숫자를 직접 써 넣거나 위아래로 끌어서 바꿔 보세요. 도장을 하나씩 찍으면서 합과 평균을 번갈아 골라 보세요.

# %% tags=["lab"]
labs.transposed_conv()

# %% [markdown] lang="en"
# **Try this.** Kernel 3, stride 2: which cells are bright, and what does the count map say? Make the kernel 4. · Choose the bilinear kernel and switch to average: what is left of the picture? · Find a padding for which the output is exactly
# twice the input.
#
# ### Interpolation or deconvolution?
#
# Claim 1.5 says that enlarging *is* interpolation, and that the paper calls it deconvolution. Bilinear interpolation is a transposed convolution with one particular kernel. The reverse is not true: the layer may learn any kernel.

# %% [markdown] lang="ko"
# **해 보세요.** 커널 크기가 3이고 스트라이드가 2일 때 어느 칸이 밝은가요? 그 칸에는 도장이 몇 번 찍혔나요? 개수를 보여 주는 맵에서 확인하고, 커널 크기를 4로 바꿔 보세요.
# · 쌍선형 커널을 고르고 합을 평균으로 바꿔 보세요. 그림이 어떻게 되나요? · 출력이 입력의 딱 두 배가 되는 패딩을 찾아보세요.
#
# ### 보간일까요, 디컨볼루션일까요?
#
# 주장 1.5에 따르면 맵을 키우는 일은 *곧* 보간이고, 논문은 그걸 디컨볼루션이라고 불러요. 쌍선형 보간(bilinear interpolation)은 전치 합성곱이 맞아요. 커널을 한 가지로 정해 둔
# 전치 합성곱이죠. 하지만 거꾸로는 성립하지 않아요. 전치 합성곱은 어떤 커널이든 배울 수 있거든요.

# %% tags=["claim-1.5", "nbval-check-output"]
patch = figures.photo("chelsea", size=(24, 36)).double().mean(0)[None, None] / 255
factor = 4
by_stamps = ops.conv_transpose2d(patch, ops.bilinear_kernel(1, factor).double(), stride=factor, padding=factor // 2)
by_interpolation = F.interpolate(patch, scale_factor=factor, mode="bilinear", align_corners=False)
inside = (..., slice(factor, -factor), slice(factor, -factor))
gap = (by_stamps - by_interpolation)[inside].abs().max().item()
other = ops.conv_transpose2d(patch, torch.ones(1, 1, factor, factor, dtype=torch.double), stride=factor)
gap_other = (other - by_interpolation)[inside].abs().max().item()

print(T(en="bilinear stamps against F.interpolate:", ko="쌍선형 도장으로 키운 값과 F.interpolate의 차이:"), "< 1e-12" if gap < 1e-12 else gap)
print(T(en="square stamps against it:", ko="평평한 도장으로 키운 값과 F.interpolate의 차이:"), "> 0.1" if gap_other > 0.1 else gap_other)
learned = nn.ConvTranspose2d(1, 1, 2 * factor, stride=factor, padding=factor // 2, bias=False)
print(T(en="numbers such a layer can learn:", ko="이런 층에서 학습되는 가중치 수:"), sum(p.numel() for p in learned.parameters() if p.requires_grad))
exercises.claims.decide("1.5")
assert gap < 1e-12 and gap_other > 0.1

# %% tags=["look"]
figures.images([patch[0, 0], other[0, 0], by_stamps[0, 0]], columns=3, titles=[T(en="24x36", ko="24x36"), T(en="square stamps: copies", ko="평평한 도장은 복사해요"), T(en="bilinear stamps: interpolation", ko="쌍선형 도장은 보간해요")])

# %% [markdown] lang="en"
# The released FCN code even keeps these kernels fixed; the paper learns the inner ones, and its authors report no significant difference.
#
# ### How the sizes go
#
# Does stride 2 halve, and does its transpose double? Watch what happens to 7 and 8: both become 4. From 4 alone the way back is not determined, and that is what `output_padding` is for.

# %% [markdown] lang="ko"
# 공개된 FCN 코드에서는 이 커널을 아예 고정해 두었어요. 논문에서는 중간 업샘플링 층의 커널을 학습하는데, 저자들은 눈에 띄는 차이가 없었다고 해요.
#
# ### 크기는 어떻게 변할까요?
#
# 스트라이드가 2이면 크기가 정말 반으로 줄고, 전치 합성곱을 하면 두 배로 커질까요? 7과 8을 눈여겨보세요. 둘 다 4로 줄어요. 그러니 4만 봐서는 원래 어느 쪽이었는지
# 알 수 없어요. 그걸 정해 주려고 `output_padding`이 있어요.

# %% tags=["claim-1.7", "nbval-check-output"]
weight = torch.randn(1, 1, 3, 3)
fits = []
for size in (7, 8, 9, 10):
    x = torch.randn(1, 1, size, size)
    small = ops.conv2d(x, weight, stride=2, padding=1)
    back = [ops.conv_transpose2d(small, weight, stride=2, padding=1, output_padding=extra).shape[-1] for extra in (0, 1)]
    print(f"{size} -> {small.shape[-1]} -> {back[0]}, output_padding=1: {back[1]}")
    fits.append(small.shape[-1] == ops.output_size(size, 3, stride=2, padding=1) and size in back)
doubled = ops.conv_transpose2d(torch.randn(1, 1, 8, 8), torch.randn(1, 1, 4, 4), stride=2, padding=1).shape[-1]
halved = ops.conv2d(torch.randn(1, 1, 16, 16), torch.randn(1, 1, 4, 4), stride=2, padding=1).shape[-1]
print("k=4, s=2, p=1: 16 ->", halved, "| 8 ->", doubled)
exercises.claims.decide("1.7")
assert all(fits) and (halved, doubled) == (8, 16)

# %% [markdown] lang="en"
# ### Does it undo the convolution?
#
# The name promises it. A convolution is a matrix $A$, a large and mostly empty one. The layer multiplies with the *transpose* $A^\top$. A transpose keeps an inner product: $\langle Ax, y\rangle = \langle x, A^\top y\rangle$.
# An inverse would give $x$ back. Which of the two does the layer do?

# %% [markdown] lang="ko"
# ### 합성곱을 되돌리는 연산일까요?
#
# 디컨볼루션이라는 이름만 보면 그럴 것 같아요. 합성곱은 행렬 $A$를 곱하는 일이에요. 크고, 거의 다 0인 행렬이죠. 디컨볼루션 층은 그 *전치* $A^\top$를 곱해요.
# 전치를 곱하면 내적은 그대로예요. 식으로는 $\langle Ax, y\rangle = \langle x, A^\top y\rangle$이에요. 역행렬을 곱하면 $x$가 그대로 돌아와야 해요.
# 이 층은 내적만 그대로 둘까요, 값까지 되돌릴까요?

# %% tags=["claim-1.6", "nbval-check-output"]
generator = torch.Generator().manual_seed(2)
x = torch.randn(1, 1, 9, 9, generator=generator, dtype=torch.double)
kernel = torch.randn(1, 1, 3, 3, generator=generator, dtype=torch.double)
Ax = ops.conv2d(x, kernel, stride=2)
y = torch.randn(Ax.shape, generator=generator, dtype=torch.double)
back = ops.conv_transpose2d(Ax, kernel, stride=2)

inner_gap = ((Ax * y).sum() - (x * ops.conv_transpose2d(y, kernel, stride=2)).sum()).abs().item()
value_gap = ((back - x).norm() / x.norm()).item()
print(T(en="shape restored:", ko="모양 복원:"), tuple(back.shape) == tuple(x.shape))
print(T(en="<Ax, y> = <x, A'y>:", ko="<Ax, y> = <x, A'y>:"), "< 1e-12" if inner_gap < 1e-12 else inner_gap)
print(T(en="values restored:", ko="값 복원:"), value_gap < 1e-6, "|", T(en="relative error > 50 %:", ko="상대 오차 > 50%:"), value_gap > 0.5)
exercises.claims.decide("1.6")
assert back.shape == x.shape and inner_gap < 1e-12 and value_gap > 0.5

# %% [markdown] lang="en"
# The shape comes back, the values do not. The claim fails, and the word *deconvolution* with it: in signal processing it means the inverse. This is why the course says *transposed convolution*.
#
# ## Lab: there is no inverse
#
# A convolution and its transpose, max pooling and unpooling, side by side. Lights tell whether shape, values and inner product survive, and what a second trip changes. Which of them stay on?

# %% [markdown] lang="ko"
# 모양은 돌아왔지만 값은 돌아오지 않았어요. 주장도 틀렸고, *디컨볼루션*이라는 이름도 맞지 않아요. 신호 처리에서 디컨볼루션은 역연산을 뜻하거든요. 그래서 이 강의에서는
# *전치 합성곱*이라고 불러요.
#
# ## 실험실 · 되돌릴 수 있을까요?
#
# 합성곱과 전치 합성곱, 최대 풀링과 언풀링을 나란히 놓았어요. 모양, 값, 내적이 그대로인지, 한 번 더 다녀오면 달라지는지 불로 보여 줘요. 끝까지 켜져 있는 불은 어느 것일까요?

# %% tags=["lab"]
labs.no_inverse()

# %% [markdown] lang="en"
# **Try this.** Change one number of the input: which lights go out? · Can you find a kernel for which the values do come back? (One number different from 0 is enough, and a lot of luck with the stride.) · Make one input of the pooling negative and watch
# what the zeros do.
#
# ## The network: from one answer to a map
#
# The trunk is VGG16. Its three fully connected layers have become fc6 (7x7), fc7 (1x1) and score_fr (1x1). What follows is new: the score map is enlarged, and two short cuts bring in what the trunk knew at stride 16 and 8.

# %% [markdown] lang="ko"
# **해 보세요.** 입력에서 숫자 하나를 바꿔 보세요. 어느 불이 꺼지나요? · 값까지 돌아오는 커널을 찾을 수 있을까요? (0이 아닌 숫자가 하나뿐이면 되는데,
# 스트라이드에도 운이 많이 따라야 해요.) · 풀링 쪽 입력에서 숫자 하나를 음수로 바꿔 보세요. 언풀링으로 채워진 0 때문에 어떤 일이 생기나요?
#
# ## 네트워크 · 답 하나에서 맵으로
#
# 몸통(백본)은 VGG16이에요. 완전 연결층 세 개는 합성곱 fc6(7x7), fc7(1x1), score_fr(1x1)로 바뀌었어요. 새로운 것은 그다음이에요. 점수 맵을 키우면서, 몸통이 스트라이드 16과 8에서
# 뽑아 둔 정보를 스킵 연결(skip connection) 두 개로 가져와요.

# %% tags=["look"]
figures.architecture(
    stages=[("pool1", 2, 64), ("pool2", 4, 128), ("pool3", 8, 256), ("pool4", 16, 512), ("pool5", 32, 512), ("fc6", 32, 4096), ("fc7", 32, 4096)],
    skips=[("fc7", "score_fr"), ("pool4", "score_pool4"), ("pool3", "score_pool3")],
    title=T(en="FCN-8s: two short cuts carry position past the deep layers", ko="FCN-8s, 깊은 층을 건너뛰어 위치를 전하는 스킵 연결 두 개"))

# %% [markdown] lang="en"
# At full size: weights without the upsampling layers, plus those of the upsampling, and beside them what the paper published.

# %% [markdown] lang="ko"
# 이번에는 원래 크기로 만들어 볼게요. 업샘플링 층을 뺀 가중치 수에 업샘플링 층의 가중치 수를 더하고, 논문에 적힌 숫자와 나란히 놓아요.

# %% tags=["nbval-check-output"]
counts = {}
for name in ("fcn_alexnet", "fcn32s", "fcn16s", "fcn8s"):
    with torch.device("meta"):
        network = models.create(name, num_classes=21)
    total = sum(p.numel() for p in network.parameters())
    upsampling = sum(m.weight.numel() for m in network.modules() if isinstance(m, nn.ConvTranspose2d))
    counts[name] = (total - upsampling, total)
    print(f"{name:12} {total - upsampling:>13,} + {upsampling:>9,} = {total:>13,}", network.crop_offsets())

papers = {"fcn_alexnet": published.get("fcn.alexnet.parameters"), "fcn32s": published.get("fcn.vgg16.parameters")}
for name, number in papers.items():
    print(name, T(en="published", ko="논문"), number.printed, "|", T(en="ours", ko="이 강의"), f"{counts[name][0] / 1e6:.0f}M |", number.source)
    assert round(counts[name][0] / 1e6) == round(number.value / 1e6)

# %% [markdown] lang="en"
# Three things to notice. The published 134M leaves the upsampling layers out; with them, stored densely, FCN-8s has the 134.5M that later tables print. AlexNet's 57M comes out only with the *grouped* convolutions of the original. And three
# quarters of all weights sit in one layer, fc6.
#
# The numbers in braces are where each map has to be cropped. The paper pads the picture by 100 pixels, so that even a tiny one survives; the crop undoes this. You will derive these numbers in an exercise.
#
# ### What one cell sees
#
# The **receptive field** of a cell is the part of the picture that can change it. The paper says 404 pixels. `ops.receptive_field` computes it from the traced network, and the gradient says how much of it really matters.

# %% [markdown] lang="ko"
# 세 가지를 눈여겨보세요. 논문의 134M은 업샘플링 층을 뺀 수예요. 업샘플링 층의 커널을 빈자리까지 모두 세면 FCN-8s는 134.5M이 되고, 이후 논문의 표에는 이 숫자가 나와요.
# AlexNet의 57M은 원래 AlexNet처럼 *그룹* 합성곱을 써야 나와요. 그리고 전체 가중치의 4분의 3이 fc6 한 층에 몰려 있어요.
#
# 중괄호 안의 숫자는 맵마다 어디서부터 잘라 쓰는지를 나타내요. 논문에서는 아주 작은 사진도 끝까지 지나갈 수 있게 둘레에 100픽셀을 덧대고, 나중에 크롭(crop)으로 그만큼
# 잘라 내요. 이 숫자는 연습 문제에서 직접 구해 볼 거예요.
#
# ### 칸 하나가 보는 영역
#
# 사진에서 칸 하나의 값을 바꿀 수 있는 부분을 그 칸의 **수용 영역**(receptive field)이라고 해요. 논문에는 404픽셀이라고 적혀 있어요. `ops.receptive_field`는 네트워크를
# 층마다 따라가며 이 크기를 계산해요. 그 가운데 실제로 영향을 주는 부분이 얼마나 되는지는 기울기를 보면 알 수 있어요.

# %% tags=["nbval-check-output"]
with torch.device("meta"):
    networks = {name: models.create(name, num_classes=21) for name in ("fcn_alexnet", "fcn32s", "fcn8s")}
for name in ("fcn_alexnet", "fcn32s"):
    field = ops.receptive_field(networks[name], (224, 224), at="score_fr")
    number = published.get("fcn.alexnet.receptive_field" if name == "fcn_alexnet" else "fcn.vgg16.receptive_field")
    print(name, "score_fr:", field.size[0], T(en="pixels, stride", ko="픽셀, 스트라이드"), field.stride[0], "|", T(en="published", ko="논문"), number.printed)
    assert field.size[0] == number.value
for name in ("fcn32s", "fcn8s"):
    field = ops.receptive_field(networks[name], (224, 224))
    print(name, T(en="output pixel: from", ko="출력 픽셀의 수용 영역:"), field.size_min[0], T(en="to", ko="~"), field.size_max[0])

# %% tags=["look"]
small = models.create("fcn32s", num_classes=11, width=1 / 16, padding="same").eval()
chelsea = figures.photo("chelsea", size=(256, 384))
seen = ops.effective_receptive_field(small.features, (256, 384), position=(4, 6))
box = ops.receptive_field(small.features, (256, 384)).at(4, 6)
figures.receptive_field(chelsea, [box], heat=seen, title=T(
    en="One cell of pool5: its field is the box, its influence the bright middle", ko="pool5의 칸 하나, 상자는 수용 영역이고 밝은 가운데가 실제로 영향을 줘요"))

# %% [markdown] lang="en"
# Untrained, most of the influence sits in the middle of the box: the *effective* receptive field is much smaller than the theoretical one.
#
# ## Lab: build a receptive field

# %% [markdown] lang="ko"
# 아직 학습하지 않은 네트워크라서 영향이 대부분 상자 가운데에 몰려 있어요. 그래서 *유효 수용 영역*(effective receptive field)은 이론으로 구한 수용 영역보다 훨씬 작아요.
#
# ## 실험실 · 층을 쌓아 수용 영역 키우기

# %% tags=["lab"]
labs.receptive_field()

# %% [markdown] lang="en"
# **Try this.** Two 3x3 convolutions against one 5x5: same field, how many weights? · Put the pooling first, then last: where does it matter more? · Point at an output on the rim and watch the field leave the picture.
#
# ### What gets lost on the way down
#
# "Too many convolutions lose information" (claim 1.11). Let us separate two suspects: the *convolutions* and the *pooling*. A single bright dot is put at each of the 1,024 places of a 32x32 block. How many of these pictures can still be told
# apart after sixteen convolutions at stride 1, and how many after five poolings?

# %% [markdown] lang="ko"
# **해 보세요.** 3x3 합성곱 두 번과 5x5 한 번은 수용 영역이 같아요. 가중치 수도 같을까요? · 풀링을 맨 앞에 두었다가 맨 뒤로 옮겨 보세요. 어느 쪽에 있을 때 풀링의 영향이 더 큰가요?
# · 가장자리에 있는 출력을 가리켜서, 수용 영역이 사진 밖으로 나가는 모습을 지켜보세요.
#
# ### 맵이 작아지는 동안 무엇이 사라질까요?
#
# 주장 1.11은 '합성곱을 너무 많이 하면 정보가 사라진다'고 해요. 의심할 만한 것은 두 가지, *합성곱*과 *풀링*이에요. 하나씩 따로 살펴볼게요. 32x32 블록에는 자리가 1,024개
# 있어요. 자리마다 한 장씩, 거기에만 밝은 점이 있는 그림을 만들어요. 스트라이드가 1인 합성곱을 16번 하고 나면 이 가운데 몇 장을 서로 구별할 수 있을까요? 풀링을 5번
# 하고 나면요?

# %% tags=["claim-1.11", "nbval-check-output"]
dots = torch.eye(32 * 32, dtype=torch.double).view(1024, 1, 32, 32)
blur = torch.tensor([[1., 2., 1.], [2., 4., 2.], [1., 2., 1.]], dtype=torch.double)[None, None] / 16

deep = dots
for _ in range(16):
    deep = ops.conv2d(deep, blur, padding=1)     # en: sixteen layers, stride 1 | ko: 스트라이드가 1인 층 16개
pooled = dots
for _ in range(5):
    pooled = F.max_pool2d(pooled, 2)     # en: five layers, stride 2 each | ko: 스트라이드가 2인 층 5개

def distinct(answers):
    return len(torch.unique(answers.flatten(1).mul(1e12).round(), dim=0))

print(T(en="after 16 convolutions:", ko="합성곱 16번 뒤에 구별되는 그림:"), distinct(deep), "/ 1024")
print(T(en="after 5 poolings:", ko="풀링 5번 뒤에 구별되는 그림:"), distinct(pooled), "/ 1024")
exercises.claims.decide("1.11")
assert distinct(deep) == 1024 and distinct(pooled) == 1

# %% [markdown] lang="en"
# The convolutions blurred the dots, and lost none. The pooling lost every one. A trained trunk hides some position in its channels, but nothing forces it to; a short cut from an earlier layer simply *has* the position.
#
# ### What the skip is, and what the sum does
#
# The skip connection is the short cut itself: pool4 and pool3 pass through a 1x1 convolution that makes class scores of them. Adding is how FCN *fuses* them; U-Net will concatenate, FRRN will carry a whole stream. Let us take the network apart
# at this place. And one line on what adding scores means: softmax turns sums into products, so adding logits multiplies probabilities.

# %% [markdown] lang="ko"
# 합성곱을 거친 점은 흐려졌지만, 점의 위치는 모두 구별할 수 있어요. 풀링을 거치니 위치가 하나도 남지 않았어요. 학습한 몸통이 위치를 채널 속에 조금 숨겨 두기도
# 하지만, 꼭 그런다는 보장은 없어요. 앞쪽 층에서 바로 이어진 스킵 연결에는 위치가 그대로 *남아* 있어요.
#
# ### 스킵 연결은 무엇이고, 더하면 무슨 일이 생길까요?
#
# 스킵 연결은 층을 건너뛰어 이어 주는 길, 딱 거기까지예요. 이 길에서 pool4와 pool3이 1x1 합성곱을 지나 클래스 점수가 돼요. 더하기는 FCN이 이 점수를 *합치는* 방법일 뿐이에요.
# U-Net은 더하는 대신 이어 붙이고, FRRN은 스트림 하나를 통째로 끌고 가요. 네트워크에서 바로 그 자리를 뜯어볼게요. 점수를 더한다는 것이 무슨 뜻인지도 한 줄로 적어
# 둘게요. 소프트맥스를 거치면 합이 곱으로 바뀌어요. 그러니 로짓을 더하면 확률을 곱하는 셈이에요.

# %% tags=["claim-1.12", "nbval-check-output"]
torch.manual_seed(0)
network = models.create("fcn8s", num_classes=11, width=1 / 16, padding="same").eval()
caught = {}
for name in ("upscore2", "score_pool4", "upscore_pool4"):
    layer = getattr(network, name)
    nn.init.normal_(layer.weight, std=0.1)
    layer.register_forward_hook(lambda module, inputs, output, name=name: caught.update({name: (inputs[0], output)}))
with torch.no_grad():
    network(torch.randn(1, 3, 96, 128))

short_cut = caught["score_pool4"][1]
fused = caught["upscore_pool4"][0]     # en: what goes on to the next enlargement | ko: 다음 업샘플링으로 넘어가는 값
enlarged = fused - short_cut
print("score_pool4:", network.score_pool4.kernel_size, tuple(caught["score_pool4"][0].shape), "->", tuple(short_cut.shape))
inside_enlarged = any(torch.allclose(enlarged, caught["upscore2"][1][..., i:i + 6, j:j + 8], atol=1e-5) for i in range(3) for j in range(3))
a, b = torch.randn(11), torch.randn(11)
product = F.softmax(a, 0) * F.softmax(b, 0)
print(T(en="fused = enlarged + short cut:", ko="합친 값 = 키운 값 + 스킵 연결로 온 값:"), inside_enlarged)
exercises.claims.decide("1.12")
assert inside_enlarged and short_cut.abs().max() > 0 and torch.allclose(F.softmax(a + b, 0), product / product.sum(), atol=1e-6)

# %% [markdown] lang="en"
# ### All at once, or step by step?
#
# Claim 1.10 enlarges each map in one go and adds the three. FCN-8s goes up in steps: 2, 2, and then 8. Is that the same? With FCN's kernels ($k = 2s$) it is *nearly* the same on smooth maps, and clearly not on noise. With tent kernels ($k = 2s - 1$) the steps would compose exactly.

# %% [markdown] lang="ko"
# ### 한꺼번에 키울까요, 차례로 키울까요?
#
# 주장 1.10에서는 맵마다 한 번에 끝까지 키워서 셋을 더해요. 하지만 FCN-8s는 2배, 2배, 8배로 나누어 차례로 키워요. 결과가 같을까요? FCN의 커널($k = 2s$)을 쓰면 매끄러운 맵에서는
# *거의* 같고, 잡음에서는 뚜렷하게 달라요. 텐트 모양 커널($k = 2s - 1$)을 쓰면 차례로 키워도 정확히 같아요.

# %% tags=["claim-1.10", "nbval-check-output"]
def enlarge(x, factor, taps):
    kernel = ops.bilinear_kernel(1, factor, kernel_size=taps(factor)).double()
    return ops.conv_transpose2d(x, kernel, stride=factor)

def gap(x, taps):
    at_once = enlarge(x, 32, taps)
    in_steps = enlarge(enlarge(enlarge(x, 2, taps), 2, taps), 8, taps)
    rows = (in_steps.shape[-1] - at_once.shape[-1]) / 2     # en: both are centred on the same pixels | ko: 두 맵의 중심을 같은 픽셀에 맞춰요
    cut = lambda big, small: big[..., int(rows):int(rows) + small, int(rows):int(rows) + small]
    in_steps = cut(in_steps, at_once.shape[-1])
    inside = (..., slice(96, -96), slice(96, -96))
    return ((in_steps - at_once)[inside].square().mean() / at_once[inside].var()).sqrt().item()

ramp = torch.linspace(0, 3, 16, dtype=torch.double)
maps = {T(en="smooth", ko="매끄러운 맵"): (ramp.sin()[:, None] * ramp.cos())[None, None], T(en="noise", ko="잡음"): torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(5)).double()}
gaps = {}
for name, x in maps.items():
    gaps[name] = gap(x, lambda s: 2 * s), gap(x, lambda s: 2 * s - 1)
    print(name, f"k=2s: {gaps[name][0]:.1%}", "| k=2s-1:", "< 1e-12" if gaps[name][1] < 1e-12 else gaps[name][1])
exercises.claims.decide("1.10")
(smooth, smooth_tent), (noise, noise_tent) = gaps.values()
assert max(smooth_tent, noise_tent) < 1e-12 < 1e-3 < smooth < noise

# %% [markdown] lang="en"
# ## Train it
#
# Now a real one: FCN-8s with an eighth of VGG16's channels, on 96x128 street scenes which the package draws. It has never seen ImageNet: He initialisation, rare classes weighted up in the loss, a fixed number of steps and a fixed seed. The curve is live.
#
# One thing in it is not in the paper: **batch normalisation** behind every convolution. It takes a channel's numbers over the whole batch, subtracts their mean and divides by their spread; two learnt numbers then put back whatever was useful.
# So no layer has to chase the drifting scale of the layer below, and large steps become safe. The FCN of 2015 starts from weights that ImageNet has already brought to scale, and gets by without. Ours starts from nothing. Chapter 03 takes it out and measures.
#
# Where a GPU and CamVid are at hand, set `DATA = "camvid"`: the same cell then trains the full-size network on 360x480 pictures.

# %% [markdown] lang="ko"
# ## 학습해 보기
#
# 이제 진짜로 학습시켜 볼게요. 채널을 VGG16의 8분의 1로 줄인 FCN-8s가, 강의 패키지로 그린 96x128 거리 그림을 보고 배워요. ImageNet은 한 번도 본 적이 없어요.
# 시작값은 He 초기화로 정하고, 손실에서는 드문 클래스에 가중치를 더 줘요. 스텝 수와 시드는 정해 두었어요. 학습 곡선은 실시간으로 그려져요.
#
# 논문에는 없는 것을 하나 넣었어요. 합성곱마다 뒤에 붙인 **배치 정규화**(batch normalisation)예요. 채널마다 배치 전체의 값을 모아 평균을 빼고 퍼진 정도로 나눈 다음,
# 학습되는 숫자 두 개로 쓸모 있던 크기와 평균을 되살려요. 그러면 앞 층의 값이 커지거나 작아질 때마다 뒤 층이 따라 바뀌지 않아도 되고, 한 번에 크게 업데이트해도
# 학습이 무너지지 않아요. 2015년의 FCN은 ImageNet에서 이미 크기가 맞춰진 가중치로 시작하니까 배치 정규화가 없어도 됐어요. 여기서는 아무것도 배우지 않은 상태에서
# 시작해요. 이걸 빼면 어떻게 되는지는 03장에서 재 볼게요.
#
# GPU와 CamVid가 있다면 `DATA = "camvid"`로 바꿔 보세요. 같은 셀에서 원래 크기의 네트워크가 360x480 사진으로 학습해요.

# %% tags=["parameters"]
DATA = "streets"
SEED = 0

# %% tags=["train"]
experiment = training.experiments.get("01", data=DATA)
model, scores, row = experiment.run("fcn8s", seed=SEED, callbacks=[figures.LiveCurve()])

# %%
figures.class_iou({"FCN-8s": scores}, title=T(en=f"mIoU {scores.miou:.1%}: large things first, thin things last", ko=f"mIoU {scores.miou:.1%}. 큰 것은 잘 맞히고 가는 것은 놓쳐요"))

# %%
test = experiment.data("test")
chosen = [3, 11, 27]
pictures, truths = zip(*(test[i] for i in chosen))
figures.prediction_rows(pictures, truths, [training.predict(model, picture) for picture in pictures])

# %% [markdown] lang="en"
# Picture, truth, prediction, error. Look along the outlines: the errors sit there, and on whatever is thinner than a few pixels.
#
# Is this network any good? A classifier that sees only the colour of a pixel, and one that also knows how high up it is, are the honest baselines.

# %% [markdown] lang="ko"
# 왼쪽부터 사진, 정답, 예측, 오답이에요. 윤곽을 따라가며 보세요. 틀린 픽셀은 윤곽에, 그리고 굵기가 몇 픽셀도 안 되는 물체에 몰려 있어요.
#
# 이 네트워크는 쓸 만한 걸까요? 공정한 기준을 놓고 비교해 볼게요. 픽셀의 색만 보는 분류기와, 그 픽셀이 사진에서 얼마나 높이 있는지까지 아는 분류기예요.

# %% tags=["baseline"]
def places(images, bands):
    bins = (images.long() // 16 * torch.tensor([256, 16, 1])[:, None, None]).sum(1)     # (N, H, W)
    rows = torch.arange(images.shape[2]) * bands // images.shape[2]
    return bins + 4096 * rows[:, None]

(train_images, train_labels), (test_images, test_labels) = experiment.data("train").stack(range(min(500, len(experiment.data("train"))))), experiment.data("test").stack()
baselines = {}
for bands in (1, 8):
    seen = train_labels < 11
    votes = torch.zeros(4096 * bands, 11).index_put((places(train_images, bands)[seen], train_labels[seen].long()), torch.tensor(1.0), accumulate=True)
    guess = votes.argmax(1)[places(test_images, bands)]
    baselines[bands] = training.Scores.from_labels(guess, test_labels, num_classes=11)
print(T(en="colour alone:", ko="색만 볼 때:"), f"{baselines[1].miou:.1%}")
print(T(en="colour and height in the picture:", ko="색과 높이를 볼 때:"), f"{baselines[8].miou:.1%}")
print("FCN-8s:", f"{scores.miou:.1%}")
if DATA == "streets" and not training.experiments.quick():     # en: a shortened run proves nothing | ko: 짧게 줄인 학습으로는 아무것도 확인할 수 없어요
    assert scores.miou > baselines[8].miou + 0.20 and scores.iou.min() > 0.10

# %% [markdown] lang="en"
# ## Does the claim hold?
#
# The paper's own comparison is 32s, 16s, 8s: does each finer short cut help, and where? All three were trained from the same start (paired seeds) with `segcourse bench chapter 01`. The picture is read from that run; a test fails when the
# recipe or the model has changed since.

# %% [markdown] lang="ko"
# ## 논문의 주장은 성립할까요?
#
# 논문이 직접 비교한 것은 32s, 16s, 8s예요. 스킵 연결이 하나 늘 때마다 좋아질까요? 좋아진다면 어디가 좋아질까요? `segcourse bench chapter 01`로 셋을 같은 출발점(짝지은 시드)에서
# 미리 학습시켜 두었어요. 그림은 그때 저장한 결과를 읽어서 그려요. 그 뒤로 학습 방법이나 모델이 바뀌었다면 테스트가 실패해요.

# %% tags=["look"]
results = experiment.results()
figures.compare(results["rows"], metrics=("miou", "boundary_iou", "pole_iou"), title=T(en="Each line is one seed: what a finer short cut buys", ko="선 하나가 시드 하나예요. 스킵 연결이 늘면 얼마나 좋아질까요?"))

# %% tags=["nbval-check-output"]
def mean_and_sd(variant, metric):
    values = torch.tensor([row[metric] for row in results["rows"] if row["variant"] == variant], dtype=torch.double)
    return f"{100 * values.mean():.1f} ± {100 * values.std():.1f}"

header = [T(en="network", ko="네트워크"), "mIoU", T(en="boundary IoU", ko="경계 IoU"), T(en="pole IoU", ko="기둥 IoU"), T(en="paper, VOC 2011 val", ko="논문, VOC 2011 val")]
rows = [[name.replace("fcn", "FCN-"), *(mean_and_sd(name, metric) for metric in ("miou", "boundary_iou", "pole_iou")), published.get(f"fcn.{name}.miou").printed] for name in ("fcn32s", "fcn16s", "fcn8s")]
figures.table(rows, header)

# %% tags=["nbval-check-output"]
for metric in ("miou", "boundary_iou", "pole_iou"):
    value = {(row["variant"], row["seed"]): row[metric] for row in results["rows"]}
    wins = sum(value["fcn32s", seed] < value["fcn16s", seed] < value["fcn8s", seed] for seed in results["seeds"])
    print(metric, T(en="rises from 32s to 16s to 8s in", ko="32s, 16s, 8s로 갈수록 커지는 시드:"), wins, "/", len(results["seeds"]))

# %% tags=["look"]
stored = next(r for r in results["rows"] if (r["variant"], r["seed"]) == ("fcn8s", SEED))
print(T(en="the table's run with this seed:", ko="표에서 시드가 같은 결과:"), f"{stored['miou']:.1%}", "|", T(en="the run above:", ko="위에서 학습한 결과:"), f"{row['miou']:.1%}",
      "|", T(en="apart:", ko="차이:"), f"{100 * abs(row['miou'] - stored['miou']):.1f}", T(en="points", ko="점"))

# %% [markdown] lang="en"
# **It holds here, and far more loudly than in the paper.** In every seed 16s beats 32s and 8s beats 16s, on all three quantities. The paper's own steps are 3.0 points and then 0.3; ours are many times that, for a plain reason: of a 96x128 picture stride 32 leaves 3x4 cells,
# of a 500x375 photo of PASCAL VOC about 16x12. What the short cuts bring is position, so the thin things gain most: at 32s the pole IoU is next to nothing.
#
# What this small run cannot show is how much a finer short cut still brings where pictures are large. There the paper's table is the witness.
#
# ## Exercises
#
# Four with a checker, one open. `check` draws random inputs and compares you with torch; `hint` gives the next hint; `solution` shows the code. Nothing is lost when you come back: `progress()` remembers.

# %% [markdown] lang="ko"
# **여기서도 성립해요. 논문에서보다 훨씬 뚜렷해요.** 세 지표 모두, 어느 시드에서나 16s가 32s보다 높고 8s가 16s보다 높아요. 논문에서는 3.0점, 그다음에 0.3점 올랐는데
# 여기서는 그 몇 배씩 올라요. 이유는 단순해요. 96x128 그림은 스트라이드 32에서 3x4칸만 남지만, 500x375짜리 PASCAL VOC 사진은 16x12칸쯤 남거든요. 스킵 연결이 가져오는 것은
# 위치예요. 그래서 가는 물체의 점수가 가장 많이 올라요. 32s에서는 기둥 IoU가 거의 0이었어요.
#
# 사진이 클 때도 더 촘촘한 맵에서 온 스킵 연결이 이만큼 도움이 될까요? 이 작은 실험으로는 알 수 없어요. 그 답은 논문의 표에서 찾아보세요.
#
# ## 연습 문제
#
# 네 문제는 자동으로 채점하고, 나머지 하나는 채점하지 않는 열린 문제예요. `check`는 입력을 무작위로 뽑아 여러분의 답을 torch의 답과 비교해요. `hint`는 다음 힌트를,
# `solution`은 풀이를 보여 줘요. 나중에 다시 와도 괜찮아요. 어디까지 풀었는지 `progress()`가 기억하고 있어요.

# %% [markdown] lang="en"
# ### 1 · fc6 as a convolution

# %% [markdown] lang="ko"
# ### 1 · fc6을 합성곱으로

# %%
exercises.fcn.fc6_as_conv.question()

# %% tags=["stub:fcn.fc6_as_conv"]
#

# %%
exercises.fcn.fc6_as_conv.check(fc6_as_conv)

# %% [markdown] lang="en"
# ### 2 · Stamp and add

# %% [markdown] lang="ko"
# ### 2 · 찍고 더하기

# %%
exercises.fcn.stamp_and_add.question()

# %% tags=["stub:fcn.stamp_and_add"]
#

# %%
exercises.fcn.stamp_and_add.check(stamp_and_add)

# %% [markdown] lang="en"
# ### 3 · The bilinear stamp

# %% [markdown] lang="ko"
# ### 3 · 쌍선형 도장

# %%
exercises.fcn.bilinear_weights.question()

# %% tags=["stub:fcn.bilinear_weights"]
#

# %%
exercises.fcn.bilinear_weights.check(bilinear_weights)

# %% [markdown] lang="en"
# ### 4 · Where the crop belongs

# %% [markdown] lang="ko"
# ### 4 · 어디서부터 자를까요?

# %%
exercises.fcn.crop_offset.question()

# %% tags=["stub:fcn.crop_offset"]
#

# %%
exercises.fcn.crop_offset.check(crop_offset)

# %% [markdown] lang="en"
# ### 5 · What the outlines cost

# %% [markdown] lang="ko"
# ### 5 · 윤곽에서 잃는 점수

# %%
exercises.fcn.open_boundaries.question()

# %%
progress()

# %% [markdown] lang="en"
# ## In one breath
#
# 1. A fully connected layer *is* a convolution as large as its input: the weights are read in another order, and every number stays.
# 2. So a classifier slides over a larger picture in one pass, and its answers become a heat map; the crops come out exactly only without padding.
# 3. The map is enlarged by a transposed convolution, which *adds* stamps; it restores the shape and not the values.
# 4. Bilinear interpolation is one such stamp, whose weights add up to one inside the picture.
# 5. Pooling threw position away, so FCN fetches it back from pool4 and pool3 through short cuts, and adds scores.

# %% [markdown] lang="ko"
# ## 한눈에 정리하기
#
# 1. 완전 연결층은 커널이 입력만큼 큰 합성곱*이에요*. 가중치를 읽는 순서만 바뀌고, 숫자는 하나도 바뀌지 않아요.
# 2. 그래서 분류기로 큰 사진을 한 번에 훑을 수 있고, 자리마다 나온 답이 모여 히트맵(heat map)이 돼요. 조각을 하나씩 계산한 답과 정확히 같은 것은 패딩이 없을 때뿐이에요.
# 3. 맵은 전치 합성곱으로 키워요. 도장을 찍어 *더하는* 연산이에요. 모양은 돌아오지만 값은 돌아오지 않아요.
# 4. 쌍선형 보간도 그런 도장 찍기 가운데 하나예요. 사진 안쪽에서는 한 픽셀에서 만나는 가중치의 합이 1이에요.
# 5. 위치는 풀링에서 사라져요. 그래서 FCN은 스킵 연결로 pool4와 pool3에서 위치를 다시 가져와 점수를 더해요.

# %% tags=["nbval-check-output"]
keys = ["fcn.fcn32s_fixed.miou", "fcn.fcn32s.miou", "fcn.fcn16s.miou", "fcn.fcn8s.miou", "fcn.fcn8s.voc2012_test", "fcn.fcn8s.camvid"]
names = [T(en="FCN-32s, trunk fixed", ko="FCN-32s, 몸통 고정"), "FCN-32s", "FCN-16s", "FCN-8s", "FCN-8s", "FCN-8s"]
figures.table([[name, number.printed, number.data, number.source] for name, key in zip(names, keys) for number in [published.get(key)]],
              [T(en="network", ko="네트워크"), "mIoU", T(en="data", ko="데이터"), T(en="source", ko="출처")])

# %% [markdown] lang="en"
# These numbers come from different data sets and must not be compared across rows with different data.
#
# **What came next.** DeepLab keeps the map at stride 8 and redraws the outlines with a CRF (chapter 02). DeconvNet learns the whole way up (03). U-Net concatenates what FCN adds (06).
#
# **Read on.** The paper's section 3 on patches and loss sampling; Dumoulin and Visin, *A guide to convolution arithmetic*; Odena, Dumoulin and Olah, *Deconvolution and Checkerboard Artifacts*, Distill 2016.

# %% [markdown] lang="ko"
# 이 표에는 서로 다른 데이터에서 나온 숫자가 섞여 있어요. 데이터가 다른 줄끼리 비교하면 안 돼요.
#
# **그다음 이야기.** DeepLab은 맵을 스트라이드 8까지만 줄이고, CRF로 윤곽을 다시 그려요(02장). DeconvNet은 맵을 다시 키우는 과정 전체를 학습해요(03장). U-Net은 FCN이 더하던 것을
# 이어 붙여요(06장).
#
# **더 읽을거리.** 논문 3절의 패치 학습과 손실 표본 추출, Dumoulin과 Visin의 *A guide to convolution arithmetic*,
# Odena, Dumoulin, Olah의 *Deconvolution and Checkerboard Artifacts*(Distill 2016).

"""The exercises of chapter 00: resize a label map, the loss of a picture, mIoU of a whole split, and how few names are enough."""

import torch
from torch.nn import functional as F

from segcourse import figures, ops, training
from segcourse.exercises.engine import Both, Checker, Mistake, exercise, gives, numbers
from segcourse.language import say

VOID = 11

# --- 1 · resize a label map ------------------------------------------------------------------------------------------------


def _draw_label_maps(generator):
    """(labels, size): classes 0 to 10; old sides are odd, so that no new centre falls on a line between two old pixels."""
    for old, new in [((1, 3), (1, 6)), ((3, 3), (6, 6)), ((3, 5), (5, 8)), ((5, 7), (2, 3)), ((7, 5), (3, 9)), ((9, 11), (4, 4)), ((5, 3), (5, 3))]:
        yield torch.randint(0, 11, old, generator=generator), new


def _picked(place):
    """A resizing that takes the pixel at place(i, old side, new side)."""
    def resized(labels, size):
        rows, columns = ([min(max(place(i, had, wanted), 0), had - 1) for i in range(wanted)] for had, wanted in zip(labels.shape, size))
        return labels[rows][:, columns]
    return resized


def _label_picture(case):
    differs = (case.truth != case.value).nonzero()[0].tolist()
    return figures.grids([(case.inputs[0], "input", say(en="labels", ko="레이블")), (case.truth, "output", say(en="expected", ko="기대한 값")),
                          (case.value, "output", say(en="yours", ko="나온 값"))], operators=("→", ""), highlights=[None, tuple(differs), tuple(differs)])


@exercise(
    title=Both(en="Resize a label map", ko="레이블 맵의 크기 바꾸기"), minutes=10, difficulty=1,
    task=Both(
        en="""
Bring a label map to another size. Each new pixel takes over the class of the old pixel in whose square its **centre** lies.

* `labels`: an integer tensor `(height, width)`; `size`: the pair `(rows, columns)` of the result, larger or smaller
* gives an integer tensor `(rows, columns)`

The check compares with `ops.resize(..., mode="nearest")` and with `F.interpolate(..., mode="nearest-exact")`, and the classes must be equal.
That is fair: nothing is computed with the labels, and the sizes are chosen so that no centre falls on a line between two pixels.
""",
        ko="""
레이블 맵의 크기를 바꿔 보세요. 새 픽셀은 자기 **중심**이 들어 있는 옛 픽셀의 클래스를 그대로 가져와요.

* `labels`는 모양이 `(height, width)`인 정수 텐서, `size`는 결과의 크기 `(rows, columns)`예요. 커질 수도 작아질 수도 있어요.
* 모양이 `(rows, columns)`인 정수 텐서를 돌려주세요.

채점은 `ops.resize(..., mode="nearest")`, `F.interpolate(..., mode="nearest-exact")`와 견줘요. 클래스가 모두 같아야 해요. 레이블로 계산하는 것이 없고, 중심이 두 픽셀 사이의 금에 걸리지 않게 크기를 골랐으니 공정한 기준이에요.
"""),
    hints=(
        Both(en="The new pixel `y` is a square from `y` to `y + 1`. Where is its centre?", ko="새 픽셀 `y`는 `y`에서 `y + 1`까지 차지하는 정사각형이에요. 중심은 어디일까요?"),
        Both(en="A length of `rows` new pixels is a length of `height` old ones: multiply by `height / rows`.",
             ko="새 픽셀 `rows`개의 길이가 옛 픽셀 `height`개의 길이와 같아요. `height / rows`를 곱하세요."),
        Both(en="The old pixel with number `i` covers `i` to `i + 1`, so the whole part of the place is its number: `int((y + 0.5) * height / rows)`.",
             ko="번호가 `i`인 옛 픽셀은 `i`에서 `i + 1`까지예요. 그러니 자리의 정수 부분이 번호예요. `int((y + 0.5) * height / rows)`면 돼요."),
    ),
    checker=Checker(
        draw=_draw_label_maps,
        truths=(lambda labels, size: ops.resize(labels, size, mode="nearest"),
                lambda labels, size: F.interpolate(labels[None, None].double(), size=size, mode="nearest-exact")[0, 0]),
        describe=lambda inputs: f"labels {tuple(inputs[0].shape)} {inputs[0].tolist() if inputs[0].numel() <= 9 else ''}, size={inputs[1]}",
        read=numbers, tolerance=1e-9, picture=_label_picture, against=Both(en="ops.resize and F.interpolate", ko="ops.resize와 F.interpolate가 낸"),
        mistakes={
            "corner": Mistake(
                Both(en="You look from the pixel's upper left corner. Its value stands in the middle: add a half before you multiply.",
                     ko="픽셀의 왼쪽 위 모서리에서 보고 있어요. 값은 한가운데에 있어요. 곱하기 전에 0.5를 더하세요."),
                gives(_picked(lambda i, had, wanted: int(i * had / wanted)))),
            "aligned": Mistake(
                Both(en="You put the corner pixels on each other and spread the rest between them. Here the squares must cover the same length: go by centres.",
                     ko="모서리 픽셀끼리 맞추고 나머지를 그 사이에 벌려 놓았어요. 여기서는 정사각형이 덮는 길이가 같아야 해요. 중심으로 맞추세요."),
                gives(_picked(lambda i, had, wanted: round(i * (had - 1) / max(wanted - 1, 1))),
                      _picked(lambda i, had, wanted: int(i * (had - 1) / max(wanted - 1, 1))))),
            "means": Mistake(
                Both(en="You took means of class numbers. The mean of sky (0) and car (8) is 4, pavement, which nobody saw. Take one pixel, whole.",
                     ko="클래스 번호를 평균 냈어요. 하늘(0)과 자동차(8)의 평균은 4, 아무도 못 본 보도예요. 픽셀 하나를 통째로 가져오세요."),
                gives(lambda labels, size: ops.resize(labels.double(), size), lambda labels, size: ops.resize(labels.double(), size).round(),
                      lambda labels, size: ops.resize(labels.double(), size).floor(),
                      lambda labels, size: ops.resize(labels.double(), size, align_corners=True).round())),
            "turned": Mistake(
                Both(en="Height and width have changed places. `size` is (rows, columns), as a shape is.",
                     ko="높이와 너비가 뒤바뀌었어요. `size`도 모양처럼 (rows, columns) 순서예요."),
                lambda cases: all(case.value is not None and case.value.ndim == 2 and case.value.shape == case.truth.shape[::-1] for case in cases)),
        }),
)
def resize_labels(labels, size):
    """labels (H, W) integers -> (rows, columns): each new pixel takes the class of the old one in whose square its centre lies.

    Checked against ops.resize and torch's "nearest-exact", exactly: fair, since no label is computed with and no centre is a tie.
    """
    height, width = labels.shape
    rows, columns = size
    resized = labels.new_zeros(rows, columns)
    for y in range(rows):
        for x in range(columns):
            old_y = int((y + 0.5) * height / rows)  # hole  # en: the old row under the centre | ko: 중심 아래에 있는 옛 줄
            old_x = int((x + 0.5) * width / columns)  # hole  # en: and the old column | ko: 그리고 옛 칸
            resized[y, x] = labels[old_y, old_x]  # hole
    return resized


# --- 2 · the loss of a picture ---------------------------------------------------------------------------------------------


def _draw_logits(generator):
    """(logits, labels, void) in float64: small first, with void pixels in all but the first, with large logits in the last."""
    for classes, height, width in [(2, 1, 2), (3, 2, 2), (3, 2, 3), (5, 4, 3), (11, 3, 5), (4, 6, 6)]:
        logits = torch.randn(classes, height, width, generator=generator, dtype=torch.float64) * 2
        labels = torch.randint(0, classes, (height, width), generator=generator)
        if height > 1:
            labels[0, 0] = 255
            labels[-1, ::3] = 255
            labels[-1, 1] = 0
        yield logits, labels, 255


def _kept(logits, labels, void):
    """(C, number of counted pixels) logits and their labels."""
    counted = labels != void
    return logits[:, counted], labels[counted]


def _pixel_losses(logits, labels, void):
    return F.cross_entropy(logits[None], labels[None], ignore_index=void, reduction="none")[0]


def _wrong_axis(logits, labels, void):
    probability = logits.flatten(1).softmax(1).view_as(logits)
    flat, true = _kept(probability, labels, void)
    return -flat.gather(0, true[None]).log().mean()


def _true_probability(logits, labels, void):
    flat, true = _kept(logits.softmax(0), labels, void)
    return flat.gather(0, true[None])[0]


@exercise(
    title=Both(en="The loss of a picture", ko="그림 한 장의 손실"), minutes=20, difficulty=2,
    task=Both(
        en="""
Write the cross-entropy of one picture from its logits: the mean of $-\\log p$ of the true class, over the pixels that are not void. Use neither
`F.cross_entropy` nor `F.nll_loss`; that is what you are rebuilding.

* `logits`: `(classes, height, width)` in float64; `labels`: `(height, width)`, whole numbers, classes or `void`; `void`: the number of void
* gives one number, a tensor without axes

The check compares with `F.cross_entropy(..., ignore_index=void)` and with `ops.cross_entropy`, to 1e-9. That is fair: in float64 the two ways
of computing a softmax differ by about 1e-15.
""",
        ko="""
그림 한 장의 교차 엔트로피를 로짓에서부터 직접 써 보세요. 무시 픽셀을 뺀 픽셀에서 정답 클래스의 $-\\log p$를 평균 내면 돼요. `F.cross_entropy`와 `F.nll_loss`는 쓰지 마세요. 바로 그것을 다시 만드는 문제니까요.

* `logits`는 모양이 `(classes, height, width)`인 float64 텐서, `labels`는 모양이 `(height, width)`이고 값은 클래스 번호나 `void`, `void`는 무시 레이블의 번호예요.
* 숫자 하나를 축이 없는 텐서로 돌려주세요.

채점은 `F.cross_entropy(..., ignore_index=void)`, `ops.cross_entropy`와 견주고 차이가 1e-9 안이면 돼요. float64에서는 소프트맥스를 어떻게 계산해도 1e-15쯤만 다르니 넉넉한 기준이에요.
"""),
    hints=(
        Both(en="The logarithm of a softmax is simple: $\\log p_c = z_c - \\log \\sum_k e^{z_k}$. Over which axis does the sum go?",
             ko="소프트맥스의 로그는 간단해요. $\\log p_c = z_c - \\log \\sum_k e^{z_k}$예요. 합은 어느 축을 따라 낼까요?"),
        Both(en="`gather(0, index[None])` picks at each pixel the entry of its class. It needs a class everywhere, at void pixels too: put any there, they are dropped afterwards.",
             ko="`gather(0, index[None])`은 픽셀마다 그 클래스의 값을 골라요. 무시 픽셀에도 클래스 번호가 있어야 하니 아무 번호나 넣어 두세요. 나중에 빼면 돼요."),
        Both(en="`loss[counted].mean()` divides by the number of pixels that count.", ko="`loss[counted].mean()`은 세는 픽셀의 수로만 나눠요."),
    ),
    checker=Checker(
        draw=_draw_logits,
        truths=(lambda logits, labels, void: ops.cross_entropy(logits[None], labels[None], void=void),
                lambda logits, labels, void: F.cross_entropy(logits[None], labels[None], ignore_index=void)),
        describe=lambda inputs: f"logits {tuple(inputs[0].shape)}, labels {inputs[1].tolist() if inputs[1].numel() <= 6 else tuple(inputs[1].shape)}, "
                                f"void={inputs[2]}",
        read=numbers, tolerance=1e-9, against=Both(en="F.cross_entropy and ops.cross_entropy", ko="F.cross_entropy와 ops.cross_entropy가 낸"),
        mistakes={
            "void": Mistake(
                Both(en="Void pixels count in your mean: they add 0 above the line and 1 below it. Divide by the pixels that count.",
                     ko="평균에 무시 픽셀이 들어 있어요. 분자에는 0을 더하고 분모에는 1을 더하죠. 세는 픽셀의 수로만 나누세요."),
                gives(lambda *inputs: _pixel_losses(*inputs).mean())),
            "void is a class": Mistake(
                Both(en="At void pixels you took the loss of some class, and kept it. Whatever number you put there, the pixel has to be left out afterwards.",
                     ko="무시 픽셀에서 아무 클래스의 손실을 구하고 그대로 두었어요. 거기에 어떤 번호를 넣든 나중에는 그 픽셀을 빼야 해요."),
                gives(lambda logits, labels, void: _pixel_losses(logits, labels.where(labels != void, 0), void).mean(),
                      lambda logits, labels, void: _pixel_losses(logits, labels.where(labels != void, len(logits) - 1), void).mean())),
            "sum": Mistake(
                Both(en="That is the sum over the pixels. A mean does not grow with the picture.", ko="픽셀의 손실을 모두 더한 값이에요. 평균은 그림이 커져도 커지지 않아요."),
                gives(lambda *inputs: _pixel_losses(*inputs).sum())),
            "sign": Mistake(
                Both(en="The amount is right, the sign is not: a logarithm of a probability is never positive, a loss never negative.",
                     ko="크기는 맞는데 부호가 반대예요. 확률의 로그는 양수가 될 수 없고, 손실은 음수가 될 수 없어요."),
                gives(lambda logits, labels, void: -F.cross_entropy(logits[None], labels[None], ignore_index=void))),
            "axis": Mistake(
                Both(en="Your probabilities add up to 1 over the pixels. At each pixel the *classes* compete: sum over axis 0.",
                     ko="확률의 합이 픽셀을 따라 1이에요. 겨루는 것은 한 픽셀 안의 *클래스*예요. 0번 축을 따라 더하세요."), gives(_wrong_axis)),
            "no logarithm": Mistake(
                Both(en="The probability itself is missing its logarithm. $1 - p$ hardly minds whether p is 0.1 or 0.001; $-\\log p$ does.",
                     ko="확률에 로그를 씌우지 않았어요. $1 - p$는 p가 0.1이든 0.001이든 거의 같지만 $-\\log p$는 크게 달라요."),
                gives(lambda *inputs: 1 - _true_probability(*inputs).mean(), lambda *inputs: -_true_probability(*inputs).mean(),
                      lambda *inputs: _true_probability(*inputs).mean(), lambda *inputs: -_true_probability(*inputs).mean().log())),
        }),
    imports="import torch",
)
def pixel_loss(logits, labels, void):
    """logits (C, H, W), labels (H, W) -> the mean of -log p of the true class over the pixels that are not void. FCN, section 4.3.

    Checked against torch's cross_entropy and the package's within 1e-9 in float64: fair, two ways of writing a softmax differ by 1e-15.
    """
    counted = labels != void
    log_probability = logits - torch.logsumexp(logits, dim=0)  # hole  # (C, H, W)
    any_class = labels.where(counted, 0)  # en: gather needs a class everywhere | ko: gather에는 어디나 클래스 번호가 필요해요
    loss = -log_probability.gather(0, any_class[None])[0]  # hole  # (H, W)
    return loss[counted].mean()  # hole


# --- 3 · mIoU of a whole split ---------------------------------------------------------------------------------------------


def _draw_splits(generator):
    """(truths, predictions, classes, void): predictions mostly right, with void, with classes that occur in one image or nowhere."""
    for number, (count, height, width, classes, void) in enumerate([(1, 1, 4, 2, 2), (2, 2, 2, 2, 2), (2, 3, 4, 3, 9), (3, 4, 4, 5, 255), (4, 5, 6, 11, 11), (3, 6, 5, 4, 4)]):
        last = max(classes - 1, 2) if number >= 3 else classes              # from the fourth on one class occurs nowhere
        truths = torch.randint(0, last, (count, height, width), generator=generator)
        truths[0] = truths[0].clamp(max=max(last - 2, 1) if count > 1 else last - 1)      # the first image lacks a class
        predictions = torch.where(torch.rand(truths.shape, generator=generator) < 0.6, truths, torch.randint(0, last, truths.shape, generator=generator))
        if number == 0:
            truths, predictions = torch.tensor([[[0, 0, 1, 2]]]), torch.tensor([[[0, 1, 1, 0]]])
        else:
            truths[:, -1, 0] = void
            predictions[:, -1, 0] = 0
        yield truths, predictions, classes, void


def _tables(truths, predictions, classes, void):
    return [ops.confusion_matrix(t, p, classes, void=void) for t, p in zip(truths, predictions)]


def _by_sets(truths, predictions, classes, void):
    """The mIoU from sets of pixels, without a confusion matrix."""
    kept = truths != void
    each = []
    for number in range(classes):
        true, said = (truths == number)[kept], (predictions == number)[kept]
        if (true | said).any():
            each.append((true & said).sum() / (true | said).sum().double())
    return torch.stack(each).mean()


def _with_void_in_the_union(truths, predictions, classes, void):
    """Void pixels add to what was predicted, as where only the truth is masked."""
    hit = torch.stack([((truths == c) & (predictions == c)).sum() for c in range(classes)]).double()
    either = torch.stack([((truths == c) | (predictions == c)).sum() for c in range(classes)])
    return (hit / either).nanmean()


def _whole(*inputs):
    return sum(_tables(*inputs))


@exercise(
    title=Both(en="mIoU of a whole split", ko="데이터 전체의 mIoU"), minutes=20, difficulty=2,
    task=Both(
        en="""
Compute mIoU as the papers do: count over **all** images together, leave void pixels out of both sides, and take the mean over the classes that
occur, in the truth or in the prediction.

* `truths`, `predictions`: whole numbers, `(images, height, width)`; `num_classes`: how many classes there are; `void`: the label that is no class
* gives one number from 0 to 1

The check compares with `training.Scores` and with a count by sets of pixels, to 1e-6. That is fair: counts are whole numbers, and one division a
class in float32 errs by less than 1e-7.
""",
        ko="""
논문에서 하는 대로 mIoU를 구해 보세요. **모든** 이미지를 함께 세고, 무시 픽셀은 정답과 예측 양쪽에서 빼고, 정답이나 예측에 한 번이라도 나온 클래스끼리만 평균을 내요.

* `truths`와 `predictions`는 모양이 `(images, height, width)`인 정수 텐서, `num_classes`는 클래스 수, `void`는 클래스가 아닌 레이블이에요.
* 0에서 1까지의 숫자 하나를 돌려주세요.

채점은 `training.Scores`, 그리고 픽셀을 집합으로 센 값과 견주고 차이가 1e-6 안이면 돼요. 개수는 정수이고, 클래스마다 float32로 한 번 나눌 때 오차가 1e-7도 안 되니 넉넉한 기준이에요.
"""),
    hints=(
        Both(en="For one class: in how many pixels do truth and prediction agree on it, and in how many does at least one of them say it?",
             ko="클래스 하나만 생각해 보세요. 정답과 예측이 모두 그 클래스인 픽셀은 몇 개이고, 하나라도 그 클래스인 픽셀은 몇 개일까요?"),
        Both(en="Void pixels go first: `truths != void` says which pixels count, and both masks of a class need it.",
             ko="무시 픽셀부터 빼세요. `truths != void`가 세는 픽셀을 알려 주고, 클래스의 두 마스크에 모두 필요해요."),
        Both(en="`(true & said).sum() / (true | said).sum()`, over all images at once; a class whose union is empty does not enter the mean.",
             ko="모든 이미지에서 한꺼번에 `(true & said).sum() / (true | said).sum()`을 구해요. 합집합이 비어 있는 클래스는 평균에 넣지 않아요."),
    ),
    checker=Checker(
        draw=_draw_splits,
        truths=(lambda truths, predictions, classes, void: training.Scores.from_labels(predictions, truths, classes, void=void).miou, _by_sets),
        describe=lambda inputs: f"truths {inputs[0].tolist() if inputs[0].numel() <= 8 else tuple(inputs[0].shape)}, "
                                f"predictions {inputs[1].tolist() if inputs[1].numel() <= 8 else tuple(inputs[1].shape)}, num_classes={inputs[2]}, void={inputs[3]}",
        read=numbers, tolerance=1e-6, against=Both(en="training.Scores and a count by sets", ko="training.Scores와 집합으로 센"),
        mistakes={
            "accuracy": Mistake(
                Both(en="That is pixel accuracy: the share of right pixels. IoU is computed class by class, and divides by the union.",
                     ko="픽셀 정확도, 그러니까 맞은 픽셀의 비율이에요. IoU는 클래스마다 따로 구하고 합집합으로 나눠요."),
                gives(lambda *inputs: _whole(*inputs).diagonal().sum() / _whole(*inputs).sum())),
            "void": Mistake(
                Both(en="Void pixels of the truth are still in the union, by way of the prediction. Mask both.",
                     ko="정답이 무시 레이블인 픽셀이 예측 쪽에서 합집합에 들어왔어요. 양쪽을 모두 가리세요."), gives(_with_void_in_the_union)),
            "images": Mistake(
                Both(en="You took the IoU of each image and then the mean. Add the counts of all images first, divide afterwards.",
                     ko="이미지마다 IoU를 구해 평균 냈어요. 개수부터 모두 더하고 그다음에 나누세요."),
                gives(lambda *inputs: torch.stack([ops.class_iou(part).nanmean() for part in _tables(*inputs)]).mean(),
                      lambda *inputs: torch.stack([ops.class_iou(part) for part in _tables(*inputs)]).nanmean(0).nanmean(),
                      lambda *inputs: torch.stack([ops.class_iou(part).nan_to_num(0.0).mean() for part in _tables(*inputs)]).mean(),
                      lambda *inputs: torch.stack([ops.class_iou(part).nan_to_num(1.0).mean() for part in _tables(*inputs)]).mean())),
            "absent": Mistake(
                Both(en="A class that occurs nowhere, neither in the truth nor in the prediction, is in your mean. Its IoU is 0/0: leave it out.",
                     ko="정답에도 예측에도 한 번도 나오지 않은 클래스가 평균에 들어 있어요. 그 IoU는 0/0이니 빼세요."),
                gives(lambda *inputs: ops.class_iou(_whole(*inputs)).nan_to_num(0.0).mean(), lambda *inputs: ops.class_iou(_whole(*inputs)).nan_to_num(1.0).mean())),
            "recall": Mistake(
                Both(en="You divide by the true pixels of the class alone: that is recall. Pixels that were wrongly called by its name belong below the line, too.",
                     ko="정답 픽셀 수로만 나눴어요. 그건 재현율이에요. 그 이름으로 잘못 부른 픽셀도 분모에 들어가야 해요."),
                gives(lambda *inputs: (_whole(*inputs).diagonal().double() / _whole(*inputs).sum(1)).nanmean(),
                      lambda *inputs: (_whole(*inputs).diagonal().double() / _whole(*inputs).sum(0)).nanmean())),
            "twice": Mistake(
                Both(en="Your union counts the pixels that both name twice: true pixels plus predicted pixels, less the hits.",
                     ko="합집합에서 둘 다 그 이름으로 부른 픽셀을 두 번 셌어요. 정답 픽셀 더하기 예측 픽셀에서 맞은 픽셀을 한 번 빼세요."),
                gives(lambda *inputs: (_whole(*inputs).diagonal().double() / (_whole(*inputs).sum(0) + _whole(*inputs).sum(1))).nanmean(),
                      lambda *inputs: (2 * _whole(*inputs).diagonal().double() / (_whole(*inputs).sum(0) + _whole(*inputs).sum(1))).nanmean())),
        }),
)
def mean_iou(truths, predictions, num_classes, void):
    """truths, predictions (N, H, W) -> the mean IoU over the classes that occur, counted over all images. FCN, section 5.

    Checked against training.Scores and a count by sets within 1e-6: fair, counts are whole numbers and one float32 division errs by 1e-7.
    """
    counted = truths != void  # hole  # en: the pixels that count | ko: 세는 픽셀
    ious = []
    for number in range(num_classes):
        true, said = (truths == number) & counted, (predictions == number) & counted
        hit = (true & said).sum()  # hole
        either = (true | said).sum()  # hole
        if either > 0:
            ious.append(hit / either)
    return sum(ious) / len(ious)


# --- 4 · how few names are enough? -----------------------------------------------------------------------------------------

# Names known -> pixel accuracy and mIoU of the witness in per cent, on the test split of chapter 00's experiment; a test computes them.
WITNESS = {1: (26.4, 2.4), 2: (45.0, 12.0), 3: (59.7, 21.8), 4: (74.3, 31.9), 5: (84.8, 42.1), 6: (93.6, 52.8), 7: (95.4, 62.3), 8: (97.2, 71.8),
           9: (98.6, 81.4), 10: (99.5, 90.8), 11: (100.0, 100.0)}
RAREST_FIRST = {6: (15.2, 45.5)}        # the same with the order turned round


def _witness_table(*headers):
    rows = [f"| {count} | " + " | ".join(f"{value:.1f} %" for value in values) + " |" for count, values in WITNESS.items()]
    return "\n".join([f"| {' | '.join(headers)} |", "|---:|---:|---:|", *rows])


@exercise(
    title=Both(en="How few names are enough?", ko="이름 몇 개면 충분할까요?"), minutes=(20, 40), difficulty=4,
    task=Both(
        en="""
A witness sees every pixel perfectly, and knows only some of the class names. Where another name would be right, the witness says the first of
those it knows. How many names does it take to look good, by which score?

* Write `few_names(labels, keep)`: `labels` are the true ones, `(N, H, W)`, with 11 as void; `keep` is the list of classes that the witness knows,
  the commonest first. It gives what the witness says, `(N, H, W)`.
* Order the classes by how common they are, and let the witness know 1, 2, ... 11 of them. Score each with `training.Scores.from_labels`:
  `pixel_accuracy` and `miou`.
* Draw both over the number of names. Then turn the order round: the rarest first. Which curve hardly changes?

`images, labels = experiment.data("test").stack()` gives the labels. Write down what you expect before you run it.
""",
        ko="""
목격자 한 명이 모든 픽셀을 완벽하게 봐요. 다만 아는 클래스 이름이 몇 개뿐이에요. 모르는 이름이 정답인 픽셀에서는 아는 이름 가운데 첫째를 말해요. 이름을 몇 개 알아야, 어느 지표로 좋아 보일까요?

* `few_names(labels, keep)`을 써 보세요. `labels`는 모양이 `(N, H, W)`인 정답 레이블이고 무시 레이블은 11이에요. `keep`은 목격자가 아는 클래스 목록인데, 가장 흔한 것이 맨 앞이에요. 목격자가 말한 레이블 `(N, H, W)`를 돌려주세요.
* 클래스를 흔한 순서로 놓고, 목격자가 1개, 2개, ... 11개까지 알 때를 차례로 `training.Scores.from_labels`로 재 보세요. `pixel_accuracy`와 `miou`를 보면 돼요.
* 아는 이름 수에 따라 두 지표를 그려 보세요. 그런 다음 순서를 뒤집어서 드문 것부터 알게 해 보세요. 거의 바뀌지 않는 곡선은 어느 쪽인가요?

레이블은 `images, labels = experiment.data("test").stack()`으로 얻어요. 실행하기 전에 어떤 결과가 나올지 먼저 적어 보세요.
"""),
    hints=(
        Both(en="`torch.isin` says at which pixels the true name is among the known ones.", ko="`torch.isin`은 정답 이름이 아는 이름 가운데 있는 픽셀을 알려 줘요."),
        Both(en="What can mIoU be at most when only k of 11 names are ever said?", ko="이름을 k개만 말할 수 있다면 mIoU는 많아야 얼마일까요? 클래스는 11개예요."),
    ),
    discussion=Both(
        en=f"""
On the test split of the streets (100 pictures of 96x128), commonest names first, we found:

{_witness_table("names", "pixel accuracy", "mIoU")}

* **Pixel accuracy fills up early.** With 6 of the 11 names, {WITNESS[6][0]:.1f} % of the pixels are right, and none of the 6 is a pole, a sign or a person.
* **mIoU climbs name by name.** A name that is never said has an IoU of 0, so k names give at most k/11. It stays below that, since the first name is
  said too often, which costs its own IoU.
* **Turned round**, the rarest 6 first: mIoU is {RAREST_FIRST[6][1]:.1f} %, not far from before, since every class has one vote; pixel accuracy is
  {RAREST_FIRST[6][0]:.1f} %.
* So a pixel accuracy says little about how *many* things a network knows, and an mIoU little about how much of the picture is right. Give both.
""",
        ko=f"""
거리 그림의 테스트 데이터(96x128, 100장)에서 흔한 이름부터 알게 했더니 이렇게 나왔어요.

{_witness_table("이름", "픽셀 정확도", "mIoU")}

* **픽셀 정확도는 금방 차요.** 이름 11개 가운데 6개만 알아도 픽셀의 {WITNESS[6][0]:.1f}%를 맞히는데, 그 6개에는 기둥도 표지판도 사람도 없어요.
* **mIoU는 이름 하나에 한 칸씩 올라요.** 한 번도 말하지 않은 이름은 IoU가 0이라서 이름이 k개면 많아야 k/11이에요. 실제로는 그보다 낮아요. 첫째 이름을 너무 자주 말해서 그 클래스의 IoU가 깎이거든요.
* **순서를 뒤집어** 드문 것부터 6개를 알면 mIoU는 {RAREST_FIRST[6][1]:.1f}%로 앞과 크게 다르지 않아요. 클래스마다 한 표니까요. 픽셀 정확도는 {RAREST_FIRST[6][0]:.1f}%밖에 안 돼요.
* 그러니 픽셀 정확도만 봐서는 네트워크가 *몇 가지*를 아는지 알 수 없고, mIoU만 봐서는 그림을 얼마나 맞혔는지 알 수 없어요. 둘 다 적어 주세요.
"""),
)
def few_names(labels, keep):
    """What a witness says who sees everything and knows only the classes `keep`: labels (N, H, W) -> (N, H, W). Open: nothing is checked."""
    known = torch.isin(labels, torch.tensor(keep))  # hole
    return torch.where(known, labels, keep[0])  # hole

"""Recipes: how each network is trained, as its paper says and as we do it, every difference with its reason.

A recipe is plain data; `dataclasses.replace(recipe, steps=500)` changes it. `recipes.get("fcn8s", data="camvid", kind="ours")`.
"""

import difflib
from dataclasses import asdict, dataclass, fields, replace

from segcourse.language import josa, say


_WHOLE = ("steps", "batch_size", "accumulate", "warmup", "evaluate_every", "read_every", "step_every")


@dataclass(frozen=True)
class Recipe:
    """One way to train. Learning rates belong to `loss_reduction`: a rate for a sum over pixels is useless for a mean, and the reverse."""

    steps: int = 1000                       # optimiser steps
    batch_size: int = 8                     # pictures of a step, on all devices together
    accumulate: int = 1                     # parts in which a batch goes through the network, one after the other: less memory, the same step
    optimizer: str = "sgd"                  # sgd | adamw
    lr: float = 0.01
    momentum: float = 0.9                   # of sgd; the first beta of adamw
    weight_decay: float = 5e-4
    bias_lr: float = 1.0                    # factor on the biases' rate; Caffe's recipes double it
    decay_bias: bool = False                # whether biases and norms decay too
    trunk_lr: float = 1.0                   # factor on the rate of the trunk, `features`, which a backbone file fills
    head_lr: float = 1.0                    # factor on the rate of the layers that `model.head` names; DeepLab's learn 10 times as fast
    schedule: str = "constant"              # constant | step | poly | cosine | one_cycle
    step_every: int = 0                     # steps between the drops of schedule "step"
    step_factor: float = 0.1                # what each drop multiplies the rate by
    warmup: int = 0                         # steps of linear warm-up
    clip: float = 0.0                       # largest norm of all gradients together; 0 for no limit
    loss_reduction: str = "mean"            # mean | sum over the pixels that are not void
    class_weights: str | None = None        # None | "median_frequency"
    class_weight_power: float = 1.0         # 1 the plain weights, 0.5 their square root
    top_k: float = 0.0                      # share of each image's pixels, those of largest loss, that count; 0 for all
    flip: bool = False                      # mirror left and right, half of the time
    scale: tuple[float, float] | None = None    # resize by a factor drawn from this range (evenly on a log scale)
    crop: tuple[int, int] | None = None     # (h, w) cut from the picture; None keeps its size
    colour: float = 0.0                     # jitter of brightness and contrast: 0.2 is up to 20 %
    batch_norm: str = "train"               # train | frozen (statistics, scale and shift stay) | sync (statistics of all processes together)
    average: float = 0.0                    # decay of the exponential moving average of the weights that is scored and kept; 0 for none
    precision: str = "auto"                 # auto | float32 | float64 | bfloat16 | float16; auto is 16 bits where the device has them
    evaluate_every: int = 0                 # steps between looks at the validation split; 0 is only at the end
    read_every: int = 1                     # steps between looks at the loss: each look waits for the device, so that more is faster on a GPU
    seed: int = 0

    def __post_init__(self):
        for name, smallest in (("steps", 1), ("batch_size", 1), ("accumulate", 1), ("lr", 0), ("warmup", 0), ("evaluate_every", 0), ("read_every", 1),
                               ("weight_decay", 0), ("trunk_lr", 0), ("head_lr", 0), ("bias_lr", 0), ("step_every", 0), ("average", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ValueError(say(en=f"{name} must be a number, got {value!r}", ko=f"{josa(name, '은/는')} 수여야 하는데 {josa(repr(value), '이에요/예요')}. 고쳐 주세요."))
            if name in _WHOLE and not isinstance(value, int):
                raise ValueError(say(en=f"{name} must be a whole number, got {value!r}", ko=f"{josa(name, '은/는')} 정수여야 하는데 {josa(repr(value), '이에요/예요')}. 고쳐 주세요."))
            if value < smallest:
                raise ValueError(say(en=f"{name} must be at least {smallest}, got {value}",
                                     ko=f"{josa(name, '은/는')} {smallest} 이상이어야 하는데 {josa(value, '이에요/예요')}. 고쳐 주세요."))
        for name in ("flip", "decay_bias"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise ValueError(say(en=f"{name} must be true or false, got {value!r}", ko=f"{josa(name, '은/는')} true나 false여야 하는데 {josa(repr(value), '이에요/예요')}. 고쳐 주세요."))
        for name, kind in (("crop", int), ("scale", (int, float))):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, (tuple, list)) and len(value) == 2 and all(isinstance(part, kind) and part > 0 for part in value)):
                raise ValueError(say(en=f"{name} must be none or a pair of positive numbers, as [320,480] or [0.5,2], got {value!r}",
                                     ko=f"{josa(name, '은/는')} none이거나 [320,480], [0.5,2]처럼 0보다 큰 수 2개여야 하는데 {josa(repr(value), '이에요/예요')}. 고쳐 주세요."))
        for name, known in (("optimizer", ("sgd", "adamw")), ("loss_reduction", ("mean", "sum")), ("class_weights", (None, "median_frequency")),
                            ("precision", ("auto", "float32", "float64", "bfloat16", "float16")), ("batch_norm", ("train", "frozen", "sync"))):
            value = getattr(self, name)
            if value not in known:
                choices = ", ".join(str(choice) for choice in known)
                raise ValueError(say(en=f"{name} must be one of {choices}, got {value!r}",
                                     ko=f"{josa(name, '은/는')} {choices} 가운데 하나여야 하는데 {josa(repr(value), '이에요/예요')}. 고쳐 주세요."))

        if self.accumulate > self.batch_size:
            raise ValueError(say(en=f"accumulate is the number of parts of a batch, got {self.accumulate} for a batch of {self.batch_size}: at most one part a picture",
                                 ko=f"accumulate는 배치를 몇으로 나눌지 정하는 수예요. 배치가 {self.batch_size}장인데 {josa(self.accumulate, '이에요/예요')}. {self.batch_size} 이하로 해 주세요."))
        if self.average >= 1:
            raise ValueError(say(en=f"average is a decay below 1, as 0.999, got {self.average}", ko=f"average는 0.999처럼 1보다 작은 감쇠율인데 {josa(self.average, '이에요/예요')}. 고쳐 주세요."))
        if self.schedule == "step" and not self.step_every:
            raise ValueError(say(en="the schedule step drops the rate every step_every steps: say how many", ko="schedule이 step이면 학습률을 몇 스텝마다 낮출지 step_every로 정해 주세요."))
        if not 0 <= self.top_k <= 1:
            raise ValueError(say(en=f"top_k is a share from 0 to 1, got {self.top_k}", ko=f"top_k는 0에서 1 사이의 비율인데 {josa(self.top_k, '이에요/예요')}. 고쳐 주세요."))
        if self.top_k and (self.class_weights or self.loss_reduction != "mean"):
            raise ValueError(say(en="top_k takes the mean of the hardest pixels: leave class_weights and loss_reduction='sum' out of the same recipe",
                                 ko="top_k는 가장 어려운 픽셀의 평균이에요. class_weights나 loss_reduction='sum'과 함께 쓰지 말아 주세요."))

        from segcourse.training import schedules

        schedules.factor(self, 0)      # refuses an unknown name now, not after the data has been read

    def as_dict(self) -> dict:
        """The recipe as plain JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict) -> "Recipe":
        """The recipe `as_dict` wrote. Unknown names raise TypeError."""
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


@dataclass(frozen=True)
class Change:
    """One place where our recipe differs from the paper's, and why, in both languages."""

    name: str
    ours: object
    en: str
    ko: str

    def why(self) -> str:
        """The reason in the language in force."""
        return say(en=self.en, ko=self.ko)


def _vgg_paper(lr: float) -> Recipe:
    """Section 4.3 of the FCN paper for VGG16: 20 images a step, one rate throughout, biases at twice the rate. The paper trains at least
    175 epochs; on CamVid's 367 images that is 3212 steps. It prints the weight decay as "5^-4 or 2^-4", read as 5e-4."""
    return Recipe(steps=3212, batch_size=20, optimizer="sgd", lr=lr, momentum=0.9, weight_decay=5e-4, bias_lr=2.0, decay_bias=False,
                  schedule="constant", precision="float32")


# The paper trains 32s first, 16s from 32s, 8s from 16s (`--init`), each stage at a hundredth of the rate before (section 4.2). It gives
# no recipe for CamVid; this is its recipe for PASCAL VOC, used on CamVid.
_PAPER = {"fcn32s": _vgg_paper(1e-4), "fcn16s": _vgg_paper(1e-6), "fcn8s": _vgg_paper(1e-8), "fcn_alexnet": replace(_vgg_paper(1e-4), lr=1e-3)}

# DeepLab v1, section 5: the classifier at ten times the rate, a tenth every 2000 steps, squares of 321 pixels, mirrored. The text says 20
# images a step, the release 30; both 6000 steps. It is the recipe for PASCAL VOC, used on CamVid. Its loss is taken on the map of stride 8.
_PAPER["deeplab_v1"] = Recipe(steps=6000, batch_size=20, optimizer="sgd", lr=1e-3, momentum=0.9, weight_decay=5e-4, bias_lr=2.0, head_lr=10.0, schedule="step",
                              step_every=2000, step_factor=0.1, flip=True, crop=(321, 321), precision="float32")

# DeconvNet, section 4.2 and the release: 64 squares of 224 pixels a step, in eight parts, so that batch normalisation sees 8 at a time; mirrored. These are
# the numbers of its second stage, which labels everything; its first, on crops of single objects, takes 20,000 steps with a tenth every 9000. It is the
# recipe for object proposals of PASCAL VOC. After training the paper recomputes the statistics of batch normalisation; here they are running means.
_PAPER["deconvnet"] = Recipe(steps=40000, batch_size=64, accumulate=8, optimizer="sgd", lr=0.01, momentum=0.9, weight_decay=5e-4, schedule="step",
                             step_every=10000, step_factor=0.1, flip=True, crop=(224, 224), precision="float32")

# SegNet's benchmark on CamVid's 11 classes (its section 4): one rate throughout, 5 pictures a step, 140,000 steps on 3433 road scenes, of which CamVid's
# 367 are a part; balanced by median frequency.
_PAPER["segnet"] = Recipe(steps=140000, batch_size=5, optimizer="sgd", lr=1e-3, momentum=0.9, weight_decay=5e-4, schedule="constant",
                          class_weights="median_frequency", precision="float32")

_CAMVID = (
    Change("steps", 4000, en="87 passes over the 367 images, a few minutes on one GPU", ko="이미지 367장을 87번 돌아요. GPU 하나로 몇 분이면 돼요."),
    Change("batch_size", 8, en="fits a 16 GB card with the pad of 100 pixels", ko="100픽셀 패딩을 두고도 16 GB 그래픽 카드에 들어가요."),
    Change("optimizer", "adamw", en="the activations of pool3 and pool4 are tens of times those of fc7, so that one rate of sgd cannot suit all three "
           "score layers; the paper trains them in three stages of ever smaller rates instead",
           ko="pool3과 pool4의 활성값이 fc7보다 수십 배 커서 sgd의 학습률 하나로는 점수 층 3개를 다 맞출 수 없어요. 논문은 학습률을 줄여 가며 세 단계로 나눠 학습해요."),
    Change("lr", 2e-4, en="one stage from VGG16's convolutions, with fc6 and fc7 from nothing: 1e-8 would not move them",
           ko="VGG16의 합성곱에서 바로 한 번에 학습하고 fc6과 fc7은 처음부터 배워요. 1e-8로는 움직이지 않아요."),
    Change("trunk_lr", 0.5, en="the trunk has learnt already", ko="몸통은 이미 배웠으니까요."),
    Change("weight_decay", 0.01, en="adamw multiplies it by the learning rate", ko="adamw는 여기에 학습률을 곱해요."),
    Change("schedule", "poly", en="a rate that falls to nothing needs no choice of when to stop (DeepLab v2 measured what it gains)",
           ko="학습률이 0까지 내려가면 언제 멈출지 고르지 않아도 돼요(DeepLab v2가 그 이득을 쟀어요)."),
    Change("warmup", 200, en="the new layers would otherwise shake the trained trunk in the first steps",
           ko="처음 몇 스텝 동안 새 층이 학습된 몸통을 흔들지 않게 해요."),
    Change("clip", 5.0, en="bounds the same first steps", ko="같은 까닭으로 처음 스텝의 크기를 묶어요."),
    Change("bias_lr", 1.0, en="adamw scales each weight's step itself", ko="adamw가 가중치마다 걸음을 조절해요."),
    Change("class_weights", "median_frequency", en="poles and pedestrians together are about 2 % of CamVid's pixels; the paper found balancing "
           "unnecessary on PASCAL VOC, where background is three quarters and a class is a large object",
           ko="CamVid에서 기둥과 보행자는 모두 합쳐 픽셀의 2 %쯤이에요. 배경이 3/4이고 물체가 큰 PASCAL VOC에서 논문은 가중치가 필요 없다고 했어요."),
    Change("class_weight_power", 0.5, en="the square root: the full weights trade IoU for recall", ko="제곱근이에요. 그대로 쓰면 재현율은 오르지만 IoU가 떨어져요."),
    Change("flip", True, en="367 images are few", ko="이미지가 367장뿐이니까요."),
    Change("scale", (0.5, 2.0), en="cars come near and far", ko="자동차는 가까이도 멀리도 있어요."),
    Change("colour", 0.2, en="one of the films was shot at dusk", ko="영상 하나는 해 질 녘에 찍었어요."),
    Change("precision", "auto", en="16 bits where the device has them: faster, and half the memory", ko="장치가 되면 16비트로 계산해요. 빠르고 메모리도 절반이에요."),
    Change("evaluate_every", 500, en="to see it learn", ko="배우는 모습을 보려고요."),
)

# DeepLab v1 on CamVid. Not yet measured.
_KEPT = ("trunk_lr", "weight_decay", "schedule", "warmup", "clip", "bias_lr", "class_weight_power", "scale", "colour", "precision", "evaluate_every")
_CAMVID_DEEPLAB = (
    Change("steps", 4000, en="87 passes over the 367 images", ko="이미지 367장을 87번 돌아요."),
    Change("batch_size", 8, en="whole pictures hold more pixels than squares of 321, and 8 of them about as many as 13 squares",
           ko="이미지를 통째로 넣으면 한 변이 321픽셀인 조각보다 픽셀이 많아요. 8장이면 조각 13장쯤이에요."),
    Change("crop", None, en="CamVid's pictures have one size, so a batch needs no crop", ko="CamVid는 이미지 크기가 모두 같아서 잘라 낼 필요가 없어요."),
    Change("optimizer", "adamw", en="the same for all networks of the table, so that the table compares networks", ko="표에 있는 네트워크를 모두 같게 학습해야 네트워크끼리 견줄 수 있어요."),
    Change("head_lr", 1.0, en="adamw scales each weight's step itself", ko="adamw가 가중치마다 걸음을 조절해요."),
    *(change for change in _CAMVID if change.name in _KEPT),
    Change("class_weights", "median_frequency", en="poles and pedestrians together are about 2 % of CamVid's pixels; the paper weighs all pixels alike",
           ko="CamVid에서 기둥과 보행자는 모두 합쳐 픽셀의 2 %쯤이에요. 논문은 모든 픽셀에 같은 가중치를 줘요."),
    Change("lr", 2e-4, en="the rate of the other networks of the table", ko="표의 다른 네트워크와 같은 학습률이에요."),
)

# DeconvNet and SegNet on CamVid. Not yet measured.
_ALIKE = tuple(change for change in _CAMVID_DEEPLAB if change.name in ("steps", "optimizer", "lr", *_KEPT) and change.name != "bias_lr")
_CAMVID_DECONVNET = (
    *_ALIKE,
    Change("batch_size", 8, en="as many as the paper's batch normalisation sees at once, and whole pictures hold more than three times the pixels of its squares",
           ko="논문에서 배치 정규화가 한 번에 보는 장수예요. 이미지를 통째로 넣으면 픽셀이 논문의 조각보다 3배 넘게 많아요."),
    Change("accumulate", 1, en="8 pictures go through in one piece", ko="8장은 한 번에 넣을 수 있어요."),
    Change("crop", None, en="fc6 takes any picture from 193 pixels a side on, and the whole picture is what is scored", ko="fc6에는 한 변이 193픽셀 이상이면 다 들어가고, 점수도 이미지 전체로 재니까요."),
    *(change for change in _CAMVID_DEEPLAB if change.name == "class_weights"),
)
_CAMVID_SEGNET = (
    *_ALIKE,
    Change("batch_size", 8, en="the same for all networks of the table", ko="표에 있는 네트워크는 모두 같게 해요."),
    *(change for change in _CAMVID if change.name == "flip"),
)

# On VOC the recipe for CamVid with what VOC needs; not yet measured.
_VOC = tuple(change for change in _CAMVID if change.name not in ("steps", "class_weights", "class_weight_power", "evaluate_every")) + (
    Change("steps", 20000, en="15 passes over the 10,582 images of train_aug, which --train-split train_aug chooses", ko="train_aug의 이미지 10,582장을 15번 돌아요. --train-split train_aug로 골라 주세요."),
    Change("crop", (480, 480), en="pictures differ in size, and a batch needs one", ko="이미지마다 크기가 다른데 배치에는 한 가지 크기가 필요해요."),
    Change("evaluate_every", 5000, en="a look at 1449 images takes its time", ko="이미지 1449장을 재는 데 시간이 걸리니까요."),
)

_VOC_DEEPLAB = tuple(change for change in _CAMVID_DEEPLAB if change.name not in ("steps", "crop", "class_weights", "class_weight_power", "evaluate_every")) + (
    *(change for change in _VOC if change.name in ("steps", "evaluate_every")),
)

_VOC_MORE = tuple(change for change in _VOC if change.name in ("steps", "crop", "evaluate_every"))
_LESS = ("steps", "crop", "class_weights", "class_weight_power", "evaluate_every")
_VOC_DECONVNET = (*(change for change in _CAMVID_DECONVNET if change.name not in _LESS), *_VOC_MORE)
_VOC_SEGNET = (*(change for change in _CAMVID_SEGNET if change.name not in _LESS), *_VOC_MORE,
               Change("class_weights", None, en="background is three quarters of PASCAL VOC, and a class is a large object: the FCN paper found balancing unnecessary there",
                      ko="PASCAL VOC에서는 배경이 3/4이고 클래스마다 물체가 커요. FCN 논문은 여기서 가중치가 필요 없다고 했어요."))

# Narrow networks from scratch on drawn scenes: chapter 01's live training, about 40 s on two cores.
_STREETS = (
    Change("steps", 850, en="what 40 seconds on two cores allow", ko="코어 2개로 40초 안에 끝나는 만큼이에요."),
    Change("batch_size", 8, en="more, noisier steps learn faster from nothing than few steps of 20", ko="처음부터 배울 때는 20장씩 적게보다 8장씩 자주가 빨라요."),
    Change("optimizer", "adamw", en="training from nothing in a minute needs a rate per weight", ko="1분 안에 처음부터 배우려면 가중치마다 학습률이 따로 필요해요."),
    Change("lr", 2e-2, en="batch normalisation bears it, and 850 steps need it", ko="배치 정규화가 있어서 견디고, 850스텝이라 필요해요."),
    Change("weight_decay", 1e-4, en="eleven passes over 600 scenes leave little to overfit", ko="장면 600개를 열한 번 도는 동안에는 과적합할 일이 적어요."),
    Change("schedule", "one_cycle", en="fewest steps to a settled network", ko="가장 적은 스텝으로 자리를 잡아요."),
    Change("bias_lr", 1.0, en="adamw sets each weight's rate itself", ko="adamw가 가중치마다 학습률을 정해요."),
    Change("class_weights", "median_frequency", en="a pole covers 1 % of a street", ko="기둥은 거리의 1 %예요."),
    Change("class_weight_power", 0.3, en="milder than on CamVid: batches are small, and the full weights trade IoU for recall", ko="CamVid보다 약해요. 배치가 작고, 가중치가 세면 재현율은 오르지만 IoU가 떨어져요."),
    Change("flip", True, en="a street seen in a mirror is a street", ko="거울에 비친 거리도 거리니까요."),
    Change("precision", "auto", en="float32 on a processor, 16 bits where a device has them", ko="CPU에서는 float32, 장치가 되면 16비트예요."),
)

_STREETS_ALEXNET = tuple(change for change in _STREETS if change.name != "lr") + (
    Change("lr", 2e-3, en="AlexNet has no batch normalisation: a larger rate shakes it apart", ko="AlexNet에는 배치 정규화가 없어서 학습률이 더 크면 흔들려 무너져요."),
)

# Chapter 02's live training.
_STREETS_DEEPLAB = tuple(change for change in _STREETS if change.name not in ("steps", "lr", "flip")) + (
    Change("steps", 700, en="80 seconds on two cores: a map of stride 8 costs more than one of 32, and 400 steps end at 32 mIoU instead of 41", ko="코어 2개로 80초쯤이에요. 스트라이드 8인 맵은 32인 맵보다 계산이 많고, 400스텝에서 멈추면 mIoU가 41이 아니라 32예요."),
    Change("lr", 2e-2, en="batch normalisation bears it, and 700 steps need it", ko="배치 정규화가 있어서 견디고, 700스텝이라 필요해요."),
    Change("head_lr", 1.0, en="nothing is pretrained here: every layer is as new as the classifier", ko="여기서는 사전 학습한 층이 없어서 모든 층이 분류층만큼 새로워요."),
    Change("crop", None, en="the scenes are smaller than the paper's squares", ko="장면이 논문의 조각보다 작아요."),
)

# Whole scenes; chapter 03 trains DeconvNet on crops and proposals as well, in two stages.
_STREETS_MIRRORED = tuple(change for change in _STREETS if change.name not in ("steps", "lr", "bias_lr", "flip")) + (
    Change("steps", 300, en="about half a minute on two cores: the decoder costs as much as the encoder", ko="코어 2개로 30초쯤 걸려요. 디코더에도 인코더만큼 계산이 들어요."),
    Change("lr", 2e-2, en="batch normalisation bears it, and 300 steps need it", ko="배치 정규화가 있어서 견디고, 300스텝이라 필요해요."),
)
_STREETS_DECONVNET = _STREETS_MIRRORED + (
    Change("accumulate", 1, en="8 pictures go through in one piece", ko="8장은 한 번에 넣을 수 있어요."),
    Change("crop", None, en="the scenes are smaller than the paper's squares", ko="장면이 논문의 조각보다 작아요."),
)
_STREETS_SEGNET = tuple(change for change in _STREETS_MIRRORED if change.name != "class_weights") + tuple(change for change in _STREETS if change.name == "flip")

_OURS = {
    "camvid": {name: _CAMVID for name in _PAPER} | {"deeplab_v1": _CAMVID_DEEPLAB, "deconvnet": _CAMVID_DECONVNET, "segnet": _CAMVID_SEGNET},
    "voc": {name: _VOC for name in _PAPER} | {"deeplab_v1": _VOC_DEEPLAB, "deconvnet": _VOC_DECONVNET, "segnet": _VOC_SEGNET},
    "streets": {name: _STREETS for name in _PAPER} | {"fcn_alexnet": _STREETS_ALEXNET, "deeplab_v1": _STREETS_DEEPLAB, "deconvnet": _STREETS_DECONVNET,
                                                      "segnet": _STREETS_SEGNET},
}


def names() -> list[str]:
    """The networks that have a recipe."""
    return list(_PAPER)


def get(name: str, *, data: str = "camvid", kind: str = "ours") -> Recipe:
    """The recipe of the network called `name` on `data`: `kind` "paper", "ours", or "quick", narrow networks in minutes on a processor.

    Raises ValueError naming the nearest for an unknown one.
    """
    if name not in _PAPER:
        near = (difflib.get_close_matches(name, _PAPER, n=1, cutoff=0.4) or [", ".join(_PAPER)])[0]
        raise ValueError(say(en=f"there is no recipe for {name!r}: try {near}", ko=f"{name!r}의 학습 조건이 없어요. {near}로 해 주세요."))
    if kind not in ("paper", "ours", "quick"):
        raise ValueError(say(en=f"no recipe is called {kind!r}: try paper or ours (or quick)", ko=f"{josa(repr(kind), '이라는/라는')} 학습 조건은 없어요. paper나 ours(또는 quick)로 해 주세요."))
    if kind == "paper":
        return _PAPER[name]
    if kind == "quick":
        return replace(get(name, data="streets"), steps=184, class_weight_power=0.5)      # four passes over CamVid's 367 images
    return replace(_PAPER[name], **{change.name: change.ours for change in _OURS.get(data, _OURS["camvid"])[name]})


def changes(name: str, *, data: str = "camvid") -> list[tuple[str, object, object, str]]:
    """Where ours differs: (name of the value, the paper's, ours, why), in the language in force."""
    paper = get(name, data=data, kind="paper")
    return [(change.name, getattr(paper, change.name), change.ours, change.why()) for change in _OURS.get(data, _OURS["camvid"])[name]]


def network_options(name: str, *, data: str = "camvid", kind: str = "ours") -> dict:
    """The options of `models.create` that a recipe was made for: the paper's network, or, on streets and for kind "quick", a narrow one.

    Raises ValueError as `get` does.
    """
    get(name, data=data, kind=kind)
    if kind == "paper" or kind == "ours" and data != "streets":
        return {}
    if name == "deeplab_v1":        # 12 of the 41 cells of the paper's map, and as large a share of 13 and of 24
        return {"width": 0.125, "dropout": 0.0, "batch_norm": True, "rate": 7 if kind == "quick" else 4}
    if name == "deconvnet":         # fc6 spans 7 of the 12 rows of CamVid's map of stride 32, and as large a share of 3 and of 6
        return {"width": 0.125, "grid": 3 if kind == "quick" else 2}
    if name == "segnet":
        return {"width": 0.125, "dropout": 0.0}
    narrow = {"width": 0.125, "padding": "same", "dropout": 0.0}
    return narrow if name == "fcn_alexnet" else narrow | {"batch_norm": True}


FIELDS = tuple(field.name for field in fields(Recipe))

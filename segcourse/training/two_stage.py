"""DeconvNet's curriculum (section 4.2.2): a first stage on single objects, a second on proposals with everything labelled.

`fit` trains both, one after the other. `run` does the same as two jobs, with checkpoint, log and state each: `segcourse train deconvnet --stages two`.

    folder/stage1/          the first job, complete when its scores.json is there
    folder/                 the second, which starts from the first one's weights

Resuming goes on in the stage that was broken off; a first stage of another command is refused.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from segcourse import datasets, models
from segcourse.language import josa, say
from segcourse.training import checkpoints, crops, instancewise, jobs, loop
from segcourse.training.recipes import Recipe
from segcourse.training.run import History

FIRST, START = "stage1", "without-background.safetensors"
NUMBER = 50                 # proposals of a picture, in training and in prediction
SHARE = 1 / 3               # of the steps that the first stage takes: the paper's 20,000 and 40,000


def recipes_of(recipe: Recipe) -> tuple[Recipe, Recipe]:
    """The recipes of both stages, whose steps together are those of `recipe`; the rate drops at the same share of each. At least one step each.

    The paper's own numbers are 20,000 steps, a tenth every 9000, and 40,000 steps, a tenth every 10,000; its recipe for one stage, 40,000 steps, is its
    second. Crops have one size already, so that neither stage cuts or scales them.
    """
    if recipe.steps < 2:
        raise ValueError(say(en=f"two stages need two steps at least, got {recipe.steps}: give --steps more", ko=f"두 단계로 학습하려면 2스텝은 있어야 하는데 {josa(recipe.steps, '이에요/예요')}. --steps를 늘려 주세요."))
    if recipe.crop is not None or recipe.scale is not None:
        recipe = replace(recipe, crop=None, scale=None)
    first = max(1, round(SHARE * recipe.steps))
    parts = []
    for steps in (first, recipe.steps - first):
        share = steps / recipe.steps
        parts.append(replace(recipe, steps=steps, warmup=round(share * recipe.warmup), step_every=max(1, round(share * recipe.step_every)) if recipe.step_every else 0))
    return parts[0], parts[1]


def without_background(state: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """The weights of a network of stage 1 for `model`, which has no score for the background: the last row of the last layer is left out.

    Raises ValueError where more than that differs.
    """
    own = model.state_dict()
    fitting = {name: value[:len(own[name])] if name in own and value.ndim and len(value) == len(own[name]) + 1 and value.shape[1:] == own[name].shape[1:] else value
               for name, value in state.items()}
    try:
        model.load_state_dict(fitting)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(say(en=f"the weights of the first stage do not fit the second ({reason}): train both with the same network and options",
                             ko=f"첫 단계의 가중치가 둘째 단계와 맞지 않아요({reason}). 두 단계에 같은 네트워크와 옵션을 써 주세요.")) from error
    return fitting


def fit(name: str, options: dict, first, second, recipe: Recipe, callbacks=(), device=None, start: nn.Module | None = None,
        valid=None) -> tuple[nn.Module, list[History]]:
    """Train the network `name` on the crops `first` (an `ObjectCrops`), then on `second` (a `ProposalCrops`); returns it, in eval mode, and both histories.

    `options` are those of `models.create`, without num_classes. The steps of `recipe` are shared by the stages as `recipes_of` says, and its seed
    decides the weights. `start`, a network with `second`'s classes, gives the first weights where they fit: then one stage and two begin alike. The second
    stage is scored on `valid` as often as the recipe says.
    Raises what `loop.fit` raises.
    """
    recipes = recipes_of(recipe)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        learner = models.create(name, num_classes=first.num_classes, **options)
        model = models.create(name, num_classes=second.num_classes, **options)
    if start is not None:
        own = learner.state_dict()
        learner.load_state_dict({key: value for key, value in start.state_dict().items() if key in own and own[key].shape == value.shape}, strict=False)
    histories = [loop.fit(learner, first, None, recipes[0], callbacks=callbacks, device=device)]
    without_background({key: value.cpu() for key, value in learner.state_dict().items()}, model)
    histories.append(loop.fit(model, second, valid, recipes[1], callbacks=callbacks, device=device))
    return model, histories


def crop_size(options: dict) -> int:
    """The side of the square that a DeconvNet with these options shrinks to one cell: 32 x grid."""
    return 32 * options.get("grid", 7)


@contextmanager
def _silent(words: str, total: int) -> Iterator[Callable[[], None]]:
    yield lambda: None


@dataclass(frozen=True)
class _Stage(jobs.Job):
    """A job on crops: those of its own stage for training, and in the first stage for its scores as well, since only they have a background."""

    stage: int = 1
    counting: Callable = _silent

    def split(self, role: str):
        pictures, size = datasets.hold(super().split(role)), crop_size(self.options)
        if self.stage == 1:
            return crops.ObjectCrops(pictures, size)
        if role != "train":
            return pictures
        with self.counting(say(en="pictures proposed", ko="후보 영역을 찾은 이미지"), len(pictures)) as done:
            return crops.ProposalCrops(pictures, size, NUMBER, each=lambda _: done())


def _stage(job: jobs.Job, stage: int, **changes) -> _Stage:
    return _Stage(**{part.name: getattr(job, part.name) for part in fields(job)} | changes, stage=stage)


def _check_same(first: _Stage, done: Path) -> None:
    """Raise ValueError where the finished first stage in `done` is that of another command."""
    stored = json.loads(done.read_text(encoding="utf-8"))
    now = {"model": first.name, "recipe": first.recipe.as_dict(), "data": first.data, "options": first.options}
    then = {"model": stored.get("model"), "recipe": stored.get("recipe"), "data": (stored.get("data") or {}).get("name"),
            "options": {name: value for name, value in (stored.get("options") or {}).items() if name != "num_classes"}}
    for name, value in json.loads(json.dumps(now)).items():
        if then[name] != value:
            raise ValueError(say(en=f"the first stage in {done.parent} was trained with {name} {then[name]!r}, and now it is {value!r}: give the same command, or begin anew with --overwrite",
                                 ko=f"{done.parent}에 있는 첫 단계는 {name} 값이 달라요(그때 {then[name]!r}, 지금 {value!r}). 같은 명령을 쓰거나 --overwrite로 처음부터 다시 해 주세요."))


def _bridge(first: _Stage) -> Path:
    """The first stage's weights without the score of the background, beside its checkpoint: what the second stage starts from."""
    learner, meta = checkpoints.load_checkpoint(first.folder / jobs.CHECKPOINT)
    options = meta["options"] | {"num_classes": meta["options"]["num_classes"] - 1}
    with torch.random.fork_rng(devices=[]):
        model = models.create(meta["model"], **options)
    without_background(learner.state_dict(), model)
    return checkpoints.save_checkpoint(first.folder / START, model, {"model": meta["model"], "options": options})


def check(name: str, data: str, *, processes: int, epochs: float | None) -> None:
    """Raise ValueError for what two stages cannot be: another network than DeconvNet, a data set without numbered objects, several processes, passes."""
    if name != "deconvnet":
        raise ValueError(say(en=f"--stages two is DeconvNet's curriculum, and {name} has none: leave it out, or train deconvnet",
                             ko=f"--stages two는 DeconvNet의 커리큘럼이라 {name}에는 없어요. 빼거나 deconvnet을 학습해 주세요."))
    if data != "streets":
        raise ValueError(say(en=f"--stages two needs pictures whose objects are numbered, and {data} has no such numbers: use --data streets, or --stages one",
                             ko=f"--stages two에는 물체마다 번호가 붙은 이미지가 필요한데 {data}에는 없어요. --data streets나 --stages one을 써 주세요."))
    if processes > 1:
        raise ValueError(say(en=f"--stages two trains in one process, got {processes}: leave --devices and --nodes out", ko=f"--stages two는 프로세스 하나로 학습하는데 {processes}개예요. --devices와 --nodes를 빼 주세요."))
    if epochs is not None:
        raise ValueError(say(en="the two stages have sets of two sizes, so that passes mean little: give --steps instead of --epochs", ko="두 단계의 데이터 수가 달라서 몇 바퀴라고 정하기 어려워요. --epochs 대신 --steps를 써 주세요."))


def run(job: jobs.Job, *, resume: bool = False, overwrite: bool = False, test: bool = False, device=None, callbacks=(), later=(),
        save_seconds: float = 120.0, counting: Callable = _silent) -> jobs.Result:
    """Train `job` in two stages, into `job.folder`; the result is that of the second, with the scores of the instance-wise prediction under
    "instancewise" in its report, and scores.json has both. Raises what `jobs.run` and `check` raise.

    later: callbacks of the second stage alone. resume: a finished first stage is not trained again; one that was broken off is gone on with. overwrite: both begin anew. counting: what tells how far
    proposing and the instance-wise prediction are, as `callbacks.counting` does.
    """
    check(job.name, job.data, processes=1, epochs=job.epochs)
    recipes = recipes_of(job.recipe)
    first = _stage(job, 1, folder=job.folder / FIRST, recipe=recipes[0])
    done = first.folder / jobs.SCORES
    finished = done.exists() and not (first.folder / jobs.STATE).exists()
    jobs.check_folder(job.folder, resume=resume, overwrite=overwrite)
    if resume and (job.folder / jobs.STATE).exists() and not finished:
        raise ValueError(say(en=f"{job.folder} holds a run in one stage that was broken off: go on with it with --stages one, name another folder with --out, or begin anew with --overwrite",
                             ko=f"{job.folder} 폴더에 한 단계로 학습하다 멈춘 결과가 있어요. --stages one으로 이어 가거나, --out으로 다른 폴더를 고르거나, --overwrite로 처음부터 다시 해 주세요."))
    if resume and finished:
        _check_same(first, done)
    else:
        jobs.check_folder(first.folder, resume=resume, overwrite=overwrite)
        jobs.run(first, resume=resume, overwrite=overwrite, device=device, callbacks=callbacks, save_seconds=save_seconds)
    second = _stage(job, 2, recipe=recipes[1], backbone=None, init=_bridge(first), counting=counting)
    result = jobs.run(second, resume=resume, overwrite=overwrite, test=test, device=device, callbacks=(*callbacks, *later), save_seconds=save_seconds)
    size = crop_size(job.options)
    found = {}
    for split in result.scores:
        pictures = jobs.Job.split(job, split)
        with counting(say(en=f"{split}: pictures predicted from proposals", ko=f"{split}: 후보 영역으로 예측한 이미지"), len(pictures)) as done:
            found[split] = instancewise.evaluate(result.model, pictures, size, NUMBER, each=lambda *_: done())
    report = result.report | {"stages": [stage.as_dict() for stage in recipes], "proposals": NUMBER, "crop": size,
                              "instancewise": {split: scores.as_dict() for split, scores in found.items()}}
    checkpoints.write_json(job.folder / jobs.SCORES, report)
    titles = {split: say(en=f"{split}, {NUMBER} proposals", ko=f"{split}, 후보 영역 {NUMBER}개") for split in found}
    return replace(result, scores=result.scores | {titles[split]: scores for split, scores in found.items()},
                   report=report | {"splits": report["splits"] | {titles[split]: report["splits"][split] for split in found}})

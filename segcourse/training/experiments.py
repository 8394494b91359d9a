"""The chapters' comparisons: small, with paired seeds, and reproducible. `experiments.get("01").run("fcn8s", seed=0)`.

`segcourse bench chapter 01` runs all of one and writes segcourse/results/01-fcn.json, which the chapter reads. The file carries a
fingerprint of everything that decides its numbers, and a test fails when the two no longer agree.
"""

import ast
import contextlib
import functools
import hashlib
import importlib
import importlib.util
import io
import json
import os
import statistics
import tokenize
from dataclasses import dataclass, field, replace
from pathlib import Path

from segcourse.language import say
from segcourse.training import recipes
from segcourse.training.recipes import Recipe

METRICS = ("miou", "boundary_iou", "pole_iou", "pixel_accuracy")
_WIDE = 25           # characters of a variant's name in a report
THREADS = 2          # sums are ordered by the number of threads: fixed, so that one machine repeats itself


def quick() -> bool:
    """Whether SEGCOURSE_QUICK=1 asks for short training."""
    return os.environ.get("SEGCOURSE_QUICK", "") == "1"


@dataclass(frozen=True)
class Experiment:
    """One chapter's comparison: the same data and seeds for every variant; either the network differs, or with `network` one thing of the recipe.

    One seed gives every variant the same weights wherever two networks have a layer in common, and the same batches.
    """

    chapter: str
    slug: str
    variants: tuple[str, ...]                    # names of `models.names()`, or of `changes`
    seeds: tuple[int, ...]
    recipe: Recipe
    options: dict                                # of `models.create`
    data_name: str
    data_options: dict                           # of `datasets.load`
    lengths: dict[str, int]                      # pictures of each split; empty where the data set decides
    quick_steps: int                             # of training where SEGCOURSE_QUICK=1
    device: str | None = "cpu"                   # None is the best there is
    network: str | None = None                   # the one network of all variants, where they differ in the recipe
    changes: dict[str, dict] = field(default_factory=dict)     # variant -> what its recipe has otherwise
    variant_options: dict[str, dict] = field(default_factory=dict)     # variant -> what it has beside `options`
    networks: dict[str, str] = field(default_factory=dict)     # variant -> the name of its network, where that is not its own
    fresh: tuple[str, ...] = ()                  # variants that keep their own first weights: how they must begin is a part of what differs
    afterwards: str = ""                         # a module whose `rows(experiment, variant, seed, model)` adds rows, of swaps or of trainings of its own
    encoder: str = ""                            # the network whose trained trunk every variant begins with, as the papers begin with ImageNet's; "" is none
    encoder_recipe: Recipe | None = None         # what that network is trained with, on the same pictures and with the same seed
    from_nothing: tuple[str, ...] = ()           # variants that begin without it

    def data(self, split: str):
        """The split "train", "valid" or "test", in memory; drawn once per process."""
        return _data(self.data_name, split, tuple(sorted(self.data_options.items())), self.lengths.get(split))

    def network_of(self, variant: str) -> str:
        """The name, of `models.names()`, of a variant's network."""
        return self.networks.get(variant, self.network or variant)

    def recipe_of(self, variant: str) -> Recipe:
        """The recipe of a variant."""
        return replace(self.recipe, **self.changes.get(variant, {}))

    def options_of(self, variant: str) -> dict:
        """The options of a variant's network."""
        return self.options | self.variant_options.get(variant, {})

    def build(self, variant: str, seed: int):
        """A new network of this variant with the weights of `seed`. Raises ValueError for an unknown variant."""
        import torch

        from segcourse import models

        if variant not in self.variants:
            raise ValueError(say(en=f"chapter {self.chapter} has no variant {variant!r}: choose among {', '.join(self.variants)}",
                                 ko=f"{self.chapter}장에 {variant!r}라는 변형은 없어요. {', '.join(self.variants)} 가운데서 골라 주세요."))
        with torch.random.fork_rng(devices=[]):
            made = []
            for which in (variant,) if variant in self.fresh else dict.fromkeys((self.variants[0], variant)):
                torch.manual_seed(seed)
                made.append(models.create(self.network_of(which), num_classes=self.data("valid").num_classes, **self.options_of(which)))
        first, model = made[0].state_dict(), made[-1]
        own = model.state_dict()
        model.load_state_dict({name: value for name, value in first.items() if name in own and own[name].shape == value.shape}, strict=False)
        return model

    def teacher(self, seed: int, callbacks=(), steps: int | None = None):
        """Train the network whose trunk the variants begin with -> (model, row for the table). Once per process for one seed and number of steps.

        Raises ValueError for an experiment whose variants begin with nothing.
        """
        import torch

        from segcourse import models
        from segcourse.training import evaluate, fit

        if not self.encoder:
            raise ValueError(say(en=f"chapter {self.chapter} trains from nothing: there is no encoder to train first; call run", ko=f"{self.chapter}장은 처음부터 학습하니까 먼저 학습할 인코더가 없어요. run을 불러 주세요."))
        steps = steps or (self.quick_steps if quick() else self.encoder_recipe.steps)
        key = (self.encoder, self.encoder_recipe, self.data_name, str(self.data_options), str(self.lengths), seed, steps)
        if key not in _TEACHERS:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                model = models.create(self.encoder, num_classes=self.data("valid").num_classes, **self.options_of(self.encoder))
            with _threads(THREADS):
                history = fit(model, self.data("train"), self.data("valid"), replace(self.encoder_recipe, seed=seed, steps=steps), callbacks=callbacks, device=self.device)
                scores = evaluate(model, self.data("test"))
            _TEACHERS[key] = model, self.row(self.encoder, seed, scores, history)
        return _TEACHERS[key]

    def begin(self, model, seed: int, steps: int | None = None):
        """Give `model` the trunk that the experiment's encoder has learnt, where layers have the same name and size; returns it.

        For a trunk without batch normalisation the learnt scale and shift are multiplied into the convolutions: it begins with the same maps.
        """
        import torch
        from torch.nn.utils.fusion import fuse_conv_bn_weights

        learnt, own = self.teacher(seed, steps=steps)[0].state_dict(), model.state_dict()
        if not any(name.startswith("features.bn") for name in own):
            for name in [name for name in learnt if name.startswith("features.conv") and name.endswith(".weight")]:
                layer, norm = name[:-len(".weight")], name[:-len(".weight")].replace("conv", "bn")
                fused = fuse_conv_bn_weights(learnt[name], learnt.get(f"{layer}.bias"), learnt[f"{norm}.running_mean"], learnt[f"{norm}.running_var"],
                                             1e-5, learnt[f"{norm}.weight"], learnt[f"{norm}.bias"])
                learnt |= {name: fused[0].detach(), f"{layer}.bias": fused[1].detach()}
        fitting = {name: value for name, value in learnt.items() if name.startswith("features.") and name in own and own[name].shape == value.shape}
        with torch.no_grad():
            model.load_state_dict(fitting, strict=False)
        return model

    def run(self, variant: str, seed: int, callbacks=(), steps: int | None = None, device: str | None = None):
        """Train one variant with one seed -> (model, Scores on the test split, row for the table). Fixed steps, two threads.

        On the processor, so that two readers' numbers are comparable, unless the experiment is a full-size one or a device is named.
        """
        from segcourse.training import evaluate, fit

        model = self.build(variant, seed)
        if self.encoder and variant not in self.from_nothing:
            self.begin(model, seed, steps)
        steps = steps or (self.quick_steps if quick() else self.recipe.steps)
        recipe = replace(self.recipe_of(variant), seed=seed, steps=steps)
        with _threads(THREADS):
            history = fit(model, self.data("train"), self.data("valid"), recipe, callbacks=callbacks, device=device or self.device)
            scores = evaluate(model, self.data("test"))
        return model, scores, self.row(variant, seed, scores, history)

    def row(self, variant: str, seed: int, scores, history) -> dict:
        """One line of the table, as plain numbers (fractions)."""
        curve = {"curve": [[step, found.miou] for step, found in history.scores]} if len(history.scores) > 1 else {}
        return {"variant": variant, "seed": seed, **self.figures(scores), **curve,
                "valid_miou": history.scores[-1][1].miou, "loss": statistics.fmean(history.losses[-10:]), "seconds": round(history.seconds, 1)}

    @staticmethod
    def figures(scores) -> dict:
        """What a row tells of its scores, as plain numbers (fractions)."""
        values = scores.as_dict()
        return {"miou": values["miou"], "boundary_iou": values["boundary_iou"], "pole_iou": values["iou"][values["classes"].index("pole")],
                "pixel_accuracy": values["pixel_accuracy"], "mean_accuracy": values["mean_accuracy"], "iou": values["iou"],
                "boundary_iou_per_class": values["boundary_iou_per_class"]}

    def bench(self, *, seeds=None, steps: int | None = None, write: bool = True, report=None) -> Path | None:
        """Run every variant with every seed; writes the results file (atomically, at the end) and returns its path, or None with write=False.

        `report` is called with a line of text after each run.
        """
        import torch

        from segcourse.training import provenance
        from segcourse.training.checkpoints import write_json
        from segcourse.training.device import describe

        rows = []
        for seed in seeds or self.seeds:
            if self.encoder:
                rows.append(self.teacher(seed, steps=steps)[1])
                self._tell(rows[-1:], report)
            for variant in self.variants:
                model, _, row = self.run(variant, seed, steps=steps)
                added = [row]
                if self.afterwards:
                    with _threads(THREADS):
                        added += importlib.import_module(self.afterwards).rows(self, variant, seed, model)
                rows += added
                self._tell(added, report)
        summary = summarise(rows)
        if report is not None:
            for variant, values in summary.items():
                report(f"{variant:<{_WIDE}} mean     " + "   ".join(f"{name} {100 * values[name]['mean']:5.2f} ± {100 * values[name]['sd']:.2f}" for name in METRICS))
        if not write:
            return None
        with _threads(THREADS):
            where = describe(torch.device("cpu"))
        return write_json(self.path(), {
            "chapter": self.chapter, "command": f"segcourse bench chapter {self.chapter}", "commit": provenance.commit(), "device": where,
            "threads": THREADS, "versions": provenance.versions(), "seeds": list(seeds or self.seeds), "recipe": self.recipe.as_dict(),
            "changes": self.changes, "options": self.options, **{name: getattr(self, name) for name in ("variant_options", "networks", "from_nothing") if getattr(self, name)},
            **({"encoder": {"network": self.encoder, "recipe": self.encoder_recipe.as_dict()}} if self.encoder else {}), "data": {"name": self.data_name, "options": _plain(self.data_options), "lengths": self.lengths},
            "fingerprint": self.fingerprint(), "summary": summary, "rows": rows})

    @staticmethod
    def _tell(rows: list[dict], report) -> None:
        for row in rows if report is not None else ():
            report(f"{row['variant']:<{_WIDE}} seed {row['seed']}   " + "   ".join(f"{name} {100 * row[name]:5.2f}" for name in METRICS) + f"   {row['seconds']:.0f} s")

    def path(self) -> Path:
        """The results file."""
        from segcourse.training import provenance

        return provenance.results_file(self.slug)

    def results(self) -> dict:
        """The results file, read. Raises FileNotFoundError, with the command that makes it, where there is none."""
        path = self.path()
        if not path.is_file():
            raise FileNotFoundError(say(en=f"there are no results {path.name} yet: run `segcourse bench chapter {self.chapter}`",
                                        ko=f"{path.name} 결과가 아직 없어요. `segcourse bench chapter {self.chapter}`를 실행해 주세요."))
        return json.loads(path.read_text(encoding="utf-8"))

    def fingerprint(self) -> str:
        """A hash of all that decides the numbers: recipe, options, data, seeds, and the source of network, data set, loss, loop and scores."""
        spec = {"recipe": self.recipe.as_dict(), "options": self.options, "data": [self.data_name, _plain(self.data_options), self.lengths],
                "variants": self.variants, "network": self.network, "changes": self.changes, "seeds": self.seeds, "threads": THREADS}
        spec |= {name: getattr(self, name) for name in ("variant_options", "networks", "fresh", "from_nothing") if getattr(self, name)}
        spec |= {"encoder": [self.encoder, self.encoder_recipe.as_dict()]} if self.encoder else {}
        digest = hashlib.sha256(json.dumps(spec, sort_keys=True).encode())
        for name in self.sources():
            digest.update(f"\n# {name}\n{bare(_source(name))}".encode())
        return digest.hexdigest()[:16]

    def sources(self) -> list[str]:
        """The modules whose code decides the numbers: those of the networks, the data set and the loop, and what they import of the course."""
        from segcourse import models

        starts = {_home(models.create(self.network_of(name), num_classes=2, **self.options_of(name) | {"width": 0.01}).__class__)
                  for name in (*self.variants, *([self.encoder] if self.encoder else []))}
        waiting = [*starts, f"segcourse.datasets.{self.data_name}", "segcourse.training.loop", *([self.afterwards] if self.afterwards else [])]
        found: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(_imports(name) - _WORDS_ONLY)
        return sorted(found)

    def stale(self) -> bool:
        """Whether the results file was made by other code or another recipe."""
        return self.results()["fingerprint"] != self.fingerprint()


def summarise(rows: list[dict]) -> dict[str, dict[str, dict[str, float]]]:
    """variant -> metric -> {"mean", "sd"} over the seeds; sd is that of a sample (n - 1), 0 for a single seed."""
    table: dict[str, dict[str, dict[str, float]]] = {}
    for variant in dict.fromkeys(row["variant"] for row in rows):
        mine = [row for row in rows if row["variant"] == variant]
        table[variant] = {name: {"mean": statistics.fmean(row[name] for row in mine),
                                 "sd": statistics.stdev(row[name] for row in mine) if len(mine) > 1 else 0.0} for name in METRICS}
    return table


@functools.lru_cache(maxsize=None)
def _data(name: str, split: str, options: tuple, length: int | None):
    from segcourse import datasets

    return datasets.hold(datasets.load(name, split, **dict(options), **({} if length is None else {"length": length})))


@contextlib.contextmanager
def _threads(count: int):
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _plain(options: dict) -> dict:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()}


# Modules that talk to the reader, choose a device, keep a run on the disk or feed it from one, and decide no number of a chapter. Of the recipes only
# the experiment's own values count, and those are in what is hashed.
_WORDS_ONLY = {"segcourse.language", "segcourse.datasets.palettes",
               *(f"segcourse.training.{name}" for name in ("callbacks", "checkpoints", "device", "jobs", "recipes", "run", "state", "trouble", "workers"))}
_PACKAGES = ("segcourse", "segcourse.ops", "segcourse.models", "segcourse.datasets", "segcourse.training")


def _home(thing) -> str:
    return thing.__module__


def _source(name: str) -> str:
    return Path(importlib.import_module(name).__file__).read_text(encoding="utf-8")


def _imports(name: str) -> set[str]:
    """The modules of the course that the module `name` uses. Of a package only the modules of the names it takes count, so that a new
    operation or network leaves older results alone."""
    tree = ast.parse(_source(name))
    used: set[str] = set()
    packages: dict[str, str] = {}               # local name -> package
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            used |= {alias.name for alias in node.names if alias.name.startswith("segcourse.") and alias.name not in _PACKAGES}
        elif isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").startswith("segcourse")):
            parent = node.module or ""
            if node.level:
                base = name.split(".")[:-node.level]
                parent = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                whole = f"{parent}.{alias.name}"
                if whole in _PACKAGES:
                    packages[alias.asname or alias.name] = whole
                elif parent in _PACKAGES:
                    used |= _of_package(parent, alias.name)
                else:
                    used.add(parent if not _is_module(whole) else whole)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in packages:
            used |= _of_package(packages[node.value.id], node.attr)
    return {module for module in used if module.startswith("segcourse.") and module not in _PACKAGES}


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _of_package(package: str, name: str) -> set[str]:
    """The module behind `package.name`: itself, or the one that defines the function or class."""
    thing = getattr(importlib.import_module(package), name, None)
    home = getattr(thing, "__module__", None)
    if home and home != package and home.startswith("segcourse."):
        return {home}
    return {f"{package}.{name}"} if _is_module(f"{package}.{name}") else set()


def bare(text: str) -> str:
    """Python source without comments, docstrings, blank lines and the words said to a reader: rewording must not make results stale."""
    lines = text.encode().splitlines()
    cuts: list[tuple[int, int, int, int]] = []            # first line, byte, last line, byte
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", None)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and body and isinstance(body[0], ast.Expr) \
                and isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str):
            cuts.append((body[0].lineno, body[0].col_offset, body[0].end_lineno, body[0].end_col_offset))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say":
            cuts.append((node.lineno, node.col_offset, node.end_lineno, node.end_col_offset))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            line = text.splitlines()[token.start[0] - 1]
            start = len(line[:token.start[1]].encode())
            cuts.append((token.start[0], start, token.start[0], len(line.encode())))
    outermost = [cut for cut in cuts if not any(other != cut and other[:2] <= cut[:2] and cut[2:] <= other[2:] for other in cuts)]
    for first, start, last, end in sorted(outermost, reverse=True):
        lines[first - 1:last] = [lines[first - 1][:start] + lines[last - 1][end:]]
    return "\n".join(line.decode().rstrip() for line in lines if line.strip())


# PixelNet of chapter 00 on streets, plain cross-entropy and two answers to rare classes; about 15 s a run on two cores.
_PIXELS = Recipe(steps=600, batch_size=8, optimizer="adamw", lr=2e-2, weight_decay=1e-4, schedule="one_cycle", flip=True, precision="float32")

# Chapter 03. A trunk that has learnt keeps a tenth of the rate: at the full one it is lost again (DeconvNet ends at 20 instead of 30, one seed). Without batch
# normalisation half the rate is the best of six settings (five rates, two factors for the trunk's), of one seed: 21, and 10 at the rate of the others.
_DECONVNET, _SEGNET = (recipes.network_options(name, data="streets") for name in ("deconvnet", "segnet"))
_MIRRORED = replace(recipes.get("deconvnet", data="streets", kind="ours"), lr=1e-2, trunk_lr=0.1, evaluate_every=60)

_TEACHERS: dict[tuple, tuple] = {}          # of `Experiment.teacher`: what was trained in this process

_EXPERIMENTS = {
    "00": Experiment(
        chapter="00", slug="00-pixels", variants=("plain", "median_frequency", "top_k"), seeds=(0, 1, 2, 3, 4), recipe=_PIXELS, options={},
        data_name="streets", data_options={"size": (96, 128)}, lengths={"train": 600, "valid": 60, "test": 100}, quick_steps=20,
        network="pixelnet", changes={"median_frequency": {"class_weights": "median_frequency"}, "top_k": {"top_k": 0.25}}),
    "01": Experiment(
        chapter="01", slug="01-fcn", variants=("fcn32s", "fcn16s", "fcn8s"), seeds=(0, 1, 2, 3, 4),
        recipe=recipes.get("fcn8s", data="streets", kind="ours"),
        options=recipes.network_options("fcn8s", data="streets"),
        data_name="streets", data_options={"size": (96, 128)}, lengths={"train": 600, "valid": 60, "test": 100}, quick_steps=12),
    # The enlargement of FCN-32s is kept bilinear, as that of every denser map is.
    "02": Experiment(
        chapter="02", slug="02-deeplab-v1", variants=("fcn32s", "deeplab_v1"), seeds=(0, 1, 2), recipe=recipes.get("deeplab_v1", data="streets", kind="ours"), options={},
        data_name="streets", data_options={"size": (96, 128)}, lengths={"train": 600, "valid": 60, "test": 100}, quick_steps=12,
        variant_options={"fcn32s": recipes.network_options("fcn32s", data="streets") | {"freeze_upsampling": True},
                         "deeplab_v1": recipes.network_options("deeplab_v1", data="streets")},
        afterwards="segcourse.training.denser"),
    # Pictures of 64 pixels, which DeconvNet shrinks to one cell as it does the paper's of 224. The paper's network first, then what it is made of, taken out
    # one by one. Where the papers begin with VGG16 as ImageNet left it, all begin with the trunk of a trained FCN-8s of chapter 01, but one. What takes other
    # pictures, object crops and proposals, is trained and scored in `scales`.
    "03": Experiment(
        chapter="03", slug="03-deconvnet",
        variants=("deconvnet", "deconvnet_corner", "deconvnet_unpool_only", "deconvnet_deconvolve_only", "deconvnet_no_batch_norm",
                  "deconvnet_from_nothing", "segnet"),
        seeds=(0, 1, 2), recipe=_MIRRORED, options={},
        data_name="streets", data_options={"size": (64, 64)}, lengths={"train": 600, "valid": 60, "test": 100}, quick_steps=12,
        networks={"deconvnet_corner": "deconvnet", "deconvnet_unpool_only": "deconvnet", "deconvnet_deconvolve_only": "deconvnet",
                  "deconvnet_no_batch_norm": "deconvnet", "deconvnet_from_nothing": "deconvnet"},
        fresh=("deconvnet_no_batch_norm",), changes={"deconvnet_no_batch_norm": {"lr": 5e-3}, "deconvnet_from_nothing": {"trunk_lr": 1.0}},
        variant_options={"deconvnet": _DECONVNET, "deconvnet_corner": _DECONVNET | {"unpool": "corner"},
                         "deconvnet_unpool_only": _DECONVNET | {"deconvolve": False}, "deconvnet_deconvolve_only": _DECONVNET | {"unpool": "none"},
                         "deconvnet_no_batch_norm": _DECONVNET | {"batch_norm": False}, "deconvnet_from_nothing": _DECONVNET,
                         "segnet": _SEGNET, "fcn8s": recipes.network_options("fcn8s", data="streets")},
        encoder="fcn8s", encoder_recipe=replace(recipes.get("fcn8s", data="streets", kind="ours"), steps=400), from_nothing=("deconvnet_from_nothing",),
        afterwards="segcourse.training.scales"),
}


def names() -> list[str]:
    """The chapters that have an experiment."""
    return list(_EXPERIMENTS)


def get(chapter: str, data: str = "streets") -> Experiment:
    """The experiment of a chapter ("01", or "1"). With data="camvid" the same one at full size on CamVid, for a reader with a GPU: its
    networks have the paper's width and padding and start from nothing; `results` stay those of the small one.

    Raises ValueError for a chapter without an experiment or another data set.
    """
    key = str(chapter).zfill(2)
    if key not in _EXPERIMENTS:
        raise ValueError(say(en=f"chapter {chapter!r} has no experiment: choose among {', '.join(_EXPERIMENTS)}",
                             ko=f"{chapter!r}장에는 실험이 없어요. {', '.join(_EXPERIMENTS)} 가운데서 골라 주세요."))
    small = _EXPERIMENTS[key]
    if data == small.data_name:
        return small
    if data != "camvid":
        raise ValueError(say(en=f"chapter {key} has no experiment on {data!r}: choose {small.data_name} or camvid",
                             ko=f"{key}장에는 {data!r} 실험이 없어요. {small.data_name}나 camvid로 해 주세요."))
    if small.networks:          # at full size the papers' networks, without the ones that something was taken out of
        small = replace(small, variants=tuple(variant for variant in small.variants if variant not in small.networks), networks={}, fresh=(), changes={}, from_nothing=())
    if small.encoder:
        small = replace(small, encoder_recipe=recipes.get(small.encoder, data="camvid", kind="ours"))
    recipe = replace(small.recipe, steps=3000, scale=(0.5, 2.0), colour=0.2) if small.network else recipes.get(small.variants[-1], data="camvid", kind="ours")
    return replace(small, data_name="camvid", data_options={}, lengths={}, options={}, variant_options={}, afterwards="", device=None, recipe=recipe)

"""A batch in parts: accumulated, or shared by processes, it is the same step; and what a step may contain beside one loss."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from segcourse.training import Log, Recipe, batch_norm, evaluate, fit
from segcourse.training.losses import Criterion, cross_entropy, top_k_cross_entropy
from segcourse.training.optimisers import make_optimizer

RECIPE = Recipe(steps=6, batch_size=4, optimizer="sgd", lr=0.05, momentum=0.9, weight_decay=1e-3, schedule="poly", scale=(0.5, 2.0), flip=True, colour=0.2,
                class_weights="median_frequency", precision="float64")


def flat(model):
    return torch.cat([value.double().flatten() for value in model.state_dict().values()])


def uneven(scenes):
    """Pictures of which some are nearly all void."""
    data = scenes(8)
    data.labels[1::2, :20] = 3
    return data


@pytest.mark.parametrize("values", [{}, {"class_weights": None}, {"class_weights": None, "top_k": 0.25}, {"loss_reduction": "sum", "lr": 1e-5}])
def test_accumulation_is_the_same_step(scenes, network, values):
    recipe = replace(RECIPE, **values)
    results = []
    for parts in (1, 3, 4):                    # 4 pictures in three parts: 2, 2; in four: one each
        model = network(dropout=0.0)
        history = fit(model, uneven(scenes), None, replace(recipe, accumulate=parts), device="cpu")
        results.append((flat(model), history.losses))
    for weights, losses in results[1:]:
        assert torch.allclose(weights, results[0][0], rtol=0, atol=1e-12) and losses == pytest.approx(results[0][1], abs=1e-12)


def test_a_mean_per_part_would_be_another_step(scenes):
    """What the criterion is for: with void spread unevenly, the mean of the parts' means is another loss."""
    labels = uneven(scenes).labels[:2]
    logits = torch.randn(2, 3, 24, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    whole = cross_entropy(logits, labels, void=3)
    parts = [(logits[n:n + 1], labels[n:n + 1]) for n in range(2)]
    criterion = Criterion(void=3)
    total = criterion.mass(labels)
    assert sum(criterion.over(total, truth)(scores, truth) for scores, truth in parts) == pytest.approx(whole.item(), abs=1e-12)
    assert abs(sum(cross_entropy(scores, truth, void=3) for scores, truth in parts) / 2 - whole) > 1e-3


def test_a_head_on_a_smaller_map_counts_by_its_own_pixels():
    labels = torch.randint(0, 3, (2, 16, 16), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    small, logits = labels[:, ::4, ::4], torch.randn(2, 3, 4, 4, dtype=torch.float64)
    criterion = Criterion(void=3)
    assert criterion.over(criterion.mass(labels), labels)(logits, small) == pytest.approx(cross_entropy(logits, small, void=3).item())


def test_all_void_gives_no_loss_and_no_nan():
    labels, logits = torch.full((2, 4, 4), 3, dtype=torch.uint8), torch.randn(2, 3, 4, 4, requires_grad=True)
    for criterion in (Criterion(void=3), Criterion(void=3, top_k=0.5)):
        loss = criterion.over(criterion.mass(labels), labels)(logits, labels)
        loss.backward()
        assert loss == 0 and torch.isfinite(logits.grad).all()
    assert top_k_cross_entropy(logits, labels, void=3, share=0.5) == 0


SCRIPT = '''
import json, sys, torch
from segcourse.training import Recipe, device
sys.path.insert(0, {tests!r})
from test_parts import trained
torch.set_num_threads(1)
results = []
fabric = device.fabric(torch.device("cpu"), "float32", devices=2)
fabric.launch()
for recipe in json.loads({recipes!r}):
    results.append(trained(Recipe.from_dict(recipe), fabric))
if fabric.is_global_zero:
    json.dump(results, open({out!r}, "w"))
'''


def trained(recipe, fabric=None):
    """[weights, losses, confusion] of a run with this recipe."""
    from conftest import Scenes, build

    told = []

    class Listen:
        def on_start(self, run): told.append("start")
        def on_step(self, run, step, loss): told.append(step)
        def on_evaluate(self, run, step, scores): pass
        def on_end(self, run): pass

    model = build(dropout=0.0, norm=True)
    history = fit(model, uneven(Scenes), Scenes(5), recipe, callbacks=[Listen()], device=None if fabric else "cpu", fabric=fabric)
    assert told[:2] == (["start", 1] if fabric is None or fabric.is_global_zero else []) and history.processes == (fabric.world_size if fabric else 1)
    return [flat(model).tolist(), history.losses, history.scores[-1][1].confusion.tolist()]


def test_two_processes_train_like_one(tmp_path, monkeypatch):
    """Same global batch, frozen batch norm, no dropout, void spread unevenly: losses and final weights are those of one process."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    base = replace(RECIPE, batch_norm="frozen", average=0.9, accumulate=2, clip=1.0)
    recipes = [replace(base, precision=precision) for precision in ("float64", "float32")]
    out, script = tmp_path / "results.json", tmp_path / "run.py"
    script.write_text(SCRIPT.format(tests=str(Path(__file__).parent), recipes=json.dumps([recipe.as_dict() for recipe in recipes]), out=str(out)), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name not in ("LOCAL_RANK", "MASTER_PORT", "WORLD_SIZE", "NODE_RANK")}
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, encoding="utf-8", timeout=240, env=environment | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr[-3000:]
    for recipe, tolerance, two in zip(recipes, (1e-10, 1e-5), json.loads(out.read_text(encoding="utf-8")), strict=True):
        one = trained(recipe)
        assert max(abs(a - b) for a, b in zip(one[0], two[0], strict=True)) <= tolerance
        assert max(abs(a - b) for a, b in zip(one[1], two[1], strict=True)) <= tolerance and len(one[1]) == 6
        assert one[2] == two[2] and sum(map(sum, one[2])) == 5 * 24 * 31


def test_a_batch_that_cannot_be_shared_is_refused(scenes, network):
    three = SimpleNamespace(device=torch.device("cpu"), global_rank=0, world_size=3)
    with pytest.raises(ValueError, match="a batch of 4 cannot be shared by 3 processes: choose a multiple of 3"):
        fit(network(), scenes(), None, RECIPE, fabric=three)


class TwoHeads(nn.Module):
    """A network with an auxiliary head at half size, as PSPNet's."""

    head = ("score", "aux")

    def __init__(self):
        super().__init__()
        self.features, self.score, self.aux = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 3, 1), nn.Conv2d(8, 3, 1, stride=2)

    def forward(self, images):
        return self.score(self.features(images).relu())

    def losses(self, images, labels, criterion):
        x = self.features(images).relu()
        return {"main": criterion(self.score(x), labels), "auxiliary": 0.4 * criterion(self.aux(x), labels[:, ::2, ::2])}


def test_auxiliary_losses_are_trained(scenes):
    torch.manual_seed(0)
    model = TwoHeads()
    before = model.aux.weight.clone()
    recipe = replace(RECIPE, precision="float32", lr=0.1, steps=40)
    history = fit(model, scenes(8), scenes(4), recipe, device="cpu")
    assert not torch.equal(before, model.aux.weight) and history.losses[-1] < 0.7 * history.losses[0]


def test_several_heads_are_computed_in_the_precision_of_the_run_too(scenes):
    """Fabric wraps a marked method only where it wraps the module: with one process the loop itself must ask for 16 bits."""
    seen = []

    class Watched(TwoHeads):
        def losses(self, images, labels, criterion):
            seen.append(self.features(images).dtype)
            return super().losses(images, labels, criterion)

    fit(Watched(), scenes(4), None, replace(RECIPE, precision="bfloat16", steps=1), device="cpu")
    fit(Watched(), scenes(4), None, replace(RECIPE, precision="float32", steps=1), device="cpu")
    assert seen == [torch.bfloat16, torch.float32]


def test_the_head_learns_faster_and_its_biases_fastest_without_decay():
    groups = make_optimizer(TwoHeads(), Recipe(lr=1.0, head_lr=10.0, bias_lr=2.0, trunk_lr=0.5, weight_decay=0.1)).param_groups
    assert sorted((group["rate"], group["weight_decay"], len(group["params"])) for group in groups) == [(0.5, 0.1, 1), (1.0, 0.0, 1), (10.0, 0.1, 2), (20.0, 0.0, 2)]


def test_the_fcns_name_their_heads():
    from segcourse import models

    for name in ("fcn32s", "fcn16s", "fcn8s", "fcn_alexnet"):
        model = models.create(name, num_classes=3, width=0.03, padding="same")
        assert {key.split(".")[0] for key in model.state_dict() if key.startswith(model.head)} == {key for key, _ in model.named_children() if key.startswith("score")} != set()


def test_frozen_batch_norm_keeps_statistics_scale_and_shift(scenes, network):
    model = network(norm=True)
    before = {name: value.clone() for name, value in model[1].state_dict().items()}
    fit(model, scenes(), scenes(), replace(RECIPE, precision="float32", batch_norm="frozen", evaluate_every=2), device="cpu")
    assert all(torch.equal(before[name], value) for name, value in model[1].state_dict().items())
    moved = network(norm=True)
    fit(moved, scenes(), None, replace(RECIPE, precision="float32"), device="cpu")
    assert not torch.equal(before["running_mean"], moved[1].running_mean)


def test_synchronised_batch_norm_where_there_are_several_gpus(network):
    converted = batch_norm.prepare(network(norm=True), "sync", processes=2, on_gpu=True)
    assert isinstance(converted[1], nn.SyncBatchNorm)
    assert isinstance(batch_norm.prepare(network(norm=True), "sync", processes=1, on_gpu=True)[1], nn.BatchNorm2d)


def test_the_moving_average_is_scored_kept_and_by_hand(scenes, network):
    recipe = replace(RECIPE, precision="float32", average=0.5, steps=3, lr=0.5)
    seen = []

    class Watch:
        def on_start(self, run): pass
        def on_step(self, run, step, loss): seen.append(flat(run.model))
        def on_evaluate(self, run, step, scores): self.scores, self.scored, self.raw = scores, run.scored, evaluate(run.model, scenes()).confusion
        def on_end(self, run): pass

    watch, model = Watch(), network()
    fit(model, scenes(), scenes(), recipe, callbacks=[watch], device="cpu")
    by_hand = 0.5 * (0.5 * seen[0] + 0.5 * seen[1]) + 0.5 * seen[2]          # it begins with the weights of the first step
    assert torch.allclose(flat(model), by_hand, atol=1e-6) and torch.equal(flat(model), flat(watch.scored))
    assert torch.equal(evaluate(model, scenes()).confusion, watch.scores.confusion) and not torch.equal(watch.raw, watch.scores.confusion)


def test_losses_read_seldom_are_the_same_losses(scenes, network):
    told, histories = [], []

    class Listen:
        def on_start(self, run): pass
        def on_step(self, run, step, loss): told.append((step, run.step, loss))
        def on_evaluate(self, run, step, scores): pass
        def on_end(self, run): pass

    for every, callbacks in ((1, []), (4, [Listen()])):
        histories.append(fit(network(), scenes(), scenes(), replace(RECIPE, precision="float32", read_every=every), callbacks=callbacks, device="cpu").losses)
    assert histories[0] == histories[1] == [loss for _, _, loss in told]
    assert [pair[:2] for pair in told] == [(1, 4), (2, 4), (3, 4), (4, 4), (5, 6), (6, 6)]


def test_the_log_has_each_steps_own_rate_also_where_losses_are_read_seldom(scenes, network, tmp_path):
    fit(network(), scenes(), None, replace(RECIPE, precision="float32", read_every=4, trunk_lr=0.5), callbacks=[Log(tmp_path / "log.jsonl", {})], device="cpu")
    rates = [line["lr"] for line in map(json.loads, (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()) if "loss" in line]
    assert rates == pytest.approx([0.05 * (1 - step / 6) ** 0.9 for step in range(6)])          # poly, by hand

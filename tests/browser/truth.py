"""What each lab must show in a state, by segcourse.ops and torch: `check(name, seen)` with what `Reader.see` gave."""

import re
import sys
from decimal import ROUND_HALF_UP, Decimal
from functools import cache

import numpy as np
import torch
from torch.nn import functional as F

from segcourse import labs, models, ops


def number(value):
    """As the labs write it: at most two decimals, halves away from zero, a real minus."""
    rounded = Decimal(float(value)).quantize(Decimal("0.01"), ROUND_HALF_UP) + 0
    return f"{rounded:f}".rstrip("0").rstrip(".").replace("-", "−") if rounded else "0"


def grid(values):
    return torch.tensor(values, dtype=torch.float64)[None, None]


def module(name):
    return sys.modules[f"segcourse.labs.{name}"]  # the package's attribute of that name is the function


def close(seen, part, expected):
    np.testing.assert_allclose(seen["numbers"][part], np.asarray(expected), atol=1e-9, err_msg=part)


def written(seen, part, values):
    """Where a grid has room for its numbers, each of them is on the canvas."""
    if seen["legible"].get(part):
        missing = {number(v) for v in np.asarray(values).ravel()} - set(seen["written"])
        assert not missing, f"{part} shows no {sorted(missing)}"


def transposed_conv(seen):
    state = seen["state"]
    kernel, stride, padding, photo = grid(state["kernel"]), state["stride"], state["padding"], state["scene"] == "photo"
    x = torch.tensor(module("transposed_conv").photo_patch() / 255)[None, None] if photo else grid(state["input"])
    laid = torch.ones_like(x)
    if not photo:
        laid.view(-1)[state["stamps"] :] = 0
    summed = ops.conv_transpose2d(x * laid, kernel, stride=stride)[0, 0]
    count = ops.conv_transpose2d(laid, torch.ones_like(kernel), stride=stride)[0, 0].round()
    if laid.all():
        assert torch.equal(count.long(), ops.stamp_count(x.shape[2:], kernel.shape[2:], (stride, stride)))
    expected = {"sum": summed, "count": count, "average": torch.where(count > 0, summed / count.clamp(min=1), 0.0)}[state["view"]]
    if photo:
        rows, columns = expected.shape
        close(seen, "upsampled", expected[padding : rows - padding, padding : columns - padding])
    else:
        close(seen, "output", expected)
        written(seen, "output", expected[count > 0])
        if laid.all() and state["cell"] and state["view"] == "sum":
            row, column = (at + padding for at in state["cell"])
            found = re.match(r"\D*(\d+)\D*(\d+)\D*\] = .*?([−\d.]+)$", seen["formula"][0])
            if found and (int(found[1]) - 1, int(found[2]) - 1) == tuple(state["cell"]) and max(row, column) < min(expected.shape):
                assert found[3] == number(expected[row, column]), seen["formula"]
    rows, columns = (size - 2 * padding for size in expected.shape)
    if laid.any():
        assert f"{x.shape[2]}×{x.shape[3]}" in seen["line"] and f"{rows}×{columns}" in seen["line"]


def no_inverse(seen):
    both = module("no_inverse").NoInverseLab.there_and_back(seen["state"])
    for column, grids in both.items():
        for key, expected in zip(("x", "there", "back", "again"), grids):
            close(seen, f"{column}-{key}", expected)
            written(seen, f"{column}-{key}", expected)
        x, there, back, again = grids
        y = torch.tensor(seen["numbers"][f"{column}-y"], dtype=torch.float64)
        weight, stride = grid(seen["state"]["kernel"]), seen["state"]["stride"]
        if column == "conv":
            reached = [(n - 1) * stride + k for n, k in zip(y.shape, weight.shape[2:])]
            rest = tuple(n - m for n, m in zip(x.shape, reached))
            turned = ops.conv_transpose2d(y[None, None], weight, stride=stride, output_padding=rest)[0, 0]
        else:
            _, switches = F.max_pool2d(x[None, None], 2, return_indices=True)
            turned = F.max_unpool2d(y[None, None], switches, 2, output_size=x.shape)[0, 0]
        left, right = (there * y).sum(), (x * turned).sum()
        sides = seen["lights"][f"{column}.product"][1]
        assert sides == f"{number(left)} {'=' if abs(left - right) < 1e-6 else '≠'} {number(right)}"
        lit = {key: torch.allclose(a, b, atol=1e-9) for key, a, b in (("values", x, back), ("again", there, again))}
        for key, on in {"shape": True, "product": True, **lit}.items():
            assert seen["lights"][f"{column}.{key}"][0] == ("yes" if on else "no"), (column, key, seen["lights"])


def slide_classifier(seen):
    state, lab = seen["state"], module("slide_classifier")
    where = state["picture"], state["size"], state["padding"]
    crops, scores = lab.crop_answers(*where), lab.one_pass(*where)
    row, column = (min(at, len(scores) - 1) for at in state["window"])
    close(seen, "map", (crops - scores).abs() if state["view"] == "difference" else scores)
    shown = [float(text.replace("−", "-")) for text in re.findall(r"[−\d.]*\d", seen["line"])[:2]]
    assert abs(shown[0] - crops[row, column]) < 6e-4 and abs(shown[1] - scores[row, column]) < 6e-4, seen["line"]
    many, once = lab.multiplications(state["size"], state["padding"])
    assert {f"{many:,}", f"{once:,}"} <= set(seen["written"])


@cache
def field_of(stack, size):
    return ops.receptive_field(module("receptive_field").network(stack), size)


@cache
def touched_of(stack, size, cell):
    return int((module("receptive_field").paths(stack, size, cell) > 0).sum())


def receptive_field(seen):
    state = seen["state"]
    size = module("receptive_field").PHOTOS[state["photo"]]
    field = field_of(state["stack"], size)
    y, x = (int(text) for text in re.search(r"\((\d+), (\d+)\)", seen["line"]).groups())
    if state["cell"]:
        assert [y, x] == [min(at, extent - 1) for at, extent in zip(state["cell"], field.extent)]
    box = field.at(y, x)
    assert f"{box.height}×{box.width}" in seen["line"]
    numbers = [int(text.replace("−", "-")) for text in re.findall(r"−?\d+", seen["line"])]
    assert {box.y0, box.y1 - 1, box.x0, box.x1 - 1} <= set(numbers), seen["line"]
    touched = touched_of(state["stack"], size, (y, x))
    assert touched in numbers, (touched, seen["line"])
    assert seen["formula"][0].endswith(f"= {box.height}"), seen["formula"]


def percent(share):
    """As the lab writes it: one decimal, 100 only where it is whole and 0 only where it is nothing."""
    if share != share:
        return "–"
    text = str(round(100 * share)) if share in (0, 1) else {"100.0": "99.9", "0.0": "<0.1"}.get(f"{100 * share:.1f}", f"{100 * share:.1f}")
    return f"{text}\u00a0%"


def scores(seen):
    lab, state = module("scores"), seen["state"]
    expected, labels = lab.scores(state), lab.prediction(state)  # both by segcourse.ops
    close(seen, "truth", lab.scene(state["scene"]))
    close(seen, "prediction", labels)
    names = {"pixel accuracy": "pixel", "mIoU": "miou", "boundary IoU": "boundary"}
    for words, key in names.items():
        if words in seen["line"].split(".")[0]:
            assert f"{words} {percent(expected[key])}" in seen["line"], (words, seen["line"])
    assert {percent(expected[key]) for key in ("pixel", "mean", "weighted", "miou", "boundary")} <= set(seen["texts"])
    for name, iou, band in zip(lab.CLASSES, expected["iou"].tolist(), expected["boundary_iou"].tolist()):
        words = f"{labs.scores().texts()[f'class.{name}']}, IoU {percent(iou)}, boundary IoU {percent(band)}"
        assert words in seen["texts"], (words, seen["texts"])


@cache
def atrous_paths(kernel, rates, cell):
    return module("atrous").paths(kernel, rates, cell).numpy()


def atrous(seen):
    lab, state = module("atrous"), seen["state"]
    if state["view"] == "taps":
        kernel, rates = state["kernel"], tuple(int(part) for part in state["rates"].split(","))
        y, x = (int(text) for text in re.search(r"\((\d+), (\d+)\)", seen["line"]).groups())
        if state["cell"]:
            assert [y, x] == [min(at, size - 1) for at, size in zip(state["cell"], lab.PHOTO)]
        reach = sum(rate * (kernel - 1) // 2 for rate in rates)
        span, found = 2 * reach + 1, atrous_paths(kernel, rates, (y, x))
        around = np.pad(found, reach)[y : y + span, x : x + span]
        part = "paths" if "paths" in seen["numbers"] else "pathsImage"
        if part in seen["numbers"]:  # not where it is larger than a test reads
            close(seen, part, around)
            if len(rates) > 1:
                written(seen, part, around[around > 0])
        touched = int((found > 0).sum())
        assert seen["formula"][0].endswith(f"= {span}"), seen["formula"]
        assert re.search(rf"= {touched}\D.*= {span * span}\D.*= {len(rates) * kernel**2}$", seen["formula"][1]), seen["formula"]
        if kernel > 1:
            counts = {int(text) for text in re.findall(r"\d+", seen["line"])}
            assert f"{span}×{span}" in seen["line"] and touched in counts, (touched, seen["line"])
        return
    photo, stride = state["scene"] == "photo", state["stride"]
    x = torch.tensor(lab.grey().astype(float) - 128 if photo else lab.numbers().astype(float))
    old = lab.old_map(x, state["first"], stride)
    dense = lab.dense_map(x, state["first"], stride, **{name: state[name] for name in ("pool", "conv", "pad")})
    end = "Image" if photo else ""
    close(seen, f"old{end}", old)
    written(seen, "old", old)
    if dense.numel():
        close(seen, f"dense{end}", dense)
        if not photo:
            rows, columns = np.indices(dense.shape)
            written(seen, "dense", dense.numpy()[(rows % stride) * stride + columns % stride < state["filled"]])
    met = dense[::stride, ::stride][: old.shape[0], : old.shape[1]]
    same = int((met == old[: met.shape[0], : met.shape[1]]).sum())
    every = same == old.numel()
    assert seen["lights"]["values"][0] == ("yes" if every else "no") and str(same) in seen["lights"]["values"][1], seen["lights"]
    assert seen["lights"]["size"][0] == ("yes" if dense.shape == x.shape else "no"), seen["lights"]
    assert seen["lights"]["field"][0] == ("yes" if state["pool"] and state["conv"] else "no"), seen["lights"]
    assert str(old.numel()) in seen["line"] and (every or not same or str(same) in seen["line"]), seen["line"]
    places = [float(text.replace("−", "-")) for text in re.findall(r"= (−?\d+)", seen["formula"][2])]
    at = [int(text) for text in re.findall(r"\((\d+), (\d+)\)", seen["formula"][2])[-1]] if dense.numel() else []
    if len(places) == 2:
        assert places == [old[at[0] // stride, at[1] // stride], dense[at[0], at[1]]], seen["formula"]
    elif places:
        assert places == [dense[at[0], at[1]]], seen["formula"]


def dense_map(seen):
    lab, state = module("dense_map"), seen["state"]
    maps, stride, picture = lab.shipped(), state["stride"], int(state["picture"]) - 1
    of, scores = maps["about"]["strides"][stride], maps[f"scores{stride}"][picture]
    rows, columns = of["cells"]
    close(seen, "cells", scores.argmax(0))
    first = maps["about"]["strides"]["32"]
    old = first["cells"][0] * first["cells"][1]
    assert f"{rows}×{columns} = {rows * columns} cells" in seen["line"]
    if stride != "32":
        assert f"the {old} old ones" in seen["line"] and f"and {rows * columns - old} between" in seen["line"]
        assert f"{of['multiply_adds'] / first['multiply_adds']:.1f} times" in seen["line"]
    assert f"= {rows} × {columns} = {rows * columns}" in seen["formula"][0]
    y, x = (int(text) for text in re.search(r"Cell \((\d+), (\d+)\)", seen["line"]).groups())
    if state["cell"]:
        assert [y, x] == [min(at, most - 1) for at, most in zip(state["cell"], (rows, columns))]
    names = labs.dense_map().texts()
    assert f"scores {names[f'class.{int(scores[:, y, x].argmax())}']} highest" in seen["line"], seen["line"]
    field = ops.receptive_field(_chain_of(stride), tuple(maps["about"]["size"])).at(y, x)
    assert f"sees {field.height}×{field.width} pixels" in seen["line"]
    assert {f"{v:.1f}".replace("-0.0", "0.0").replace("-", "−") for v in scores[:, y, x].tolist()} <= set(seen["written"])
    labels = lab.prediction(maps, picture, int(stride), state["crf"])
    both, either = ops.boundary_counts(maps["truth"][picture][None], labels[None], 11, 11)
    shown = f"{100 * float((both.double() / either).nanmean()):.1f}\u00a0%"
    miou = f"{100 * float(ops.class_iou(ops.confusion_matrix(maps['truth'][picture], labels, 11, 11)).nanmean()):.1f}\u00a0%"
    assert shown in seen["line"] and miou in seen["line"], (shown, miou, seen["line"])
    at = 1 + lab.STRIDES.index(int(stride))
    assert [row[at] for row in seen["tables"][0]][0] == stride and {shown, miou} <= {row[at] for row in seen["tables"][0]}


@cache
def _chain_of(stride):
    """The layers of the network behind the maps, unlearnt, at an output stride."""
    about = module("dense_map").shipped()["about"]
    own = models.scorer(models.create(about["network"], num_classes=11, **about["options"]))
    return own if stride == "32" else ops.make_dense(own, int(stride))




def check(name, seen):
    assert name in CHECKS, f"tests/browser/truth.py does not know what {name} must show: write it down there"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # grids of a few cells: threads would only wait for one another
    try:
        CHECKS[name](seen)
    finally:
        torch.set_num_threads(threads)


@cache
def mean_field_of(confidence, weights_and_widths):
    """The probabilities after 0, 1, ..., 10 iterations, (11, 6, 120, 160)."""
    lab = module("crf")
    crf = ops.DenseCRF(len(lab.LABELS), iterations=lab.ITERATIONS, **dict(weights_and_widths))
    with torch.no_grad():
        return torch.stack([q for q, _, _ in crf.steps(lab.unary(confidence), lab.image())])


def crf(seen):
    lab, state = module("crf"), seen["state"]
    q = mean_field_of(state["confidence"], tuple((name, state[name]) for name in lab.WEIGHTS_AND_WIDTHS))
    labels, step = q.argmax(1), state["iteration"]
    moved = int((labels[step] != labels[0]).sum())
    assert seen["line"].startswith(f"After iteration {step}, {moved} of 19200 pixels" if step else "What the network says"), seen["line"]
    row, column = (int(text) - 1 for text in re.search(r"row (\d+), column (\d+)", seen["line"]).groups())

    def share(value):
        return ">99" if 0.995 < value < 1 else "<1" if value < 0.005 else str(int(100 * value + 0.5))

    names, first, now = lab.label_names(), int(labels[0, row, column]), int(labels[step, row, column])
    for label, at in ((first, 0), (now, step)):
        told = float(q[at, label, row, column])
        # what the page shows is made of numbers kept in 255 steps: its last digit may be the next one
        near = {share(told + off) for off in (-0.012, -0.006, 0, 0.006, 0.012)}
        assert names[label] in seen["line"] and any(f"{text}\u00a0%" in seen["line"] for text in near), (label, told, seen["line"])
    heard = lab.listening(state, row, column)
    if heard.max() > 0:
        shares = np.array([heard[(labels[step] == k).numpy()].sum() for k in range(len(names))]) / heard.sum()
        assert f"{share(shares.max())}\u00a0% of its attention to pixels labelled {names[shares.argmax()]}" in seen["line"], (shares, seen["line"])
    else:
        assert "Both kernels are off" in seen["line"]


def switches(seen):
    lab, state = module("switches"), seen["state"]
    expected, view = lab.SwitchesLab.computed(state), state["view"]
    x, y = (torch.tensor(state[name], dtype=torch.float64) for name in ("x", "y"))
    grids = {"switches": ("pooled", "switches", "unpooled"), "ways": ("pooled", "unpooled", "nails", "nearest", "bilinear"),
             "again": ("pooled", "unpooled", "yBack", "yAgain")}[view]
    for name, wanted in (*((name, expected[name]) for name in grids), ("x", x), *([("y", y)] if view == "again" else [])):
        close(seen, name, wanted)
        if name != "bilinear":  # written with as many decimals as fit
            written(seen, name, wanted)
    reached = expected["switches"].unique()
    if view == "switches":
        i, j, v, r, c, place = (int(text.replace("−", "-")) for text in re.search(
            r"^Window \((\d), (\d)\): the largest of its \d numbers is (−?\d), and it stands at \((\d), (\d)\): that is switch (\d+)\.", seen["line"]).groups())
        assert (v, place) == (expected["pooled"][i, j], expected["switches"][i, j]) and place == 8 * r + c, seen["line"]
        assert f"{len(reached)} of the 64 numbers come back; the other {64 - len(reached)} cells" in seen["line"]
        shared = expected["switches"].flatten().tolist()
        sharing = sum(shared.count(place) > 1 for place in shared)
        padding = 1 if state["kernel"] == 3 else 0
        window = F.unfold(F.pad(x[None, None], [padding] * 4, value=-10.0), state["kernel"], stride=2)[0, :, 4 * i + j]
        equal = int((window == v).sum())
        assert (f"It stands there {equal} times" in seen["line"]) == (equal > 1), (window, seen["line"])
        assert (f"{sharing} of the 16 windows share" in seen["line"]) == (sharing > 0)
    elif view == "ways":
        errors = {words: float((expected[name] - x).abs().mean()) for name, words in
                  (("unpooled", "switches"), ("nails", "bed of nails"), ("nearest", "nearest"), ("bilinear", "bilinear"))}
        assert "Mean error to x: " + ", ".join(f"{words} {number(error)}" for words, error in errors.items()) + "." in seen["line"], seen["line"]
        assert {f"mean error {number(error)}" for error in errors.values()} <= set(seen["written"])
        least = min(errors.values())
        best = [words for words, error in errors.items() if error - least < 1e-9]
        assert len(best) == 4 or seen["line"].endswith(", ".join(best) + "."), seen["line"]
    else:
        left, right = (expected["pooled"] * y).sum(), (x * expected["yBack"]).sum()
        lit = {"shape": True, "values": torch.equal(expected["unpooled"], x), "product": bool(left == right), "again": torch.equal(expected["yAgain"], y)}
        assert {name: seen["lights"][name][0] for name in lit} == {name: "yes" if on else "no" for name, on in lit.items()}, seen["lights"]
        assert seen["lights"]["product"][1] == f"{number(left)} {'=' if left == right else '≠'} {number(right)}"
        differ = int((expected["yAgain"] != y).sum())
        assert ("gives y back" if not differ else f"another number than y in {differ} of 16 cells") in seen["line"], seen["line"]


def whole_percent(share):
    return f"{int(100 * share + 0.5)}\u00a0%"


def switch_swap(seen):
    lab, state = module("switch_swap"), seen["state"]
    swaps = lab.shipped()
    a, b = (min(int(state[name]), len(swaps.images)) - 1 for name in ("a", "b"))
    maps = swaps.answer(a, b).maps
    row, column = lab.SWITCHES.index(state["switches"]), lab.CODES.index(state["code"])
    scores = np.array([[[swaps.miou(torch.from_numpy(labels), n) for n in (a, b)] for labels in rows] for rows in maps])
    close(seen, "maps", np.floor(1000 * scores[..., 0] + 0.5))
    chosen = maps[row, column]
    own, other = ((chosen == maps[n, n]).mean() for n in (0, 1))
    against = [whole_percent(value) for value in scores[row, column]]
    code, switches = {"a": "A's code", "b": "B's code", "mean": "mean code", "zero": "zeros for code"}[state["code"]], {"a": "A's", "b": "B's"}[state["switches"]]
    assert f"{code} with {switches} switches: mIoU {against[0]} against A's labels, {against[1]} against B's." in seen["line"], (scores[row, column], seen["line"])
    assert f"At {whole_percent(own)} of the pixels" in seen["line"] and f"at {whole_percent(other)} what it says of B" in seen["line"], (own, other, seen["line"])
    assert ("A and B are one picture" in seen["line"]) == (a == b)
    for names in scores.reshape(-1, 2):
        assert {f"A {whole_percent(names[0])}", f"B {whole_percent(names[1])}"} <= set(seen["written"])
    if state["pixel"]:
        y, x = state["pixel"]
        names = labs.switch_swap().texts()
        here, in_a, in_b = (names[f"class.{int(labels[y, x])}"] for labels in (chosen, swaps.labels[a], swaps.labels[b]))
        assert f"row {y + 1}, column {x + 1} is {here} here, {in_a} in A's truth and {in_b} in B's" in seen["line"], seen["line"]


def follow_switch(seen):
    lab, state = module("follow_switch"), seen["state"]
    images, traces = lab.shipped()
    of, pixel = traces[min(int(state["picture"]), len(images)) - 1], tuple(state["pixel"])
    steps = lab.goes(of, pixel, int(state["rank"]))
    for level, (channel, _, _) in enumerate(steps, 1):
        if f"before{level}" in seen["numbers"]:  # not where it is larger than a test reads
            close(seen, f"before{level}", of.before[level - 1][channel].astype(float))
    kept = next((n for n, (_, _, wins) in enumerate(steps) if not wins), lab.LEVELS)
    place = f"the pixel in row {pixel[0] + 1}, column {pixel[1] + 1}"
    said = {lab.LEVELS: f"All five switches point at {place}", 0: f"No switch points at {place}"}.get(kept, f"point at {place} up to pool{kept}.")
    assert said in seen["line"], (kept, seen["line"])
    name = labs.follow_switch().texts()[f"class.{int(of.labels[pixel])}"]
    assert seen["line"].endswith(f"calls this pixel {name}."), (name, seen["line"])
    quarters = ("top left", "top right", "bottom left", "bottom right")
    if kept < lab.LEVELS:
        channel, points, _ = steps[kept]
        assert f"At pool{kept + 1}, in channel {channel + 1}, the maximum stands {quarters[points]}" in seen["line"], seen["line"]
    cell = tuple(v >> lab.LEVELS for v in pixel)
    points = steps[-1][1]
    way = lab.lead(of, lab.LEVELS, (2 * cell[0] + points // 2, 2 * cell[1] + points % 2), int(state["rank"]))
    end = way[-1]
    assert ("lead back to this very pixel" in seen["line"]) == (end == pixel)
    assert seen["formula"][0].endswith(f"= pixel ({end[0] + 1}, {end[1] + 1})"), (end, seen["formula"])
    arrows = "".join("↖↗↙↘"[q] for q in (points, *(2 * (r % 2) + c % 2 for r, c in way[1:])))
    assert "".join(re.findall("[↖↗↙↘]", seen["formula"][0])) == arrows


def proposals(seen):
    lab, state = module("proposals"), seen["state"]
    maps = lab.shipped()
    picture = min(int(state["picture"]), len(maps["images"])) - 1
    boxes, labels, about = maps["boxes"][picture], maps["labels"][picture], maps["about"]
    n = min(state["boxes"], len(boxes))
    covered = [lab.covered(boxes[:k], labels.shape[1:]) for k in (n - 1, n)]
    before, after = (np.where(covered[k], labels[max(n - 2 + k, 0)], -1) for k in (0, 1))
    top, left, bottom, right = (int(v) for v in boxes[n - 1])
    assert f"After {n} of {len(boxes)} boxes {whole_percent(covered[1].mean())} of the picture" in seen["line"], seen["line"]
    assert f"Box {n} is {bottom - top}×{right - left} pixels, and it changed {int((before != after).sum())} pixels" in seen["line"], seen["line"]
    assert f"mIoU of {whole_percent(about['miou'][picture][n - 1])} " in seen["line"] and f"has {whole_percent(about['whole'][picture])}." in seen["line"]
    if state["pixel"]:
        y, x = state["pixel"]
        many = sum(t <= y < b and le <= x < r for t, le, b, r in boxes[:n].tolist())
        name = labs.proposals().texts()[f"class.{int(labels[n - 1, y, x])}"]
        assert (f"lies in {many} boxes; the surest says {name}" if many else "lies in no box yet") in seen["line"], seen["line"]


CHECKS = {check.__name__: check for check in (transposed_conv, no_inverse, slide_classifier, receptive_field, scores, atrous, dense_map, crf, switches, follow_switch,
                                             switch_swap, proposals)}

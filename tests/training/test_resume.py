"""A run that was broken off goes on to the same weights; nothing that was kept is lost, whatever ends it."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch

from segcourse import cli
from segcourse.training import Keep, Log, Recipe, TrainingError, fit, jobs, state
from segcourse.training.checkpoints import load_checkpoint, save_checkpoint

RECIPE = Recipe(steps=12, batch_size=2, optimizer="adamw", lr=0.01, schedule="one_cycle", scale=(0.5, 2.0), flip=True, colour=0.2, average=0.9, evaluate_every=5,
                clip=1.0, accumulate=2)
META = {"model": "pixelnet", "options": {"num_classes": 3}}


def flat(model):
    return torch.cat([value.flatten().double() for value in model.state_dict().values()])


class StopAt:
    """Ends a run after a step, as a power cut would."""

    def __init__(self, step):
        self.step = step

    def on_start(self, run): pass
    def on_evaluate(self, run, step, scores): pass
    def on_end(self, run): pass

    def on_step(self, run, step, loss):
        if step == self.step:
            raise InterruptedError


@pytest.mark.parametrize("values", [{}, {"optimizer": "sgd", "average": 0.0}, {"optimizer": "sgd", "momentum": 0.0, "batch_norm": "frozen"}])
@pytest.mark.parametrize("at", [1, 4, 5, 10])
def test_goes_on_to_the_same_weights_bit_for_bit(tmp_path, scenes, network, values, at):
    recipe = replace(RECIPE, **values)
    whole = network(norm=True)
    unbroken = fit(whole, scenes(), scenes(3), recipe, device="cpu")
    path = tmp_path / "state.safetensors"
    with pytest.raises(InterruptedError):
        fit(network(norm=True), scenes(), scenes(3), recipe, callbacks=[Keep(tmp_path / "c.safetensors", META, state=path, seconds=0), StopAt(at + 1)], device="cpu")
    assert state.read(path).step >= at
    torch.manual_seed(99)
    again = network(seed=5, norm=True)          # whatever it holds is replaced
    history = fit(again, scenes(), scenes(3), recipe, device="cpu", resume=state.read(path))
    assert torch.equal(flat(again), flat(whole))
    assert history.losses == unbroken.losses and [step for step, _ in history.scores] == [5, 10, 12]
    for (_, ours), (_, theirs) in zip(history.scores, unbroken.scores, strict=True):
        assert torch.equal(ours.confusion, theirs.confusion) and ours.classes == theirs.classes


@pytest.fixture
def kept(tmp_path, scenes, network):
    """A state of step 5."""
    path = tmp_path / "state.safetensors"
    with pytest.raises(InterruptedError):
        fit(network(), scenes(), None, RECIPE, callbacks=[Keep(tmp_path / "c.safetensors", META, state=path, seconds=0), StopAt(5)], device="cpu")
    return path


def test_another_recipe_data_set_or_network_is_refused(kept, scenes, network):
    with pytest.raises(ValueError, match="is of a run with lr 0.01, and now it is 0.02.*--overwrite"):
        fit(network(), scenes(), None, replace(RECIPE, lr=0.02), device="cpu", resume=state.read(kept))
    other = scenes()
    other.images[1, 0, 3, 3] ^= 1
    with pytest.raises(ValueError, match="training pictures are not those"):
        fit(network(), other, None, RECIPE, device="cpu", resume=state.read(kept))
    wide = network()
    wide[0] = torch.nn.Conv2d(3, 12, 5, padding=2)
    with pytest.raises(ValueError, match="does not fit this network"):
        fit(wide, scenes(), None, RECIPE, device="cpu", resume=state.read(kept))


def test_damaged_foreign_and_missing_states_are_refused(kept, tmp_path, network):
    whole = kept.read_bytes()
    for cut in (0, 4, 100, len(whole) // 2, len(whole) - 1):
        kept.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match="damaged or no safetensors.*--overwrite"):
            state.read(kept)
    save_checkpoint(kept, network(), META)
    with pytest.raises(ValueError, match="no state of this version"):
        state.read(kept)
    with pytest.raises(FileNotFoundError):
        state.read(tmp_path / "none")


def test_a_full_disk_does_not_end_the_run_and_is_said_once(tmp_path, scenes, network, monkeypatch, capsys):
    from segcourse.training import checkpoints

    path = tmp_path / "state.safetensors"
    keep = Keep(tmp_path / "c.safetensors", META, state=path, seconds=0)
    real, calls = checkpoints.os.replace, []

    def full(*names):
        calls.append(names)
        if 3 <= len(calls) <= 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(names[1]))
        real(*names)

    monkeypatch.setattr(checkpoints.os, "replace", full)

    class Look(StopAt):
        def on_step(self, run, step, loss):
            self.steps = getattr(self, "steps", []) + [state.read(path).step]

    look = Look(0)
    fit(network(), scenes(), None, RECIPE, callbacks=[keep, look], device="cpu")
    assert look.steps == [1, 2, 2, 2, 2, 2, 7, 8, 9, 10, 11, 12]            # the last good state stays
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1 and str(tmp_path) in said[0] and "No space left" in said[0] and "goes on" in said[0]
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.skipif(sys.platform == "win32", reason="a limit on the size of files is POSIX's")
def test_a_system_that_takes_no_more_bytes_is_named_and_the_old_file_stays(tmp_path):
    """safetensors hides the system's number in a text; here a real refusal, of a process that may write 64 kB a file."""
    script = f"""
import errno, resource, signal, torch
from segcourse.training import checkpoints
path = {str(tmp_path / "x.safetensors")!r}
checkpoints.write_tensors(path, {{"a": torch.ones(4)}}, {{}})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
try:
    checkpoints.write_tensors(path, {{"a": torch.zeros(100000)}}, {{}})
except OSError as error:
    print(errno.errorcode[error.errno], error.filename == path)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, encoding="utf-8")
    assert done.stdout.split() == ["EFBIG", "True"], done.stderr
    from safetensors.torch import load_file
    assert torch.equal(load_file(tmp_path / "x.safetensors")["a"], torch.ones(4)) and len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_under_the_log_does_not_end_the_run_either(tmp_path, scenes, network, monkeypatch, capsys):
    from pathlib import Path

    log, real = Log(tmp_path / "log.jsonl", {}), Path.open

    def full(self, mode="r", *more, **named):
        if mode == "a":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(self, mode, *more, **named)

    monkeypatch.setattr(Path, "open", full)
    assert len(fit(network(), scenes(), None, RECIPE, callbacks=[log], device="cpu").losses) == 12
    assert capsys.readouterr().err.count("No space left") == 1


def test_weights_that_are_no_numbers_are_not_written_over_good_ones(tmp_path, scenes, network):
    path = tmp_path / "state.safetensors"

    class Poison(StopAt):
        def on_step(self, run, step, loss):
            if step == 4:
                with torch.no_grad():
                    run.model[4].weight.fill_(float("nan"))

    with pytest.raises(TrainingError, match="step 5"):          # the poison comes before the keeping of step 4
        fit(network(), scenes(), None, RECIPE, callbacks=[Poison(0), Keep(tmp_path / "c", META, state=path, seconds=0)], device="cpu")
    assert state.read(path).step == 3


def test_the_optimisers_numbers_lie_in_memory_as_their_parameters_do(tmp_path, scenes, network):
    """On a GPU weights are channels_last: a kernel over many tensors wants all in one order, and takes a slow way, or none, otherwise."""
    from segcourse.training.optimisers import make_optimizer
    from segcourse.training.run import History, Run

    def begun():
        model = network().to(memory_format=torch.channels_last)
        return Run(model, RECIPE, History(), torch.device("cpu"), optimizer=make_optimizer(model, RECIPE), feed=Feed())

    class Feed:
        waited = 0.0

        def fingerprint(self):
            return "same"

    run = begun()
    run.model(torch.randn(1, 3, 8, 8)).sum().backward()
    run.optimizer.step()
    state.save(tmp_path / "s.safetensors", run, META)
    again = begun()
    state.restore(again, state.read(tmp_path / "s.safetensors"))
    for parameter, values in again.optimizer.state.items():
        assert values["exp_avg"].stride() == parameter.stride() and torch.equal(values["exp_avg"], run.optimizer.state[dict(zip(again.model.parameters(), run.model.parameters()))[parameter]]["exp_avg"])


def test_a_loss_that_is_no_number_names_step_and_layer_and_keeps_the_last_good_state(tmp_path, scenes, network):
    path = tmp_path / "state.safetensors"

    class Poison(StopAt):
        def on_step(self, run, step, loss):
            if step == 4:
                with torch.no_grad():
                    run.model[4].weight[0, 0, 0, 0] = float("inf")

    with pytest.raises(TrainingError, match="step 5, first in layer 4: lower the learning rate 0.01.*last checkpoint"):
        fit(network(), scenes(), None, RECIPE, callbacks=[Keep(tmp_path / "c", META, state=path, seconds=0), Poison(0)], device="cpu")
    kept = state.read(path)
    assert kept.step == 4 and all(torch.isfinite(value).all() for value in kept.tensors.values() if value.is_floating_point())


class Greedy(torch.nn.Module):
    """A network that runs out of memory for more than `most` pixels."""

    def __init__(self, most):
        super().__init__()
        self.layer, self.most = torch.nn.Conv2d(3, 3, 1), most

    def forward(self, images):
        if images.shape[0] * images.shape[2] * images.shape[3] > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return self.layer(images)


def test_out_of_memory_says_what_fits_and_that_is_true(scenes):
    recipe = replace(RECIPE, batch_size=8, accumulate=1, average=0.0)
    with pytest.raises(TrainingError, match="out of memory on cpu at 8 x 24x32: 2 at a time fit, so --set accumulate=4 .*--batch-size 2. The last checkpoint stays"):
        fit(Greedy(3 * 24 * 32), scenes(8), None, recipe, device="cpu")
    assert len(fit(Greedy(3 * 24 * 32), scenes(8), None, replace(recipe, accumulate=4), device="cpu").losses) == 12
    big = scenes(8, (96, 128))
    with pytest.raises(TrainingError, match=r"not even one picture.*crop of 48x64 fits: --set crop=\[48,64\] with --batch-size 1"):
        fit(Greedy(48 * 64), big, None, recipe, device="cpu")
    assert fit(Greedy(48 * 64), big, None, replace(recipe, batch_size=1, crop=(48, 64)), device="cpu").losses
    with pytest.raises(TrainingError, match="smaller --width"):
        fit(Greedy(0), scenes(8), None, recipe, device="cpu")


def test_other_errors_stay_what_they_are(scenes):
    with pytest.raises(RuntimeError, match="expected input"):
        fit(torch.nn.Conv2d(4, 3, 1), scenes(), None, RECIPE, device="cpu")


# --- the command -----------------------------------------------------------------------------------------------------------

def train(folder, out, *more):
    return ["train", "fcn8s", "--data", "camvid", "--root", str(folder), "--out", str(out), "--width", "0.03", "--padding", "same", "--batch-size", "2", "--device", "cpu",
            "--steps", "12", "--set", "evaluate_every=4", "--set", "average=0.9", "--save-seconds", "0", *more]


def weights(path):
    return flat(load_checkpoint(path)[0])


KILLED = """
import os, sys, time
from segcourse import cli
from segcourse.training import checkpoints, jobs            # imported once: each run is a fork of this process
from segcourse.training import device
import torch
device.fabric(torch.device("cpu"))
real = checkpoints.os.fsync
def fsync(number):                                          # writing takes its time, so that many kills fall into it
    time.sleep(0.03); real(number); time.sleep(0.03)
checkpoints.os.fsync = fsync
print("ready", flush=True)
for _ in sys.stdin:
    child = os.fork()
    if not child:
        os._exit(cli.run({command!r}))
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forks, which Windows has not")
def test_killed_twenty_times_it_ends_with_the_weights_of_an_unbroken_run(camvid_folder):
    """SIGKILL at random moments of a run that writes its state after every step: much of its time is spent writing."""
    steps, out, seed = ("--steps", "80"), camvid_folder / "broken", random.Random(11)
    assert cli.run(train(camvid_folder, camvid_folder / "whole", *steps)) == 0
    server = subprocess.Popen([sys.executable, "-c", KILLED.format(command=train(camvid_folder, out, *steps, "--resume"))], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, encoding="utf-8", env=os.environ | {"OMP_NUM_THREADS": "1", "SEGCOURSE_LANG": "en"})
    mid_write, reached = 0, []
    try:
        while server.stdout.readline() != "ready\n":           # the table that a run prints would come here, too
            assert server.poll() is None
        for _ in range(20):
            known = {path.name for path in out.glob(".*.part")} if out.exists() else set()
            server.stdin.write("go\n")
            server.stdin.flush()
            child, deadline = int(server.stdout.readline()), time.monotonic() + 60
            while time.monotonic() < deadline and not ({path.name for path in out.glob(".*.part")} - known if out.exists() else set()):
                time.sleep(0.001)                               # until it has begun to write something of its own, then a moment more
            time.sleep(0.4 * seed.random())
            os.kill(child, signal.SIGKILL)
            assert int(server.stdout.readline()) == -signal.SIGKILL, "it ended by itself: more steps are needed"
            mid_write += any(out.glob(".*.part"))
            if (out / "state.safetensors").exists():
                reached.append(state.read(out / "state.safetensors").step)      # whole, at any moment
    finally:
        server.kill()
    assert mid_write >= 5 and reached == sorted(reached) and reached[-1] > 1, (mid_write, reached)
    assert cli.run(train(camvid_folder, out, *steps, "--resume")) == 0
    assert torch.equal(weights(out / "checkpoint.safetensors"), weights(camvid_folder / "whole" / "checkpoint.safetensors"))
    assert {path.name for path in out.iterdir()} <= {"checkpoint.safetensors", "log.jsonl", "scores.json", ".segcourse-lock"}
    whole, broken = (json.loads((camvid_folder / name / "scores.json").read_text(encoding="utf-8")) for name in ("whole", "broken"))
    assert whole["valid"] == broken["valid"] and whole["validation"] == broken["validation"]
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == list(range(1, 81))            # every step once


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C to a whole console")
def test_ctrl_c_keeps_the_state_of_the_step_it_came_in_and_resume_goes_on(camvid_folder, capsys):
    out = camvid_folder / "long"
    command = train(camvid_folder, out, "--save-seconds", "1000", "--set", "evaluate_every=0", "--set", "steps=60")
    process = subprocess.Popen([sys.executable, "-m", "segcourse", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
                               env=os.environ | {"OMP_NUM_THREADS": "1", "SEGCOURSE_LANG": "en"})
    deadline = time.monotonic() + 90
    while not (out / "log.jsonl").exists() or (out / "log.jsonl").read_text(encoding="utf-8").count('"loss"') < 3:
        assert time.monotonic() < deadline and process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and "--resume goes on from there" in errors.strip().splitlines()[-1], errors
    step = state.read(out / "state.safetensors").step
    assert step >= 3
    assert cli.run(command) == 2 and "--resume" in capsys.readouterr().err
    assert cli.run([*command, "--resume", "--seed", "4"]) == 2 and "seed" in capsys.readouterr().err
    assert cli.run([*command, "--resume", "--size", "24x32"]) == 2 and "data" in capsys.readouterr().err
    assert cli.run([*command, "--resume", "--width", "0.04"]) == 2 and "options" in capsys.readouterr().err
    assert cli.run([*command, "--resume"]) == 0
    assert cli.run([*command, "--resume"]) == 2 and "finished" in capsys.readouterr().err


def test_resume_begins_where_there_is_nothing(camvid_folder):
    assert cli.run(train(camvid_folder, camvid_folder / "new", "--resume", "--test")) == 0
    lines = [json.loads(line) for line in (camvid_folder / "new" / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines[0]["event"] == "started" and lines[0]["model"] == "fcn8s" and lines[0]["recipe"]["steps"] == 12
    looks = [(line["split"], line["step"], line["images"]) for line in lines if line.get("event") == "scored"]
    assert looks == [("valid", 4, 3), ("valid", 8, 3), ("valid", 12, 3), ("test", 12, 3)]          # the test images once


def test_a_run_that_another_one_overtook_does_not_take_its_place(camvid_folder, monkeypatch, capsys):
    """The other finishes while this one still reads its data."""
    out, real = camvid_folder / "raced", jobs.start_weights

    def slow(job, model):
        monkeypatch.setattr(jobs, "start_weights", real)
        assert cli.run(train(camvid_folder, out)) == 0
        return real(job, model)

    monkeypatch.setattr(jobs, "start_weights", slow)
    assert cli.run(train(camvid_folder, out, "--seed", "1")) == 2 and "already holds a run" in capsys.readouterr().err
    assert json.loads((out / "scores.json").read_text(encoding="utf-8"))["recipe"]["seed"] == 0


def test_two_runs_into_one_folder(camvid_folder, capsys):
    out = camvid_folder / "shared"
    with jobs._alone_in(out):
        assert cli.run(train(camvid_folder, out)) == 2
        assert "another run is writing into" in capsys.readouterr().err
    assert not out.exists()
    assert cli.run(train(camvid_folder, out)) == 0


def test_the_log_forgets_the_steps_that_are_done_again(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"event": "started", "step": 0}\n{"step": 1, "loss": 2.0}\n{"step": 2, "loss": 1.5}\n{"step": 3, "lo', encoding="utf-8")

    class Begun:
        step = 1

    Log(path, {}).on_start(Begun())
    assert [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] == [
        {"event": "started", "step": 0}, {"step": 1, "loss": 2.0}, {"event": "resumed", "step": 1}]


def test_tensorboard_is_an_option(camvid_folder, capsys, monkeypatch):
    try:
        import tensorboard  # noqa: F401
        there = True
    except ModuleNotFoundError:
        try:
            import tensorboardX  # noqa: F401
            there = True
        except ModuleNotFoundError:
            there = False
    status = cli.run(train(camvid_folder, camvid_folder / "board", "--tensorboard"))
    if there:
        assert status == 0 and list((camvid_folder / "board" / "tensorboard").glob("events.out.*"))
    else:
        assert status in (1, 2) and "pip install tensorboard" in capsys.readouterr().err


@pytest.mark.slow
def test_two_processes_from_the_command_line_leave_one_run(camvid_folder):
    """Fabric's launcher starts the command again: one folder, one log, one table, and the weights of one process."""
    words = [word for word in train(camvid_folder, "OUT", "--set", "precision=float64", "--option", "dropout=0", "--test")]
    results = {}
    for processes in (1, 2):
        out = camvid_folder / f"by{processes}"
        command = [str(out) if word == "OUT" else word for word in words]
        environment = {name: value for name, value in os.environ.items() if name not in ("LOCAL_RANK", "MASTER_PORT", "WORLD_SIZE", "NODE_RANK")}
        done = subprocess.run([sys.executable, "-m", "segcourse", *command, "--devices", str(processes)], capture_output=True, text=True, encoding="utf-8", timeout=300,
                              env=environment | {"OMP_NUM_THREADS": "1", "SEGCOURSE_LANG": "en"})
        assert done.returncode == 0, done.stderr[-3000:]
        assert done.stdout.count("fcn8s · camvid · test") == 1
        assert {path.name for path in out.iterdir()} == {"checkpoint.safetensors", "log.jsonl", "scores.json", ".segcourse-lock"}
        results[processes] = weights(out / "checkpoint.safetensors"), json.loads((out / "scores.json").read_text(encoding="utf-8"))
    assert (results[1][0] - results[2][0]).abs().max() <= 1e-10
    assert results[1][1]["test"]["confusion"] == results[2][1]["test"]["confusion"] and results[2][1]["processes"] == 2
    again = subprocess.run([sys.executable, "-m", "segcourse", *command, "--devices", "2"], capture_output=True, text=True, encoding="utf-8", timeout=120,
                           env=environment | {"OMP_NUM_THREADS": "1", "SEGCOURSE_LANG": "en"})
    assert again.returncode == 2 and len(again.stderr.strip().splitlines()) == 1 and "already holds a run" in again.stderr

import json
import signal
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from imfuse.errors import TrainingDiverged, TrainingInterrupted, UsageError, WeightsError
from imfuse.learn.recipes.settings import Settings
from imfuse.learn.recipes.stage import Losses, Objective, Workshop
from imfuse.learn.training.folder import LOG, STATE
from imfuse.learn.training.journal import Journal, read_lines
from imfuse.learn.training.loop import Trainer
from imfuse.learn.training.state import FORMAT, State, load_state, save_state
from imfuse.learn.training.step import Running, seconds_a_step


def settings(**changes):
    plain = {"batch": 2, "crop": 16, "workers": 0, "checkpoint_every": 4, "precision": "float32"}
    return Settings(**{**plain, **changes})


@pytest.fixture
def train(tmp_path, tiny, noise):
    """Train the tiny recipe; returns the trainer."""

    def run(name="run", *, recipe=tiny, steps=(6, 10), watch=lambda _: None, state=None, **changes):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        chosen = settings(**changes)
        torch.manual_seed(chosen.seed)
        made = recipe(chosen)
        trainer = Trainer(
            made,
            noise(),
            noise(1),
            folder,
            fabric=Fabric(accelerator="cpu", devices=1),
            plan=made.plan(None),
            steps=steps,
            watch=watch,
        )
        trainer.fit(state or State({"seed": chosen.seed}))
        return trainer

    return run


def weights(trainer):
    return {key: value.clone() for key, value in trainer.result.state_dict().items()}


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


class Killed(Exception):
    """As by kill -9: nothing is written after it."""


def kill_at(step):
    def watch(progress):
        if progress.step == step:
            raise Killed

    return watch


@pytest.mark.parametrize("step", [1, 4, 5, 6, 7, 11, 15])
@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_a_killed_training_resumed_ends_with_the_same_weights_and_log(train, tmp_path, step, ema):
    whole = train("whole", ema=ema)
    with pytest.raises(Killed):
        train("killed", watch=kill_at(step), ema=ema)
    state = load_state(tmp_path / "killed" / STATE)
    assert state.total <= step
    resumed = train("killed", state=state, ema=ema)
    assert equal(weights(whole), weights(resumed))
    one, other = (read_lines(tmp_path / name / LOG) for name in ("whole", "killed"))
    assert [line["step"] for line in one] == list(range(1, 17))
    assert [line["loss"] for line in one] == [line["loss"] for line in other]


def test_another_seed_gives_other_weights(train):
    assert not equal(weights(train("a")), weights(train("b", seed=1)))


def test_each_stage_begins_once_even_when_resumed_within(train, tmp_path):
    with pytest.raises(Killed):
        train(watch=kill_at(11))
    state = load_state(tmp_path / "run" / STATE)
    assert (state.stage, state.step, state.total) == (1, 2, 8)
    assert train(state=state).recipe.begun == []


def test_rates_follow_the_papers_schedule_whatever_the_budget(train, tmp_path):
    train("short", steps=(3, 5))
    lines = read_lines(tmp_path / "short" / LOG)
    expected = [0.02 / (1 + p) for p in (0, 2, 4, 0, 2, 4, 6, 8)]
    assert [line["lr"] for line in lines] == pytest.approx(expected)


def test_lines_tell_loss_and_terms(train, tmp_path):
    train()
    for line in read_lines(tmp_path / "run" / LOG):
        assert line["loss"] == pytest.approx(3 * line["terms"]["error"], rel=1e-6)
        assert line["stage"] in {"first", "second"}
        assert line["gradient"] > 0
        assert 0 <= line["waited"] <= line["seconds"]


def test_training_helps(train, tmp_path):
    train(steps=(60, 100))
    losses = [line["loss"] for line in read_lines(tmp_path / "run" / LOG)]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10])


def test_the_mean_of_weights_is_that_of_the_formula(train, tiny):
    seen = []

    class Recorded(tiny):
        def stage(self, index, workshop):
            stage = super().stage(index, workshop)
            adam = stage.optimizations[0].optimizer
            weight = self.fusion.layers[0].weight
            adam.register_step_post_hook(lambda *_: seen.append(weight.detach().clone()))
            return stage

    trainer = train(recipe=Recorded, steps=(1, 7), ema=0.8)
    # The mean begins anew with each stage, at the first weights that a step gives.
    mean = seen[1]
    for weight in seen[2:]:
        mean = 0.8 * mean + 0.2 * weight
    torch.testing.assert_close(trainer.result.layers[0].weight, mean)
    assert not torch.equal(trainer.recipe.fusion.layers[0].weight, mean)


def broken(tiny, at):
    class Broken(tiny):
        def stage(self, index, workshop):
            stage = super().stage(index, workshop)
            inner, calls = stage.objective.forward, []

            def forward(*batch):
                calls.append(1)
                losses = inner(*batch)
                if len(calls) < at:
                    return losses
                error = losses.terms["error"] * float("nan")
                return losses._replace(total=error, terms={"error": error})

            stage.objective.forward = forward
            return stage

    return Broken


def test_a_loss_that_is_no_number_stops_before_it_does_harm(train, tiny, tmp_path):
    message = r"first, step 5: loss terms: error = nan; gradient of fusion\.layers.* with n\d"
    with pytest.raises(TrainingDiverged, match=message):
        train(recipe=broken(tiny, 5))
    state = load_state(tmp_path / "run" / STATE)
    assert state.total == 4
    assert all(torch.isfinite(value).all() for value in state.modules.values())


@pytest.mark.parametrize("step", [6, 7])
def test_a_request_to_stop_is_kept_until_the_step_is_done(train, tmp_path, step):
    def interrupt(progress):
        if progress.step == step:
            signal.raise_signal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(TrainingInterrupted, match=rf"after step {step} of 16.*--resume") as caught:
        train(watch=interrupt)
    assert caught.value.exit_code == 130
    assert signal.getsignal(signal.SIGTERM) is before
    state = load_state(tmp_path / "run" / STATE)
    assert state.total == step
    assert equal(weights(train("whole")), weights(train(state=state)))


def test_trainings_run_in_other_threads_too(train):
    # Signals can't be caught there.
    done = []
    thread = threading.Thread(target=lambda: done.append(train(steps=(1, 1))))
    thread.start()
    thread.join()
    assert done


def test_previews_show_each_pair_thrice(train, tmp_path):
    import cv2

    train(preview_every=8)
    files = sorted((tmp_path / "run" / "previews").iterdir())
    assert [file.stem for file in files] == ["0000006", "0000008", "0000016"]
    picture = cv2.imread(str(files[0]))
    assert picture.shape[0] >= 24
    assert picture.shape[1] >= 3 * 32


def test_frozen_norms_stay_so_whatever_happens_on_the_way(train, tiny):
    class Normed(tiny):
        def __init__(self, settings):
            super().__init__(settings)
            self.fusion.layers[1] = torch.nn.BatchNorm2d(4)

        def stage(self, index, workshop):
            return replace(super().stage(index, workshop), frozen_norms=index == 1)

    def norm(**changes):
        return train(recipe=Normed, **changes).result.layers[1]

    first = norm(name="first", steps=(6, 1), preview_every=3)
    both = norm(name="both", preview_every=3)
    assert int(first.num_batches_tracked) == int(both.num_batches_tracked) == 6
    assert torch.equal(first.running_mean, both.running_mean)
    assert not torch.equal(first.weight, both.weight)


def test_progress_counts_all_stages_and_the_time_left(train):
    seen = []
    train(watch=seen.append)
    assert [one.step for one in seen] == list(range(1, 17))
    assert {one.steps for one in seen} == {16}
    assert seen[-1].left == 0 < seen[0].left


def test_what_keeps_a_stage_waiting_is_told(train, tiny):
    class Slow(tiny):
        def stage(self, index, workshop):
            workshop.tell(f"making ready for stage {index}")
            return super().stage(index, workshop)

    seen = []
    train(recipe=Slow, watch=lambda one: seen.append((one.stage, one.step)))
    assert len(seen) == 17
    assert seen[6] == ("making ready for stage 1", 6)


def test_a_step_is_that_of_the_formula(tiny, noise):
    """PyTorch's fused Adam reads weights and gradients as if they lay in memory in one order."""
    recipe = tiny(settings())
    fabric = Fabric(accelerator="cpu", devices=1)
    running = Running(recipe.stage(0, Workshop(noise(), None, fabric.device)), recipe, fabric)
    assert recipe.fusion.layers[0].weight.is_contiguous(memory_format=torch.channels_last)
    before = [p.detach().double().clone() for p in recipe.fusion.parameters()]
    running.step(next(iter(running.batches(seed=0, done=0, steps=1, workers=0))), 0.0, "here")
    for old, new in zip(before, recipe.fusion.parameters(), strict=True):
        gradient = new.grad.double()
        expected = old - 0.02 * gradient / (gradient.abs() + 1e-8)
        torch.testing.assert_close(new.detach().double(), expected, rtol=0, atol=1e-6)


def test_gradients_are_clipped_where_asked_for(tiny, noise):
    recipe = tiny(settings())
    fabric = Fabric(accelerator="cpu", devices=1)
    stage = recipe.stage(1, Workshop(noise(), None, fabric.device))
    stage.optimizations[0].clip = 1e-3
    running = Running(stage, recipe, fabric)
    batch = next(iter(running.batches(seed=0, done=0, steps=1, workers=0)))
    taken = running.step(batch, 0.0, "here")
    norms = [p.grad.norm() for p in recipe.fusion.parameters()]
    assert float(torch.stack(norms).norm()) == pytest.approx(1e-3, rel=1e-3)
    assert taken.gradient > 1e-3


def test_parameters_that_are_fixed_by_design_stay_fixed(tiny):
    recipe = tiny(settings())
    network = recipe.fusion
    network.layers[2].requires_grad_(False)
    recipe.install("fusion", network)
    recipe.set_modes([])
    assert not any(p.requires_grad for p in network.parameters())
    assert not network.training
    recipe.set_modes(["fusion"])
    assert [p.requires_grad for p in network.parameters()] == [True, True, False, False]
    assert network.training


class Still(Objective):
    """A loss without a gradient, or a network whose output is the same everywhere."""

    def __init__(self, network, constant):
        super().__init__()
        self.network, self.constant = network, constant

    def forward(self, ir, vis, labels):
        shown = torch.zeros_like(ir) if self.constant else ir
        fused = self.network(shown, shown)
        error = (fused - ir).abs().mean()
        return Losses(error if self.constant else 0 * error, {"error": error})


@pytest.mark.parametrize(
    ("constant", "message"),
    [(True, "output is constant, as in the 299"), (False, "gradient is exactly 0, as in the 299")],
)
def test_a_network_that_learns_nothing_stops_the_training(train, tmp_path, tiny, constant, message):
    class Stuck(tiny):
        def stage(self, index, workshop):
            stage = super().stage(index, workshop)
            return replace(stage, objective=Still(self.fusion, constant))

        def __init__(self, settings):
            super().__init__(settings)
            self.fusion.layers[0] = torch.nn.Conv2d(2, 4, 1)  # a border would show

    with pytest.raises(TrainingDiverged, match=message):
        train(recipe=Stuck, steps=(400, 1), crop=8, checkpoint_every=100)
    assert load_state(tmp_path / "run" / STATE).total == 200


def test_a_few_steps_without_a_gradient_stop_nothing(train, tiny, tmp_path):
    class Sometimes(Still):
        def forward(self, ir, vis, labels):
            losses = super().forward(ir, vis, labels)
            self.count = getattr(self, "count", 0) + 1
            return losses if self.count % 250 else losses._replace(total=losses.terms["error"])

    class Slow(tiny):
        def stage(self, index, workshop):
            return replace(
                super().stage(index, workshop), objective=Sometimes(self.fusion, constant=False)
            )

    train(recipe=Slow, steps=(600, 1), crop=8)
    lines = read_lines(tmp_path / "run" / LOG)
    assert sum(line["gradient"] > 0 for line in lines) == 2


def test_speed_is_tried_for_each_stage(tiny, noise):
    fabric = Fabric(accelerator="cpu", devices=1)
    times = seconds_a_step(tiny(settings()), noise(), fabric)
    assert len(times) == 2
    assert all(0 < time < 10 for time in times)


def test_batches_that_processes_cannot_share_are_refused(tiny, noise):
    recipe = tiny(settings(batch=3))
    fabric = Fabric(accelerator="cpu", devices=1)
    running = Running(recipe.stage(0, Workshop(noise(), None, fabric.device)), recipe, fabric)

    class Two:
        world_size, global_rank, device = 2, 0, fabric.device

    running._fabric = Two()
    with pytest.raises(UsageError, match="batches of 3 for 2 processes"):
        running.batches(seed=0, done=0, steps=1, workers=0)
    running.stage = replace(running.stage, batch=2, least=2)
    with pytest.raises(UsageError, match="at least 2 samples for each, as norms need them"):
        running.batches(seed=0, done=0, steps=1, workers=0)


def test_states_are_refused_when_damaged_missing_or_of_another_format(tmp_path):
    path = tmp_path / STATE
    with pytest.raises(WeightsError, match="Check the folder"):
        load_state(path)
    save_state(path, State({"a": 1}, total=3))
    assert load_state(path).total == 3
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(WeightsError, match="damaged"):
        load_state(path)
    torch.save({"format": FORMAT + 1, "config": {}}, path)
    with pytest.raises(WeightsError, match=f"format {FORMAT + 1}"):
        load_state(path)
    torch.save([1, 2], path)
    with pytest.raises(WeightsError, match="not the state of a training"):
        load_state(path)


def test_the_log_drops_what_came_after_the_state_and_half_lines(tmp_path):
    with Journal(tmp_path) as journal:
        for step in (1, 2, 3):
            journal.write({"step": step, "stage": "a", "loss": 0.5, "terms": {"b": 0.25}})
    with (tmp_path / LOG).open("a") as file:
        file.write('{"step": 4, "lo')
    with Journal(tmp_path, steps=2) as journal:
        journal.write({"step": 3, "stage": "a", "loss": 0.125, "terms": {}})
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert [(line["step"], line["loss"]) for line in lines] == [(1, 0.5), (2, 0.5), (3, 0.125)]


def test_tensorboard_has_the_same_numbers(train, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train()
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    logged = {line["step"]: line["loss"] for line in read_lines(tmp_path / "run" / LOG)}
    shown = {e.step: e.value for tag in ("first", "second") for e in events.Scalars(f"{tag}/loss")}
    assert shown == pytest.approx(logged)

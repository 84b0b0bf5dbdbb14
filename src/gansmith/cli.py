"""The command line. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gansmith import __version__, cli_attributes, cli_coverage, cli_data, cli_doctor, cli_reconstruct, cli_slide
from gansmith.cli_data import SkipBad
from gansmith.errors import GansmithError, RunError

if TYPE_CHECKING:
    from gansmith.recipe import Recipe
    from gansmith.run import Run
    from gansmith.scores import Evaluation

app = typer.Typer(
    help="Train, resume, sample and look at generative adversarial networks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(cli_data.app, name="data")
app.command()(cli_attributes.attributes)
app.command()(cli_attributes.directions)
app.command()(cli_coverage.coverage)
app.command()(cli_doctor.doctor)
app.command()(cli_reconstruct.reconstruct)
app.command()(cli_slide.slide)

Trust = Annotated[Path | None, typer.Option(help="Your own Python file, where the run uses one.", show_default=False)]
Data = Annotated[
    str | None, typer.Option(help="A data set's name, a folder of images, an .npz, .npy or idx file.", show_default=False)
]
Overrides = Annotated[list[str] | None, typer.Argument(help="NAME=VALUE or LIST+=VALUE, such as budget=5m.", show_default=False)]
Checkpoint = Annotated[
    str, typer.Option(help="last, best (by its scores while it trained), or the image count of one that is kept.")
]
Extractor = Annotated[
    str | None,
    typer.Option(help="Features: a name, FILE.py:FUNCTION or inception:WEIGHTS; by default the data's own.", show_default=False),
]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"gansmith {__version__}")
        raise typer.Exit


@app.callback()
def _gansmith(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which one this is.")] = False,
) -> None:
    pass


@app.command("list")
def list_() -> None:
    """Recipes and data sets, a line each."""
    from gansmith.data import NAMES
    from gansmith.recipes import catalogue

    names = [*catalogue(), *NAMES]
    width = max(map(len, names)) + 2
    typer.echo("Recipes (gansmith show NAME, gansmith train NAME)")
    for entry in catalogue().values():
        typer.echo(f"  {entry.name:<{width}}{entry.about}")
    typer.echo("\nData sets (--data NAME, or a folder, .npz, .npy or idx file of yours)")
    for name, known in NAMES.items():
        typer.echo(f"  {name:<{width}}{known.purpose}")


@app.command()
def show(
    recipe: Annotated[str, typer.Argument(help="A recipe's name, FILE.py:FUNCTION, or a run folder.")] = "default",
    overrides: Overrides = None,
    data: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
    trust: Trust = None,
) -> None:
    """The complete recipe, its networks layer by layer, and what a step costs."""
    import inspect

    recipe, overrides = recipe_and_overrides(recipe, overrides)
    from gansmith.recipes import find, make

    if folder := _run_folder(recipe):
        run = _as_it_is(folder, trust, changed=bool(overrides or data))
        chosen, shape = run.recipe, tuple(run.facts["sample_shape"])
        kinds = len(run.asking.shares)
        about = f"The run {folder}: {run.images:,} of {run.total_images:,} images."
    else:
        from gansmith.conditions import num_kinds
        from gansmith.data import shape_of

        chosen = make(recipe, overrides, data)
        kinds = num_kinds(chosen.condition, chosen.data)
        shape, about = shape_of(chosen.data), inspect.getdoc(find(recipe)) or ""
    from gansmith.describe import recipe_facts, recipe_lines

    facts = recipe_facts(chosen, shape, kinds)
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    typer.echo("\n".join([chosen.name, "", about, "", *chosen.why]))
    for field, text in recipe_lines(chosen):
        typer.echo(f"  {field:<26}{text}")
    for name, network in facts["networks"].items():
        typer.echo(f"\n  {name}: {network['input']} -> {network['layers'][-1]['output']}, {network['weights']:,} weights")
        for layer in network["layers"]:
            weights = f"{layer['weights']:,}" if layer["weights"] else ""
            typer.echo(f"    {layer['layer']:<70} {layer['output']!s:<16} {weights:>10}")
    step = facts["step"]
    typer.echo(f"\n  a step: {step['images']} real images, {step['flops'] / 1e9:.3f} GFLOP")


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="A recipe's name, FILE.py:FUNCTION, or a run folder to go on with.")] = "default",
    overrides: Overrides = None,
    data: Data = None,
    run: Annotated[
        Path | None,
        typer.Option(
            help="The run folder [default: runs/RECIPE, or runs/RECIPE-DATA]. One that exists goes on.", show_default=False
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Take one step; say shapes, peak memory and minutes.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads PyTorch may use [default: the quickest number].", show_default=False)
    ] = None,
    framework: Annotated[
        str | None,
        typer.Option(help="torch or tensorflow [default: the run's own, torch for a new one].", show_default=False),
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="End the run at a score on the validation slice, as in fd=5.", show_default=False)
    ] = None,
    patience: Annotated[
        int | None, typer.Option(help="End the run after so many scorings without a better one.", show_default=False)
    ] = None,
    on_trouble: Annotated[
        str | None,
        typer.Option(
            help="What follows when the doctor sees trouble: warn, stop or recover [default: warn].", show_default=False
        ),
    ] = None,
    skip_bad: SkipBad = False,
    trust: Trust = None,
) -> None:
    """Train a recipe, or go on with a run: the same command again continues where it was, bit for bit."""
    wishes = (("scores.until", until), ("scores.patience", patience), ("watch.on_trouble", on_trouble))
    ends = [f"{name}={value}" for name, value in wishes if value is not None]
    recipe, overrides = recipe_and_overrides(recipe, overrides)
    chosen, folder = _what_to_train(recipe, [*overrides, *ends], data, run, skip_bad, trust)
    if dry_run:
        import torch

        torch.set_num_threads(threads or torch.get_num_threads())
        from gansmith.describe import dry_run_lines

        typer.echo("\n".join(dry_run_lines(chosen, device, framework or "torch")))
        return
    from gansmith import processes, progress
    from gansmith.run import Run
    from gansmith.training import steps

    if _is_finished(folder, chosen, trust):
        return

    records = steps(chosen, folder, device=device, threads=threads or "auto", framework=framework, trust=trust)
    with contextlib.closing(records):
        title = f"{chosen.name} -> {folder}   Ctrl-C saves and leaves; the same command goes on."
        progress.follow(records, "\n".join([*chosen.why, title]))
    if processes.rank() == 0:
        _afterwards(Run.open(folder, trust=trust))


def _is_finished(folder: Path, recipe: Recipe, trust: Path | None) -> bool:
    """Whether there is nothing left to train in a folder, which is then said. Raises RunError for a run of another recipe."""
    from gansmith.run import Run

    if not (folder / "recipe.json").is_file():
        return False
    run = Run.open(folder, trust=trust)
    run.check_same(recipe)
    if not run.has_nothing_left:
        return False
    if run.stopped:
        typer.echo(f"{folder} has ended early, at {run.images:,} images: {run.stopped}. To train longer, give another --run")
    else:
        typer.echo(
            f"{folder} is finished: its budget of {recipe.budget} is spent, {run.images:,} images. "
            "To train longer, give a bigger budget=... and another --run"
        )
    return True


def recipe_and_overrides(recipe: str, overrides: list[str] | None) -> tuple[str, list[str]]:
    """What the words of a command mean: where the first is an override, as in `gansmith train budget=30m`, no recipe is named."""
    words = list(overrides or [])
    return ("default", [recipe, *words]) if "=" in recipe and not os.path.exists(recipe) else (recipe, words)


def _what_to_train(
    name: str, overrides: list[str], data: str | None, run: Path | None, skip_bad: bool, trust: Path | None
) -> tuple[Recipe, Path]:
    from gansmith.data import label
    from gansmith.recipes import make

    if folder := _run_folder(name):
        return _as_it_is(folder, trust, changed=bool(overrides or data or run)).recipe, folder
    recipe = make(name, overrides, data, skip_bad)
    # With other data it is another recipe, which would find another run in its folder.
    return recipe, run or Path("runs") / (f"{recipe.name}-{label(recipe.data)}" if data else recipe.name)


def _run_folder(name: str) -> Path | None:
    """The run folder that is meant; None where a recipe is, whose names come before paths.

    Raises RunError for a path that is neither.
    """
    from gansmith.recipes import is_recipe

    if is_recipe(name):
        return None
    # os.path answers no where pathlib raises, for names too long and folders that may not be entered.
    if os.path.isfile(os.path.join(name, "recipe.json")):
        return Path(name)
    if os.path.exists(name) or os.sep in name or "/" in name:
        why = "it has no recipe.json" if os.path.exists(name) else "it does not exist"
        raise RunError(
            f"{name} is no run folder ({why}) and no recipe: name a recipe, which gansmith list shows; "
            "--run says where its run goes, and --data where its images are"
        )
    return None


def _as_it_is(folder: Path, trust: Path | None, changed: bool) -> Run:
    from gansmith.run import Run

    if changed:
        raise RunError(f"{folder} is a run, which goes on as it is: leave out what changes it, or name its recipe")
    return Run.open(folder, trust=trust)


def _afterwards(run: Run) -> None:
    from gansmith.describe import duration, skipped

    results = run.results
    if "accuracy" in results:
        real, fake = 100 * results["accuracy_real"], 100 * results["accuracy_fake"]
        typer.echo(
            f"held out: D is right about {real:.2f} % of {results['num_judged'] // 2:,} real samples it never saw "
            f"and {fake:.2f} % of as many new fakes; D(new fake) = {results['D(new fake)']:.4f}"
        )
    if "stopped" in results:
        typer.echo(f"ended early: {results['stopped']}")
    if "best" in results:
        best = results["best"]
        typer.echo(
            f"best on the validation slice: FD {best['value']:.4g} at {best['images']:,} images; take it with --checkpoint best"
        )
    if run.facts.get("looks"):
        from gansmith.checkup import checkup

        typer.echo(f"the doctor says: {checkup(run).word}; more by: gansmith doctor {run.path}")
    took = duration(results.get("seconds", 0))
    typer.echo(f"done: {run.images:,} images in {took}{skipped(run.facts['num_skipped'])}. In {run.path}:")
    typer.echo(f"  report.html: everything on one page; scored and judged by: gansmith report {run.path}")
    typer.echo(f"  samples/{run.images:012d}.png, samples/animation.gif, losses.png")
    typer.echo(f"  gansmith sample {run.path} --count 1000 --seed 1 --out samples.npz")
    typer.echo(f"  tensorboard --logdir {run.path}")


@app.command()
def sample(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    out: Annotated[Path, typer.Option(help="x.npz, a picture x.png, or a folder of pictures.")],
    count: Annotated[int | None, typer.Option(min=1, help="How many [default: 64].", show_default=False)] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1)] = 0,
    kind: Annotated[
        str | None, typer.Option("--class", help="Of this class alone, by name or number.", show_default=False)
    ] = None,
    checkpoint: Checkpoint = "last",
    trust: Trust = None,
) -> None:
    """Make samples. Image i depends on the seed and i alone: counts and batches change nothing.

    A picture of a run that was told classes has a row for each, unless --count or --class says otherwise.
    """
    from gansmith.run import load

    opened = load(run, checkpoint=checkpoint, trust=trust)
    if kind is not None:
        opened = opened.asked(kind)
    is_in_rows = out.suffix == ".png" and count is None and kind is None and bool(opened.layout.kinds)
    gallery = opened.rows(seed) if is_in_rows else opened.sample(seed, count or 64)
    of_class = "" if kind is None else f" of class {kind}"
    in_rows = f", a row for each of {len(opened.layout.kinds)} kinds," if is_in_rows else ""
    typer.echo(f"{len(gallery):,} samples{of_class} of seed {seed}{in_rows} in {gallery.save(out)}")


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    out: Annotated[Path, typer.Option(help="The file, x.keras.")],
    format: Annotated[str, typer.Option(help="keras: what Keras loads without gansmith.")] = "keras",
    checkpoint: Checkpoint = "last",
    trust: Trust = None,
) -> None:
    """The generator as a file for another program: from z to images in the run's value range, channels last, or to points."""
    from gansmith.errors import RecipeError, unknown

    if format != "keras":
        raise RecipeError(unknown("format", format, ["keras"]))
    from gansmith import keras_mlp
    from gansmith.run import load

    typer.echo(f"the generator of {run} in {keras_mlp.export(load(run, checkpoint=checkpoint, trust=trust), out)}")


@app.command()
def interpolate(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    out: Annotated[Path, typer.Option(help="x.gif, a smooth walk that ends where it began, or x.png, a row from seed to seed.")],
    seeds: Annotated[
        list[int] | None, typer.Option(min=0, max=2**63 - 1, help="Two or more: --seeds 0 1 2 [default: 0 to 4].")
    ] = None,
    more: Annotated[list[int] | None, typer.Argument(min=0, max=2**63 - 1, metavar="[SEEDS]...", help="More seeds.")] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, max=1000, help="From one seed to the next [default: 24 in a .gif, 8 in a .png].")
    ] = None,
    checkpoint: Checkpoint = "last",
    trust: Trust = None,
) -> None:
    """Walk from seed to seed: round the sphere for normal noise, in a straight line for any other, which may have bounds.

    Both ends of each way are the seeds' own first samples, bit for bit.
    """
    from gansmith.interpolation import save
    from gansmith.run import load

    chosen = [*(seeds or ()), *(more or ())] or list(range(5))
    typer.echo(save(load(run, checkpoint=checkpoint, trust=trust), out, chosen, steps))


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    data: Data = None,
    trust: Trust = None,
) -> None:
    """One page about a run, report.html in its folder: pictures, scores, verdict, recipe, cost. Scores it first if nobody has."""
    from gansmith import evaluation, progress
    from gansmith.report import write
    from gansmith.run import Run

    opened = Run.open(run, trust=trust)
    if data is None:
        found = _evaluation_of(opened)
    else:
        with progress.stages() as stages:
            found = evaluation.evaluate(opened, data, progress=stages)
    typer.echo(f"everything about {opened.recipe.name} on one page: {write(opened, found)}")


@app.command()
def evaluate(
    what: Annotated[str, typer.Argument(help="A run folder, a folder of images, an .npz or .npy file.")],
    data: Data = None,
    count: Annotated[int, typer.Option(help="Samples in each draw of a run; files and folders are taken whole.")] = 10_000,
    draws: Annotated[int, typer.Option(help="How often a run is sampled, each time with a seed of its own.")] = 4,
    extractor: Extractor = None,
    checkpoint: Checkpoint = "last",
    json_out: Annotated[
        Path | None, typer.Option("--json", help="Write everything that was found there.", show_default=False)
    ] = None,
    trust: Trust = None,
) -> None:
    """How good samples are, how sure that is, and the best possible value: scores with intervals and floors."""
    from gansmith import evaluation, files, progress, tables

    if json_out:
        files.make_parent(json_out)  # before a minute of work whose result would have nowhere to go
    with progress.stages() as stages:
        found = evaluation.evaluate(
            what, data, count=count, draws=draws, extractor=extractor, checkpoint=checkpoint, trust=trust, progress=stages
        )
    if (
        found.checkpoint == "last"
        and data is None
        and extractor is None
        and (count, draws) == (evaluation.COUNT, evaluation.DRAWS)
    ):
        from gansmith.run import Run

        Run.open(what, trust=trust).keep(found)
    if json_out:
        found.save(json_out)
    tables.show(found)


@app.command()
def compare(
    runs: Annotated[list[str], typer.Argument(help="Run folders, or files that evaluate --json wrote.")],
    out: Annotated[Path | None, typer.Option(help="Write the table as x.md or x.html.", show_default=False)] = None,
    trust: Trust = None,
) -> None:
    """Runs side by side: what was found of each, or is found now. Unlike scores are refused, with the reason."""
    from gansmith import comparison, tables

    comparison.check(len(runs), out)  # before anything is evaluated
    table = comparison.compare([_evaluation_at(name, trust) for name in runs])
    if out:
        typer.echo(f"comparison of {len(runs)} in {table.save(out)}")
    else:
        tables.show_comparison(table)


def _evaluation_at(name: str, trust: Path | None) -> Evaluation:
    """What a file of evaluate --json says, or what was found of a run."""
    from gansmith.run import Run
    from gansmith.scores import Evaluation

    if name.endswith(".json") or os.path.isfile(name):
        return Evaluation.load(name)
    return _evaluation_of(Run.open(name, trust=trust))


def _evaluation_of(run: Run) -> Evaluation:
    """What was found of a run, or is found now and kept with it."""
    if (known := run.evaluation) is None:
        from gansmith import evaluation, progress

        _ = run.module  # a run with nothing to sample from is refused before anything is said
        _say(f"{run.path} has not been evaluated as it is now: that comes first")
        with progress.stages() as stages:
            known = evaluation.evaluate(run, progress=stages)
        run.keep(known)
    return known


@app.command()
def diff(
    one: Annotated[str, typer.Argument(help="A run folder, or a recipe's name.")],
    other: Annotated[str, typer.Argument(help="Another.")],
) -> None:
    """Where two runs' recipes differ."""
    from gansmith.spec import differences

    a, b = _recipe_json(one), _recipe_json(other)
    found = list(differences(a, b))
    for place, left, right in found:
        typer.echo(f"{place}: {_shown(left)} -> {_shown(right)}")
    if not found:
        typer.echo("no difference")


def _recipe_json(name: str) -> Any:
    """That of a recipe by name, or a run's as it stands, which executes nothing. A name comes before a path."""
    from gansmith.recipes import make
    from gansmith.spec import to_json

    if folder := _run_folder(name):
        from gansmith.run import read_json

        return read_json(folder / "recipe.json")
    return to_json(make(name))


def _shown(value: Any) -> str:
    if isinstance(value, dict) and "type" in value:
        return f"{value['type']}({', '.join(f'{k}={_shown(v)}' for k, v in value.items() if k != 'type')})"
    return json.dumps(value)


def _say(text: str) -> None:
    typer.echo(text, err=True)


def main() -> None:
    """Run the command line. A user's mistake is one line and exit code 2, a disk error 1, Ctrl-C 130, SIGTERM 143."""
    logging.basicConfig(format="note: %(message)s", level=logging.WARNING)
    signal.signal(signal.SIGTERM, _leave)
    command = typer.main.get_command(app)
    try:
        code = command(standalone_mode=False)
    except GansmithError as error:
        _fail(str(error), error.exit_code)
    except typer.Abort:
        sys.exit(130)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if _is_out_of_memory(error):
            _fail("out of memory: make the networks, the batch, the noise or the pictures smaller", 2)
        # Typer's own refusals: a missing argument, an unknown option.
        if not hasattr(error, "format_message"):
            raise
        if not error.format_message():  # no command was given, and Typer has shown the help
            sys.exit(2)
        _fail(_refusal(error), getattr(error, "exit_code", 2))
    sys.exit(code if isinstance(code, int) else 0)


def _is_out_of_memory(error: Exception) -> bool:
    """Python's and NumPy's error has a class of its own; PyTorch's allocator for the CPU has words alone."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in ("can't allocate memory", "out of memory"))
    )


def _refusal(error: Any) -> str:
    """What Typer says of a command line, and what to do."""
    message = str(error.format_message()).rstrip(".")
    command = getattr(getattr(error, "ctx", None), "info_name", None)
    if hasattr(error, "option_name") and command in ("train", "show"):
        return f"{message}; a recipe's settings are written NAME=VALUE, as in budget=5m"
    return message


def _leave(number: int, _: Any) -> None:
    raise SystemExit(128 + number)


def _fail(message: str, code: int) -> None:
    _say(f"gansmith: {' '.join(message.split())}")
    sys.exit(code)


if __name__ == "__main__":
    main()

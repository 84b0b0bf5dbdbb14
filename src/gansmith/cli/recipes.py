"""`gansmith list`, `show` and `diff`: which recipes there are, what one is, and where two differ."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gansmith.cli.options import Data, Overrides, Trust
from gansmith.core.errors import RunError
from gansmith.core.files import read_json

if TYPE_CHECKING:
    from gansmith.runs.run import Run


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
    from gansmith.recipes import find_recipe, make

    if folder := run_folder(recipe):
        run = run_as_it_is(folder, trust, changed=bool(overrides or data))
        chosen, shape = run.recipe, tuple(run.metadata["sample_shape"])
        categories = len(run.condition_space.shares)
        about = f"The run {folder}: {run.images:,} of {run.total_images:,} images."
    else:
        from gansmith.data import sample_shape
        from gansmith.sampling.conditions import num_categories

        chosen = make(recipe, overrides, data)
        categories = num_categories(chosen.condition, chosen.data)
        shape, about = sample_shape(chosen.data), inspect.getdoc(find_recipe(recipe)) or ""
    from gansmith.report.recipe_text import recipe_lines
    from gansmith.training.dry_run import describe_recipe

    facts = describe_recipe(chosen, shape, categories)
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


def diff(
    one: Annotated[str, typer.Argument(help="A run folder, or a recipe's name.")],
    other: Annotated[str, typer.Argument(help="Another.")],
) -> None:
    """Where two runs' recipes differ."""
    from gansmith.core.component import differences

    a, b = _recipe_json(one), _recipe_json(other)
    found = list(differences(a, b))
    for place, left, right in found:
        typer.echo(f"{place}: {_shown(left)} -> {_shown(right)}")
    if not found:
        typer.echo("no difference")


def _recipe_json(name: str) -> Any:
    """That of a recipe by name, or a run's as it stands, which executes nothing. A name comes before a path."""
    from gansmith.core.component import to_json
    from gansmith.recipes import make

    if folder := run_folder(name):
        return read_json(folder / "recipe.json")
    return to_json(make(name))


def _shown(value: Any) -> str:
    if isinstance(value, dict) and "type" in value:
        return f"{value['type']}({', '.join(f'{k}={_shown(v)}' for k, v in value.items() if k != 'type')})"
    return json.dumps(value)


# ---------------------------------------------------------------------------------------------- a recipe or a run folder


def recipe_and_overrides(recipe: str, overrides: list[str] | None) -> tuple[str, list[str]]:
    """What the words of a command mean: where the first is an override, as in `gansmith train budget=30m`, no recipe is named."""
    words = list(overrides or [])
    return ("default", [recipe, *words]) if "=" in recipe and not os.path.exists(recipe) else (recipe, words)


def run_folder(name: str) -> Path | None:
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


def run_as_it_is(folder: Path, trust: Path | None, changed: bool) -> Run:
    from gansmith.runs.run import Run

    if changed:
        raise RunError(f"{folder} is a run, which goes on as it is: leave out what changes it, or name its recipe")
    return Run.open(folder, trust=trust)

"""`gansmith list`, `show` and `diff`: list the recipes, show one in full, and compare two."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gansmith.cli import completion, json_output
from gansmith.cli.options import Data, JsonOut, Overrides, Trust, Use
from gansmith.cli.terminal import echo
from gansmith.core.errors import RunError
from gansmith.core.files import read_json
from gansmith.core.user_input import BUILTIN

if TYPE_CHECKING:
    from gansmith.recipes.base import Recipe
    from gansmith.runs.run import Run


def list_(json_out: JsonOut = None) -> None:
    """List the recipes by family, and the data sets."""
    from gansmith.data import NAMES
    from gansmith.recipes import catalogue

    entries = list(catalogue().values())
    listing = {
        "recipes": [{"name": entry.name, "family": entry.family, "about": entry.about} for entry in entries],
        "data_sets": [{"name": name, "purpose": known.purpose} for name, known in NAMES.items()],
    }
    if not json_output.write(json_out, listing):
        return
    width = max(map(len, [*catalogue(), *NAMES])) + 2
    echo("Recipes (gansmith show NAME, gansmith train NAME)")
    for family, members in groupby(entries, key=lambda entry: entry.family):
        echo(f"\n{family.capitalize()}")
        for entry in members:
            echo(f"  {entry.name:<{width}}{entry.about}")
    echo("\nData sets (--data NAME, or your own folder, .npz, .npy or idx file)")
    for name, known in NAMES.items():
        echo(f"  {name:<{width}}{known.purpose}")


def show(
    recipe: Annotated[
        str,
        typer.Argument(help="A recipe's name, FILE.py:FUNCTION, or a run folder.", autocompletion=completion.recipes_and_runs),
    ] = "default",
    overrides: Overrides = None,
    data: Data = None,
    use: Use = None,
    json_out: JsonOut = None,
    trust: Trust = None,
) -> None:
    """Show a complete recipe: settings, network layers, and the cost of a step."""
    import inspect

    recipe, overrides = recipe_and_overrides(recipe, overrides)
    from gansmith.recipes import find_recipe

    if folder := run_folder(recipe):
        run = unchanged_run(folder, trust, changed=bool(overrides or data or use))
        chosen, shapes = run.recipe, run.shapes
        about = f"The run {folder}: {run.seen}."
    else:
        chosen = recipe_with(use, recipe, overrides, data)
        shapes, about = chosen.shapes_of_data(), inspect.getdoc(find_recipe(recipe)) or ""
    from gansmith.report.recipe_text import recipe_lines
    from gansmith.training.dry_run import describe_recipe

    description = describe_recipe(chosen, shapes)
    if not json_output.write(json_out, description):
        return
    echo("\n".join([chosen.name, "", about, "", *chosen.why]))
    for field, text in recipe_lines(chosen):
        echo(f"  {field:<26}{text}")
    for name, network in description["networks"].items():
        echo(f"\n  {name}: {network['input']} -> {network['layers'][-1]['output']}, {network['weights']:,} weights")
        for layer in network["layers"]:
            weights = f"{layer['weights']:,}" if layer["weights"] else ""
            echo(f"    {layer['layer']:<70} {layer['output']!s:<16} {weights:>10}")
    step = description["step"]
    echo(f"\n  a step: {step['images']} real images, {step['flops'] / 1e9:.3f} GFLOP")


def diff(
    one: Annotated[
        str,
        typer.Argument(help="A run folder or a recipe's name.", show_default=False, autocompletion=completion.recipes_and_runs),
    ],
    other: Annotated[
        str,
        typer.Argument(
            help="The run folder or recipe to compare it with.",
            show_default=False,
            autocompletion=completion.recipes_and_runs,
        ),
    ],
) -> None:
    """List the settings in which two recipes or runs differ."""
    from gansmith.core.component import differences

    a, b = _recipe_json(one), _recipe_json(other)
    found = list(differences(a, b))
    for place, left, right in found:
        echo(f"{place}: {_shown(left)} -> {_shown(right)}")
    if not found:
        echo("no difference")


def _recipe_json(name: str) -> Any:
    """The recipe of a name or of a run folder, as JSON. Nothing in a run folder is executed."""
    from gansmith.core.component import to_json
    from gansmith.recipes import make

    if folder := run_folder(name):
        return read_json(folder / "recipe.json")
    return to_json(make(name))


def _shown(value: Any) -> str:
    """A value of a recipe in a line: a component as `Adam(lr=0.001)`, everything else as JSON."""
    if isinstance(value, dict) and "type" in value:
        return f"{value['type']}({', '.join(f'{k}={_shown(v)}' for k, v in value.items() if k != 'type')})"
    return json.dumps(value)


# ---------------------------------------------------------------------------------------------- a recipe or a run folder


def recipe_and_overrides(recipe: str, overrides: list[str] | None) -> tuple[str, list[str]]:
    """Separate the recipe from the overrides. `gansmith train budget=30m` names no recipe, so it is the default one."""
    words = list(overrides or [])
    return ("default", [recipe, *words]) if "=" in recipe and not os.path.exists(recipe) else (recipe, words)


def recipe_with(
    use: Sequence[Path] | None, name: str, overrides: Sequence[str], data: str | None, skip_bad: bool = False
) -> Recipe:
    """Make a recipe whose overrides may name components of the user's own files. Raises RecipeError for a file without use."""
    from gansmith.core.overrides import check_once
    from gansmith.core.user_code import load_file, require_use
    from gansmith.recipes import make

    check_once(overrides)
    for path in use or ():
        load_file(path)
    recipe = make(name, overrides, data, skip_bad)
    require_use(recipe, use or ())
    return recipe


def run_folder(name: str) -> Path | None:
    """The run folder at the path `name`; None if it is the name of a recipe.

    Raises RunError for a path that is neither a run folder nor a recipe, and for a name that is both.
    """
    from gansmith.recipes import names_recipe

    # os.path returns False where pathlib raises: names that are too long, forbidden folders.
    is_run = os.path.isfile(os.path.join(name, "recipe.json"))
    if names_recipe(name):
        if is_run:
            raise RunError(f"{name} is both a recipe and a run folder here: write ./{name} for the run, or {BUILTIN}{name}")
        return None
    if is_run:
        return Path(name)
    if os.path.exists(name) or os.sep in name or "/" in name:
        why = "it has no recipe.json" if os.path.exists(name) else "it does not exist"
        raise RunError(
            f"{name} is no run folder ({why}) and no recipe: name a recipe (gansmith list shows them); "
            "--run FOLDER sets where the run is stored, --data FOLDER which images it uses"
        )
    return None


def unchanged_run(folder: Path, trust: Path | None, changed: bool) -> Run:
    """Open a run by its folder. Raises RunError if the command line also changes its recipe; `--data` may name its moved data."""
    from gansmith.runs.run import Run

    if changed:
        raise RunError(
            f"{folder} is a run, whose settings are fixed: leave out overrides, --data, --use and --run, or name its recipe"
        )
    return Run.open(folder, trust=trust)

"""The surface: what others build on is frozen here. Changing it is a decision, written into this file and CHANGELOG.md."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

import gansmith
from gansmith.cli.main import app
from gansmith.cli.recipes import recipe_and_overrides
from gansmith.core.component import kebab
from gansmith.data import NAMES, find_source
from gansmith.recipes import FAMILIES, catalogue, make
from support import Answer, python

ROOT = Path(__file__).parents[1]
COMMAND: Any = typer.main.get_command(app)

PUBLIC = [
    "Batch",
    "DataError",
    "DiscriminatorOutput",
    "DiskError",
    "GansmithError",
    "Loss",
    "Network",
    "Noise",
    "Objective",
    "Outcome",
    "Penalty",
    "PenaltyInput",
    "Player",
    "Recipe",
    "RecipeError",
    "Record",
    "Run",
    "RunError",
    "Samples",
    "SettingError",
    "Shapes",
    "Source",
    "TrainingError",
    "Turn",
    "component",
    "evaluate",
    "load",
    "sample",
    "steps",
    "train",
]

RECIPES = [
    "acgan",
    "augment",
    "cgan",
    "dcgan",
    "default",
    "faces",
    "goodfellow-2014",
    "hinge",
    "infogan",
    "lsgan",
    "noise-critic",
    "pacgan-mixture",
    "pix2pix",
    "pix2pix-l1",
    "projection",
    "r3gan",
    "stacked-mnist-unrolled",
    "starter",
    "tutorial-batchnorm",
    "tutorial-batchnorm-tensorflow",
    "tutorial-dropout",
    "tutorial-keras",
    "tutorial-paper",
    "tutorial-small",
    "vae",
    "vae-gan",
    "wgan",
    "wgan-gp",
]

COMMANDS = {
    "explore attributes": ["--checkpoint", "--count", "--json", "--trust", "run"],
    "compare": ["--json", "--out", "--trust", "runs"],
    "coverage": [
        "--full",
        "--quiet",
        "--recipe",
        "--results",
        "--runs",
        "--seeds",
        "--threads",
        "--use",
        "overrides",
        "protocol",
    ],
    "data extractor": ["--out", "name"],
    "data fetch": ["name"],
    "data list": ["--json"],
    "data show": ["--count", "--out", "--skip-bad", "data", "overrides"],
    "diff": ["one", "other"],
    "explore directions": ["--checkpoint", "--json", "--out", "--trust", "run"],
    "doctor": ["--json", "--trust", "run"],
    "evaluate": ["--checkpoint", "--count", "--data", "--draws", "--extractor", "--json", "--size", "--trust", "what"],
    "export": ["--checkpoint", "--format", "--out", "--trust", "run"],
    "explore interpolate": ["--checkpoint", "--out", "--seeds", "--steps", "--trust", "more", "run"],
    "list": ["--json"],
    "explore reconstruct": ["--checkpoint", "--count", "--data", "--out", "--trust", "run"],
    "report": ["--count", "--data", "--draws", "--trust", "run"],
    "sample": ["--checkpoint", "--class", "--count", "--out", "--seed", "--trust", "run"],
    "translate": ["--checkpoint", "--input", "--out", "--quiet", "--seed", "--skip-bad", "--trust", "run"],
    "show": ["--data", "--json", "--trust", "--use", "overrides", "recipe"],
    "explore slide": [
        *("--checkpoint", "--class", "--out", "--reach", "--rows", "--seed", "--slider", "--steps", "--trust", "run"),
    ],
    "trust": ["--json", "--revoke", "names"],
    "train": [
        *(
            "--data",
            "--device",
            "--dry-run",
            "--framework",
            "--on-trouble",
            "--patience",
            "--quiet",
            "--run",
            "--skip-bad",
            "--threads",
            "--trust",
            "--until",
            "--use",
        ),
        *("overrides", "recipe"),
    ],
}

SIGNATURES = {
    "evaluate": ["what", "data", "count", "draws", "extractor", "checkpoint", "trust", "size", "progress", "within"],
    "load": ["run", "checkpoint", "trust"],
    "sample": ["run", "seed", "count"],
    "steps": ["recipe", "run", "device", "threads", "framework", "trust"],
    "train": ["recipe", "run", "device", "threads", "framework", "trust"],
}


def test_the_public_names() -> None:
    assert gansmith.__all__ == PUBLIC == sorted(PUBLIC)
    for name in PUBLIC:
        thing = getattr(gansmith, name)
        assert thing.__name__ == name
        assert inspect.getdoc(thing)
    assert set(dir(gansmith)) >= {*PUBLIC, "__version__"}
    with pytest.raises(AttributeError, match="no attribute 'nosuch'"):
        gansmith.nosuch  # noqa: B018


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_parameters_of_the_public_functions(name: str) -> None:
    assert list(inspect.signature(getattr(gansmith, name)).parameters) == SIGNATURES[name]


def test_the_names_of_the_recipes() -> None:
    assert sorted(catalogue()) == RECIPES


def test_the_names_of_the_data_sets() -> None:
    names = [
        "digit-pairs",
        "digits",
        "emoji-pairs",
        "faces",
        "fashion-mnist",
        "grid",
        "mnist",
        "rare",
        "ring",
        "satellite-relief",
        "stacked-mnist",
    ]
    assert sorted(NAMES) == names


def commands(command: Any, path: tuple[str, ...] = ()) -> dict[str, list[str]]:
    if hasattr(command, "commands"):
        return {k: v for name, sub in command.commands.items() for k, v in commands(sub, (*path, name)).items()}
    return {" ".join(path): sorted(max(p.opts, key=len) for p in command.params)}


def test_the_commands_and_their_options() -> None:
    assert dict(sorted(commands(COMMAND).items())) == COMMANDS


def everything(command: Any) -> list[Any]:
    """A command and all below it."""
    return [command, *(c for sub in getattr(command, "commands", {}).values() for c in everything(sub))]


def test_every_command_and_option_explains_itself() -> None:
    for command in everything(COMMAND):
        assert command.help
        first, *others = command.help.splitlines()
        for line in filter(None, (first, *others)):  # shown line by line, so a line ends with a sentence
            assert line.endswith("."), f"{command.name}: {line}"
        assert len(first) <= 82, f"{command.name}: {first}"  # a line of the help on a terminal of 100 columns
        for param in command.params:
            assert param.help, f"{command.name} {param.name}"


def test_a_help_text_is_shown_whole() -> None:
    """Square brackets in a help text are markup to rich, which drops them and what they hold."""
    for command in everything(COMMAND):
        for text in (command.help, *(param.help for param in command.params)):
            assert not re.search(r"\[[a-z#/@]", text), f"{command.name}: {text}"


def test_every_command_stands_under_a_heading() -> None:
    panels = {name: command.rich_help_panel for name, command in COMMAND.commands.items()}
    assert all(panels.values()), panels
    shown = [panels[name] for name in COMMAND.list_commands(None)]
    assert list(dict.fromkeys(shown)) == ["Train", "Generate", "Evaluate", "Explore", "Data and recipes", "Export"]
    assert sorted(COMMAND.list_commands(None)) == sorted(COMMAND.commands)


def test_gansmith_alone_says_where_to_begin(cli: Callable[..., Answer]) -> None:
    answer = cli()
    assert (answer.code, answer.err) == (0, "")
    lines = re.findall(r"^  gansmith (.+?)  +\w", answer.out, re.M)
    commands = [parsed(line)[0] for line in lines]
    assert commands[0] == "train"
    assert "list" in commands
    assert 3 <= len(commands) <= 4
    recipe = make("default", data="digits")
    assert parsed(lines[0])[1]["data"] == "digits"
    assert all(f"runs/{recipe.name}-digits" in line for line in lines[1:3])


def test_every_recipe_has_a_family() -> None:
    places = {}
    for entry in catalogue().values():
        assert entry.family in FAMILIES, f"{entry.module}: give it a line such as FAMILY = ({FAMILIES[0]!r}, 1)"
        module = importlib.import_module(entry.module)
        places.setdefault(module.FAMILY, set()).add(entry.module)
        assert module.FAMILY[0] == entry.family
    assert {family for family, _ in places} == set(FAMILIES)
    assert all(len(modules) == 1 for modules in places.values()), "two files in one place"


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(gansmith.__file__ or "").parent / "py.typed").is_file()
    text = (ROOT / "pyproject.toml").read_text()
    assert "py.typed" in text
    assert f'version = "{gansmith.__version__}"' in text


@pytest.mark.parametrize(
    "code",
    [
        "import gansmith",
        "import gansmith.cli",
        "import sys; sys.argv = ['gansmith', '--help']; from gansmith.cli.main import main; main()",
        "import sys; sys.argv = ['gansmith', '--version']; from gansmith.cli.main import main; main()",
        "import sys; sys.argv = ['gansmith']; from gansmith.cli.main import main; main()",
        "import sys; sys.argv = ['gansmith', 'list']; from gansmith.cli.main import main; main()",
        "import sys; sys.argv = ['gansmith', 'data', 'list']; from gansmith.cli.main import main; main()",
        "import sys; sys.argv = ['gansmith', 'train', '--help']; from gansmith.cli.main import main; main()",
        "import sys; sys.argv = ['gansmith', 'train', 'no-such-recipe']; from gansmith.cli.main import main; main()",
    ],
)
def test_torch_is_not_imported_before_it_is_needed(code: str) -> None:
    watched = (
        "import atexit, sys; heavy = {'torch', 'matplotlib', 'tensorboard', 'scipy', 'sklearn', 'PIL'}; "
        "atexit.register(lambda: print('HEAVY', sorted(heavy & set(sys.modules))))"
    )
    answer = python(f"{watched}\n{code}")
    assert "Traceback" not in answer.err
    assert answer.out.splitlines()[-1] == "HEAVY []"


def test_help_needs_nothing_but_typer() -> None:
    answer = python(
        "import sys, contextlib\nsys.argv = ['gansmith', '--help']\nfrom gansmith.cli.main import main\n"
        "with contextlib.suppress(SystemExit):\n    main()\n"
        "print('HEAVY', sorted({'pydantic', 'numpy', 'torch', 'filelock'} & set(sys.modules)))"
    )
    assert "Traceback" not in answer.err
    assert answer.out.splitlines()[-1] == "HEAVY []"


# Imports all modules and writes down what each one's import statements ask for, with the packages that Python runs before. Where
# nobody asks for itself in the end, to import a module first is to import what it asks for, and then the module: so each is run
# once more, and finds nothing but that.
IMPORT_EACH = """
import builtins, importlib, json, sys
import torch, matplotlib, pydantic, numpy

asked, real = {}, builtins.__import__

def of_package(names):
    return {name for name in names if name in sys.modules and name.split(".")[0] == "gansmith"}

def watched(name, scope=None, local=None, fromlist=(), level=0):
    module = real(name, scope, local, fromlist, level)
    parts = of_package(f"{name}.{part}" for part in fromlist or ())
    wanted = parts if parts and len(parts) == len(fromlist) else parts | of_package([name])
    asker = (scope or {}).get("__name__") or ""
    asked.setdefault(asker, set()).update(wanted | with_packages(wanted) - wanted - with_packages([asker]))
    return module

def with_packages(names):
    return {".".join(parts[:i]) for parts in (name.split(".") for name in names) for i in range(1, len(parts) + 1)}

builtins.__import__ = watched
for name in sys.argv[1:]:
    importlib.import_module(name)
builtins.__import__ = real
known = {name: sys.modules[name] for name in of_package(list(sys.modules))}
components = known["gansmith.core.component"].REGISTRY
registered = dict(components)

def needs(name):
    found, left = set(), [*asked.get(name, ())]
    while left:
        if (one := left.pop()) not in found:
            found.add(one)
            left += asked.get(one, ())
    return found

def alone(name, needed):
    there = with_packages(needed) | with_packages([name]) - {name}
    for other, module in known.items():
        package, _, own = other.rpartition(".")
        sys.modules.pop(other, None)
        if other in there:
            sys.modules[other] = module
        if package and vars(known[package]).get(own, module) is module:
            vars(known[package]).pop(own, None)
            if other in there:
                setattr(known[package], own, module)
    components.clear()
    components.update({key: cls for key, cls in registered.items() if cls.__module__ in there})
    importlib.import_module(name)

failed = []
for name in sys.argv[1:]:
    if name in (needed := needs(name)):
        failed.append(f"{name} needs itself, by way of {sorted(needed)}")
    try:
        alone(name, needed)
    except Exception as error:
        failed.append(f"{name}: {error}")
print(json.dumps({"failed": failed, "asked": sum(map(len, asked.values()))}))
"""


def test_every_module_is_imported_without_another_first() -> None:
    """No two modules need each other: each can be the first one imported."""
    modules = [p for p in sorted((ROOT / "src" / "gansmith").rglob("*.py")) if p.name not in ("__main__.py", "__init__.py")]
    names = [".".join(p.relative_to(ROOT / "src").with_suffix("").parts) for p in modules]
    answer = python(IMPORT_EACH, *names)
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    assert found["failed"] == []
    assert found["asked"] > 5 * len(names) > 150


def test_every_module_says_what_it_is() -> None:
    for path in sorted((ROOT / "src" / "gansmith").rglob("*.py")):
        if path.name.startswith("_") and path.name != "__init__.py":
            continue
        name = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
        assert (importlib.import_module(name).__doc__ or "").strip(), name


# ---------------------------------------------------------------------------------------------------- what the documents say


def documents() -> list[Path]:
    """The README and its like, the pages of docs/, the docstrings of recipes and the Makefile."""
    texts = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "Makefile"]
    return [p for p in [*texts, *(ROOT / "src").rglob("*.py")] if p.is_file()]


def command_lines() -> list[tuple[str, str]]:
    """(file, line) of everything in a code block, or in backticks, that calls the command line."""
    found = []
    for path in documents():
        text = path.read_text().replace("\\\n", " ")
        lines = [line.strip() for line in text.splitlines()]
        if path.suffix == ".md":
            lines += re.findall(r"`(gansmith [^`]+)`", text)
        elif path.suffix == ".py":
            lines = re.findall(r"`(gansmith [a-z]+ [^`]+)`", text)
        for line in lines:
            line = re.sub(r'^@?(echo )?"?(Then:)?\s*', "", line).rstrip('"')
            match = re.match(r"(?:\$ )?(?:\.venv/bin/)?gansmith (.+)", line)
            if match and not re.match(r"[a-z]+ (is|are|does|makes)\b", match[1]):
                found.append((str(path.relative_to(ROOT)), match[1]))
    return sorted(set(found))


def parsed(line: str, mentioned: bool = False) -> tuple[str, dict[str, Any]]:
    """(command, values) of a command line as typer reads it; fails for an option or command there is none of.

    Of one that is only mentioned in a sentence, such as `gansmith show NAME`, the rest may be missing.
    """
    words = shlex.split(line.split("   ")[0], comments=True)
    command, path = COMMAND, []
    while hasattr(command, "commands"):
        if words[0].startswith("-"):  # an option of the group itself, such as --help
            assert words[0] in {"--help", *(option for param in command.params for option in param.opts)}, line
            return "", {}
        assert words[0] in command.commands, f"no command {words[0]!r}"
        path.append(words[0])
        command, words = command.commands[words[0]], words[1:]
    if "--help" in words:
        return " ".join(path), {}
    for param in command.params:
        param.callback = None  # it would look for the files that the line names
    context = command.make_context("gansmith", words, resilient_parsing=mentioned)
    return " ".join(path), context.params


def is_summary(line: str) -> bool:
    """Whether a line stands for several command lines, as in `gansmith data list | fetch`."""
    return "|" in line or " [" in line


def test_the_documents_have_commands_links_and_targets_to_check() -> None:
    """What the tests below read is found by patterns: they see something in every place that they are meant for."""
    found = [(path, parsed(line, mentioned=path.endswith(".py"))[0]) for path, line in command_lines() if not is_summary(line)]
    assert {command for _, command in found} - {""} == set(COMMANDS)
    for place, count in {"README.md": 10, "docs/": 100, "docs/recipes/": 26, "src/": 5, "Makefile": 3}.items():
        assert len([path for path, _ in found if path.startswith(place)]) >= count, place
    assert {command for path, command in found if path == "README.md"} >= {"list", "show", "train", "sample", "diff"}
    assert sum(len(links(path)) for path in documents() if path.suffix == ".md") > 100
    assert {target for path in documents() if path.suffix == ".md" for target in make_targets(path)} >= {"setup", "test", "demo"}


def links(path: Path) -> list[str]:
    """The links of a document to files."""
    found = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text())
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def make_targets(path: Path) -> list[str]:
    """The targets of make that a document names."""
    return re.findall(r"(?:^\s*|`)make ([a-z-]+)\b", path.read_text(), re.M)


@pytest.mark.parametrize(("path", "line"), command_lines(), ids=lambda text: text)
def test_every_command_in_the_documents_is_one(path: str, line: str) -> None:
    if is_summary(line):
        pytest.skip("a summary of the syntax")
    command, values = parsed(line, mentioned=path.endswith(".py"))
    if command not in ("train", "show"):
        return
    name, overrides = recipe_and_overrides(values["recipe"] or "", values["overrides"])
    if not name or name.isupper() or ".py" in name or name.startswith("runs/") or "$(" in name or values["use"]:
        return
    data = values["data"] if values["data"] in NAMES else None
    is_yours = data is None and values["data"] is not None  # a folder that is not here, whose settings are its own
    given = [o for o in overrides if "NAME" not in o and not (is_yours and o.startswith("data."))]
    recipe = make(name, given, data)
    assert recipe.name == name


@pytest.mark.parametrize("path", [p for p in documents() if p.suffix == ".md"], ids=lambda p: p.name)
def test_what_a_document_links_to_is_there(path: Path) -> None:
    for link in links(path):
        assert (path.parent / link).exists(), f"{path.name} links to {link}"


@pytest.mark.parametrize("path", [p for p in documents() if p.suffix == ".md"], ids=lambda p: p.name)
def test_every_make_target_in_a_document_is_one(path: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    for target in make_targets(path):
        assert target in targets, f"make {target}"


def test_python_in_the_readme_compiles_and_its_names_exist() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert blocks
    for block in blocks:
        compile(block, "README.md", "exec")
        for name in re.findall(r"gansmith\.(\w+)\(", block):
            assert name in gansmith.__all__
        for line in re.findall(r"^(?:from|import) .+$", block, re.M):
            exec(line, {})


def test_every_recipe_has_its_page() -> None:
    pages = ROOT / "docs" / "recipes"
    assert {p.stem for p in pages.glob("*.md")} >= set(RECIPES)


def test_a_named_data_set_is_a_component_of_that_name() -> None:
    for name in NAMES:
        assert kebab(type(find_source(name)).__name__) == name


def test_every_room_says_what_belongs_in_it() -> None:
    rooms = [p.parent.name for p in (ROOT / "src" / "gansmith").glob("*/__init__.py")]
    assert len(rooms) == 15
    for room in rooms:
        about = importlib.import_module(f"gansmith.{room}").__doc__ or ""
        assert "What belongs here: " in about, room
        assert "What does not: " in about, room

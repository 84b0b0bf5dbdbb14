"""What a user may get wrong on the command line, as data: the arguments, and words that the one line of the answer holds.

`CASES` has a part written by hand and a part made from the commands themselves, so that a new command or option joins by itself.
The files that the cases name are made by `make_desk`.
"""

from __future__ import annotations

import inspect
import itertools
import os
import shutil
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import typer
from PIL import Image

from gansmith.cli.main import PANELS


class Case(NamedTuple):
    """A line, and words that the refusal holds."""

    arguments: tuple[str, ...]
    words: tuple[str, ...]


SMALL = ("train", "tutorial-small", "--data", "digits")
LONG = "x" * 300
HUGE = "9" * 400

RAISES = "def mine():\n    return [][1]\n\n\ndef early():\n    raise SystemExit(0)\n\n\ndef other():\n    return 7\n"

# ---------------------------------------------------------------------------------------------------- the files


def make_desk(desk: Path) -> Path:
    """Fill a working folder with data, files and paths that can't be used."""
    for name in ("empty", "full", "parent", "parent/inner"):
        (desk / name).mkdir()
    (desk / "full" / "kept.txt").write_text("kept")
    (desk / "parent" / "inner" / "recipe.json").write_text("{}")
    for name in ("broken", "mixed"):
        (desk / name).mkdir()
        for i in range(3):
            Image.new("L", (8, 8), 50 * i).save(desk / name / f"{i}.png")
    (desk / "broken" / "bad.png").write_bytes((desk / "broken" / "0.png").read_bytes()[:40])
    Image.new("RGB", (8, 8)).save(desk / "mixed" / "colour.png")
    _make_pairs(desk)
    np.save(desk / "nan.npy", np.full((20, 2), np.nan, np.float32))
    (desk / "notes.txt").write_text("no data")
    (desk / "raises.py").write_text(RAISES)
    (desk / "syntax.py").write_text("def mine(:\n")
    (desk / "exits.py").write_text("raise SystemExit(0)\n")
    (desk / "broken.py").write_text("1 / 0\n")
    os.mkfifo(desk / "pipe")
    for name, target in {"device": "/dev/null", "loop": "loop", "to-folder": "empty"}.items():
        (desk / name).symlink_to(target)
    for ending in ENDINGS:
        (desk / f"folder{ending}").mkdir()
        (desk / f"pipe{ending}").symlink_to("pipe")
        (desk / f"device{ending}").symlink_to("/dev/null")
        (desk / f"loop{ending}").symlink_to(f"loop{ending}")
    return desk


def _make_pairs(desk: Path) -> None:
    """Folders of images that are almost pairs."""
    sides = {"sources": (8, 8), "targets": (8, 8), "larger": (9, 8), "odd": (15, 8)}
    for number, (name, size) in enumerate(sides.items()):
        (desk / name).mkdir()
        for i in range(6):
            Image.new("L", size, 10 * i + number).save(desk / name / f"{i}.png")
    shutil.copytree(desk / "sources", desk / "copy")
    shutil.copytree(desk / "targets", desk / "fewer")
    (desk / "fewer" / "3.png").unlink()
    for letter, name in {"A": "sources", "B": "targets"}.items():
        shutil.copytree(desk / name, desk / "letters" / letter)
        shutil.copytree(desk / name, desk / "trains" / f"train{letter}")


# ---------------------------------------------------------------------------------------------------- the commands


def commands() -> dict[tuple[str, ...], Callable[..., Any]]:
    """The function of every command, by the words that call it."""
    found: dict[tuple[str, ...], Callable[..., Any]] = {}
    for name, command in itertools.chain(*(panel.items() for panel in PANELS.values())):
        if isinstance(command, typer.Typer):
            for entry in command.registered_commands:
                assert entry.callback is not None
                found[name, entry.name or entry.callback.__name__] = entry.callback
        else:
            found[name,] = command
    return found


class Option(NamedTuple):
    """A parameter of a command: its name on the command line, its type and Typer's settings of it."""

    name: str
    type_: Any
    info: Any
    is_required: bool


def options(function: Callable[..., Any]) -> Iterator[Option]:
    """The parameters of a command."""
    parameters = inspect.signature(function).parameters
    for name, hint in typing.get_type_hints(function, include_extras=True).items():
        if name != "return":
            type_, info = typing.get_args(hint)[:2]
            is_option = isinstance(info, typer.models.OptionInfo)
            declared = next((text for text in info.param_decls or () if text.startswith("--")), f"--{name.replace('_', '-')}")
            is_required = parameters[name].default is inspect.Parameter.empty
            yield Option(declared if is_option else name, type_, info, is_required)


OUTPUTS = {"export": ".keras", "extractor": ".safetensors", "compare": ".md"}  # endings of --out where it is not .png
FOLDERS = ("translate",)  # commands that write into a folder
ENDINGS = (".png", *OUTPUTS.values())
ARGUMENTS = {"run": ["nowhere"], "what": ["nowhere"], "runs": ["a", "b"], "protocol": ["ring"], "data": ["digits"]}
NAMED = {("train",): [*SMALL[1:]], ("show",): [*SMALL[1:]], ("data", "fetch"): ["mnst"], ("data", "extractor"): ["cifar"]}


def line_of(words: tuple[str, ...], without: str = "") -> list[str]:
    """A line that calls a command with all it requires, except the option `without`. Its run folder does not exist."""
    line = [*words, *NAMED.get(words, [])]
    for option in options(commands()[words]):
        if option.is_required and not option.name.startswith("--") and words not in NAMED:
            line += ARGUMENTS.get(option.name, ["tutorial-small"])
        elif option.is_required and option.name == "--out" != without:
            line += ["--out", "new/x" if words[-1] in FOLDERS else f"new/x{OUTPUTS.get(words[-1], '.png')}"]
        elif option.is_required and option.name == "--input" != without:
            line += ["--input", "empty"]
    return line


def of_options() -> Iterator[Case]:
    """Wrong values of every option of every command."""
    for words, function in commands().items():
        for option in options(function):
            line = tuple(line_of(words, option.name))
            if not option.name.startswith("--"):
                continue
            if option.type_ is bool:
                yield Case((*line, f"{option.name}=yes"), (option.name,))
                continue
            yield Case((*line, option.name, ""), (f"{option.name}: expected a value",))
            if option.name == "--out" and words[-1] in FOLDERS:
                yield from of_folders(line)
            elif option.name in ("--json", "--out"):
                yield from of_outputs(line, option.name, "" if option.name == "--json" else OUTPUTS.get(words[-1], ".png"))
            if option.name == "--trust":
                for file, what in {"no/such.py": "No such file", "empty": "a folder", "pipe": "no regular file"}.items():
                    yield Case((*line, "--trust", file), (file, what, "name a Python file"))
            if option.info.max is not None:
                yield from of_numbers(line, option)


def of_outputs(line: tuple[str, ...], name: str, ending: str) -> Iterator[Case]:
    """Paths that can't be written, or must not be."""
    for path, what in {
        f"pipe{ending}": "no regular file",
        f"device{ending}": "no regular file",
        f"folder{ending}" if ending else "empty": "a folder",
        f"loop{ending}": "circle",
        f"notes.txt/x{ending}": "choose another path",
        f"/proc/x{ending}": "choose another path",
        f"new/{LONG}{ending}": "longer than",
    }.items():
        yield Case((*line, name, path), ("can't write", path[:40], what))
    if ending:
        yield Case((*line, name, "x.doc"), ("'.doc'", f"x{ending}"))
        yield Case((*line, name, "-"), ("standard output", "name a file"))


def of_folders(line: tuple[str, ...]) -> Iterator[Case]:
    """Folders that can't be written, or hold something else."""
    for path, words in {
        "pipe": ("pipe", "not an empty folder"),
        "x.doc": ("'.doc'", "a folder's name"),
        "-": ("standard output", "name a folder"),
        "/proc/x": ("can't write /proc/x", "choose another path"),
        f"new/{LONG}": ("can't write new/", "longer than"),
    }.items():
        yield Case((*line, "--out", path), words)


def of_numbers(line: tuple[str, ...], option: Option) -> Iterator[Case]:
    """Numbers out of range, and texts that are none."""
    for text in (str(10**30), "x", "1e999", "--1", "nan"):
        yield Case((*line, f"{option.name}={text}"), (option.name,))
    if option.info.min is not None:
        yield Case((*line, f"{option.name}={option.info.min - 1}"), (option.name, "expected greater than or equal to"))


# ---------------------------------------------------------------------------------------------------- by hand

BY_HAND: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    # a word nobody knows gets the nearest
    (("train", "tutorial-smal"), ("unknown recipe 'tutorial-smal'", "did you mean 'tutorial-small'")),
    (("show", "tutorial-kers"), ("unknown recipe 'tutorial-kers'", "did you mean 'tutorial-keras'")),
    (("train", "zzz"), ("unknown recipe 'zzz'; known: ", "more")),
    (("train", "tutorial-small", "--data", "minst"), ("unknown data set 'minst'", "did you mean 'mnist'")),
    (("show", "tutorial-small", "--data", "digit"), ("unknown data set 'digit'", "did you mean 'digits'")),
    (("data", "show", "digit"), ("unknown data set 'digit'", "did you mean 'digits'")),
    (("data", "fetch", "mnst"), ("unknown data set 'mnst'", "did you mean 'mnist'")),
    ((*SMALL, "batch_sizes=3"), ("unknown field of Recipe 'batch_sizes'", "did you mean 'batch_size'")),
    ((*SMALL, "objective.loss=hing"), ("objective.loss=hing", "did you mean 'hinge'")),
    ((*SMALL, "optimizers.generator.beta=1"), ("unknown field of Adam 'beta'", "did you mean 'betas'")),
    (("diff", "tutorial-small", "tutorial-smal"), ("unknown recipe", "did you mean 'tutorial-small'")),
    # a value of the wrong type or out of range
    ((*SMALL, "batch_size=1e-4"), ("batch_size=1e-4", "a whole number", "0.0001")),
    ((*SMALL, "batch_size=0"), ("batch_size=0", "greater than 0")),
    ((*SMALL, "batch_size=abc"), ("batch_size=abc", "a whole number", "'abc'")),
    ((*SMALL, "budget=5"), ("budget=5: expected a length such as 25epochs", "got 5")),
    ((*SMALL, "optimizers.generator.lr=-1"), ("lr=-1", "greater than 0")),
    ((*SMALL, "optimizers.generator.betas=[0.5,1.5]"), ("betas", "less than 1")),
    ((*SMALL, "networks.generator.widths=[0]"), ("widths", "greater than 0")),
    ((*SMALL, "value_range=[1.0,-1.0]"), ("value_range", "low < high")),
    ((*SMALL, "batch_size"), ("'batch_size' has no value", "NAME=VALUE")),
    (("show", "tutorial-small", "--data", "digits", "seed=-1"), ("seed=-1", "greater than or equal to 0")),
    (("train", "tutorial-batchnorm", "--data", "digits", "epoch=20"), ("epoch=20", "did you mean 'epochs'")),
    (("train", "tutorial-batchnorm", "--data", "digits", "batchsize=20"), ("batchsize=20", "did you mean 'batch_size'")),
    ((*SMALL, "--dry-run", "networks.generator.widths=[100000000000000]"), ("expected at most 65,536", "100000000000000")),
    # a setting given twice
    ((*SMALL, "budget=5m", "budget=6m"), ("budget is given twice, as 5m and 6m: give it once",)),
    ((*SMALL, "batch_size=8", "batch-size=8"), ("batch_size is given twice",)),
    ((*SMALL, "--until", "fd=5", "scores.until=fd=4"), ("scores.until is given twice",)),
    (("show", "tutorial-batchnorm", "--data", "digits", "epochs=2", "epochs=3"), ("epochs is given twice, as 2 and 3",)),
    (("coverage", "ring", "budget=5m", "budget=6m"), ("budget is given twice",)),
    # parts that don't fit together
    ((*SMALL, "frozen+=generator"), ("'generator' is frozen", "'generator' trains it")),
    ((*SMALL, "objective.generator_fakes=8"), ("share", "generator_fakes")),
    (("train", "noise-critic", "--data", "digits", "frozen=[]"), ("network 'generator' is trained by no player",)),
    (("train", "noise-critic", "--data", "digits", "objective.penalties+=r1"), ("unknown field of Critic 'penalties'",)),
    (("train", "tutorial-keras", "--data", "digits", "objective.loss=relativistic"), ("generator_fakes",)),
    (("train", "tutorial-small", "--data", "digits", "objective.discriminator_turns=2"), ("share", "discriminator_turns")),
    ((*SMALL, "objective.discriminator_fakes=8", "objective.penalties+=r1"), ("r1", "discriminator_fakes")),
    ((*SMALL, "objective.discriminator_fakes=8", "objective.loss=relativistic"), ("relativistic", "discriminator_fakes")),
    (
        ("train", "infogan", "--data", "digits", "objective.penalties=[]", "objective.discriminator_fakes=8"),
        ("auxiliary-loss", "discriminator_fakes"),
    ),
    (
        ("train", "goodfellow-2014", "--data", "digits", "k=2", "objective.turns=simultaneous"),
        ("simultaneous", "discriminator_turns at 1"),
    ),
    # the command line itself
    (("tran", "tutorial-small"), ("tran", "train")),
    (("slide", "run", "--out", "x.png"), ("No such command 'slide'", "Did you mean 'explore slide'")),
    (("fetch", "mnist"), ("No such command 'fetch'", "Did you mean 'data fetch'")),
    (("explore", "slid", "run"), ("slid", "slide")),
    (("explore", "slide", "nowhere", "--out", "x.png"), ("nowhere does not exist", "gansmith train")),
    (("explore", "interpolate", "."), ("--out",)),
    (("list", "--json"), ("'--json' requires an argument", "--json - prints")),
    (("list", "--json", "notes.txt/x.json"), ("notes.txt", "choose another path")),
    (("export", ".", "--out", "x.keras", "--format", "kera"), ("unknown format 'kera'", "did you mean 'keras'")),
    (("coverage", "rin"), ("unknown protocol 'rin'", "did you mean 'ring'")),
    (("coverage", "ring", "--seeds", "0"), ("--seeds", "see gansmith coverage --help")),
    (("compare", "only"), ("at least two",)),
    (("compare", "a", "b", "--out", "x.txt"), ("'.txt'", "x.md or x.html")),
    (("doctor", "nowhere"), ("nowhere does not exist",)),
    (("evaluate", "nowhere"), ("nowhere",)),
    (("report", "nowhere"), ("nowhere does not exist",)),
    (("data", "extractor", "cifar"), ("cifar",)),
    (("train", "tutorial-small", "--datas", "digits"), ("--datas",)),
    ((*SMALL, "--epochs", "3"), ("No such option: --epochs", "NAME=VALUE, as in budget=5m")),
    (("show", "tutorial-small", "--seed", "3"), ("No such option: --seed", "NAME=VALUE")),
    (("train", "tutorial-small", "--threads", "0"), ("--threads",)),
    ((*SMALL, "--device", "tpu9"), ("device 'tpu9'", "--device cpu")),
    ((*SMALL, "--device", "cuda:7"), ("device 'cuda:7'", "--device cpu")),
    ((*SMALL, "--skip-bad"), ("skip_bad", "folders of images")),
    (("train", "runs/nope"), ("runs/nope is no run folder (it does not exist) and no recipe", "gansmith list")),
    (("show", "runs/nope"), ("runs/nope is no run folder (it does not exist) and no recipe", "gansmith list")),
    (("train", "empty"), ("empty is no run folder (it has no recipe.json) and no recipe", "--data")),
    (("train", "x" * 5000), ("unknown recipe",)),
    (("sample",), ("Missing argument 'run'", "see gansmith sample --help")),
    (("sample", "nowhere", "--out", "x.npz"), ("nowhere", "does not exist", "gansmith train")),
    (("sample", ".", "--out", "x.npz"), ("no recipe.json",)),
    (("sample", "nowhere"), ("--out",)),
    (("diff", "nowhere", "tutorial-small"), ("unknown recipe 'nowhere'",)),
    (("diff", ".", "tutorial-small"), ("no recipe.json",)),
    # data that can't be read; see test_data*.py for the rest
    (("train", "tutorial-small", "--data", "no/such/folder"), ("no such file or folder: no/such/folder",)),
    (("train", "tutorial-small", "--data", "empty"), ("empty", "image")),
    (("train", "tutorial-small", "--data", "broken"), ("bad.png",)),
    (("train", "tutorial-small", "--data", "mixed"), ("channels",)),
    (("train", "tutorial-small", "--data", "nan.npy"), ("nan.npy", "finite")),
    (("train", "tutorial-small", "--data", "notes.txt"), ("notes.txt",)),
    (("data", "show", "empty"), ("empty", "image")),
    (("data", "show", "broken"), ("bad.png",)),
    (("train", "starter", "--data", "ring"), ("images", "[2]", "mlp-generator")),
    # pairs, and two sets without pairs
    (("data", "show", "pairs:sources,fewer"), ("1 image without a partner", "sources/3.png", "data.skip_bad=true")),
    (("data", "show", "pairs:sources,larger", "data.size=none"), ("pair 0 differs in size: 8 x 8", "9 x 8 in larger")),
    (("data", "show", "pairs:sources,copy"), ("sources and copy hold the same images",)),
    (("data", "show", "pairs:sources,sources"), ("sources is given as both sides",)),
    (("data", "show", "pairs:sources,empty"), ("empty has no images",)),
    (("data", "show", "pairs:sources,mixed"), ("without a partner",)),
    (("data", "show", "pairs:odd"), ("15 pixels wide, an odd number",)),
    (("data", "show", "pairs:sources"), ("both halves of every image are the same",)),
    (("data", "show", "pairs:empty"), ("empty has no images",)),
    (("data", "show", "pairs:notes.txt"), ("notes.txt is a file",)),
    (("data", "show", "pairs:sources,targets", "data.direction=AB"), ("direction=AB", "'AtoB'")),
    (("data", "show", "unpaired:sources,copy"), ("hold the same images",)),
    (("data", "show", "unpaired:sources"), ("sources has no two sides",)),
    (("train", "tutorial-small", "--data", "pairs:sources,nowhere"), ("no such folder: nowhere",)),
    (("train", "tutorial-small", "--data", "pairs:"), ("names no folder",)),
    (("train", "tutorial-small", "--data", "letters"), ("A and B", "pairs:letters", "folder:letters")),
    (("train", "tutorial-small", "--data", "trains"), ("trainA and trainB", "pairs:trains", "unpaired:trains")),
    (("train", "tutorial-small", "data=random-crops(of=pairs(path=sources,target=targets),size=80)"), ("smaller than a crop",)),
    ((*SMALL, "data=random-crops"), ("RandomCrops.of is missing",)),
    (("data", "show", "satellite-relief", "data.target=relief"), ("source and target are both relief",)),
    (("data", "show", "emoji-pairs", "data.size=4"), ("size=4", "greater than or equal to 8")),
    (("data", "show", "mixed", "data.range=0"), ("expected two numbers, data.range=LOW,HIGH", "got 0")),
    ((*SMALL, "optimizers.generator.betas=0.5"), ("betas=0.5", "2 values with commas between", "got 0.5")),
    # numbers beyond what makes sense
    ((*SMALL, "batch_size=10000000000000000000000"), ("batch_size", "at most 1,000,000")),
    ((*SMALL, f"batch_size={HUGE}"), ("batch_size", "at most 1,000,000")),
    ((*SMALL, "batch_size=1000000", "noise.dim=60000"), ("GiB of memory", "choose smaller batch_size")),
    ((*SMALL, "networks.generator.widths=[60000,60000]"), ("GiB of memory", "choose smaller widths")),
    (
        (*SMALL, "objective.share=nothing", "objective.discriminator_fakes=1000000", "noise.dim=60000"),
        ("GiB of memory", "choose smaller batch_size"),
    ),
    ((*SMALL, "noise.dim=10000000000000000000000"), ("noise.dim", "at most 65,536")),
    ((*SMALL, f"networks.generator.widths=[{'8,' * 2000}]"), ("widths", "a list of at most 1,000")),
    ((*SMALL, f"budget={HUGE}images"), ("budget", "at most 1,000,000,000,000images")),
    ((*SMALL, f"budget={HUGE}m"), ("budget", "at most 525,600m")),
    ((*SMALL, "budget=10000000epochs"), ("budget", "at most 1,000,000epochs")),
    ((*SMALL, "budget=0epochs"), ("budget", "a length such as")),
    ((*SMALL, "budget=-5m"), ("budget", "a length such as")),
    ((*SMALL, "budget=\u0663epochs"), ("budget", "a length such as")),
    ((*SMALL, f"--until=fd={HUGE}"), ("scores.until", "fd=NUMBER")),
    ((*SMALL, "networks.generator.slope=1e308"), ("slope", "at most 100")),
    ((*SMALL, "networks.generator.slope=1e999"), ("slope", "finite")),
    ((*SMALL, "optimizers.generator.lr=1e308"), ("lr", "at most 1e+06")),
    ((*SMALL, "optimizers.generator.lr=nan"), ("lr", "number")),
    ((*SMALL, "scores.times=1000000000000000000"), ("scores.times", "at most 10,000")),
    ((*SMALL, "watch.times=1000000000000000000"), ("watch.times", "at most 10,000")),
    ((*SMALL, "pictures.every=1images", "budget=1000000images"), ("pictures.every=1images", "1,000,000 pictures")),
    ((*SMALL, "seed=99999999999999999999999"), ("seed", "at most")),
    ((*SMALL, "value_range=[-1e300,1e300]"), ("value_range", "greater than or equal to -1000000")),
    ((*SMALL, "ema=ema(half_life_images=10000000000000)"), ("half_life_images", "at most")),
    ((*SMALL, "data.size=100000"), ("data.size", "at most 4,096")),
    (("train", "tutorial-batchnorm", "--data", "digits", "epochs=10000000"), ("epochs", "at most 1,000,000")),
    (("train", "tutorial-batchnorm", "--data", "digits", "lr=inf"), ("lr", "number")),
    (("train", "tutorial-batchnorm", "--data", "digits", "latent_size=1000000"), ("latent_size", "at most 65,536")),
    (("train", "tutorial-batchnorm", "--data", "digits", "batch_size=1"), ("can't train on a batch of 1", "larger batch_size")),
    (("train", "ring", "data.num=10000000000"), ("ring is a data set",)),
    (("sample", "nowhere", "--out", "x.png", "--count", "3000000"), ("at most 10,000 samples, got 3,000,000", "an .npz")),
    (("sample", "nowhere", "--out", "x.PNG", "--count", "3000000"), ("at most 10,000 samples, got 3,000,000", "an .npz")),
    (("sample", "nowhere", "--out", "x", "--count", "30000000"), ("at most 1,000,000 pictures", "an .npz")),
    # names and texts
    ((*SMALL, "name=../../x"), ("name=../../x", "a folder's name")),
    ((*SMALL, "name=/x"), ("name=/x", "a folder's name")),
    ((*SMALL, "name=.."), ("name=..", "a folder's name")),
    ((*SMALL, "name="), ("name", "a folder's name")),
    ((*SMALL, f"name={LONG}"), ("name", "at most 100 letters")),
    ((*SMALL, "name=a\x1b[31mb"), ("name=a\\x1b[31mb", "a folder's name")),
    ((*SMALL, "noise=normal(dim=4,dim=5)"), ("normal: dim is given twice",)),
    ((*SMALL, "noise=normal(4)"), ("name each field",)),
    ((*SMALL, "noise=normal()"), ("Normal.dim is missing",)),
    ((*SMALL, "noise=" + "[" * 500), ("noise", "can't read")),
    ((*SMALL, "noise=" + "-" * 20_000 + "1"), ("noise", "can't read")),
    ((*SMALL, "noise=" + "normal(dim=" * 90 + "1" + ")" * 90), ("noise", "expected")),
    ((*SMALL, "noise=__import__('os').system('true')"), ("noise", "can't read")),
    ((*SMALL, "noise.dim.x=3"), ("has no field 'x'",)),
    ((*SMALL, f"{LONG}=3"), ("unknown",)),
    ((*SMALL, "=3"), ("has no value",)),
    ((*SMALL, "networks=[]"), ("entry by entry", ".generator or .discriminator")),
    ((*SMALL, "networks.generator=conv"), ("unknown network 'conv'", "did you mean")),
    ((*SMALL, "networks.generator=zzzzzzzz"), ("unknown network 'zzzzzzzz'; known: ", "more")),
    ((*SMALL, "objective=zzzzzzzz"), ("unknown objective 'zzzzzzzz'; known: ",)),
    ((*SMALL, "precision=float16"), ("precision",)),
    ((*SMALL, "compile=maybe"), ("compile", "true or false")),
    # devices, threads, frameworks, folders
    ((*SMALL, "--device", "meta"), ("device 'meta'", "--device cpu")),
    ((*SMALL, "--device", "mps"), ("device 'mps'", "--device cpu")),
    ((*SMALL, "--device", LONG), ("is not available", "--device cpu")),
    ((*SMALL, "--threads", "1000000"), ("--threads", "at most")),
    ((*SMALL, "--framework", "jax"), ("unknown framework 'jax'", "tensorflow")),
    ((*SMALL, "--on-trouble", "panic"), ("watch.on_trouble=panic", "'recover'")),
    ((*SMALL, "--until", "5"), ("scores.until=5", "fd=5")),
    ((*SMALL, "--run", LONG), ("longer than 255 bytes",)),
    ((*SMALL, "--run", "notes.txt"), ("notes.txt", "choose another path")),
    ((*SMALL, "--run", "notes.txt/x"), ("notes.txt/x", "choose another path")),
    ((*SMALL, "--run", "/proc/x"), ("/proc/x", "choose another path")),
    ((*SMALL, "--run", "full"), ("full holds files but no run", "--run")),
    ((*SMALL, "--run", "  "), ("--run: expected a value",)),
    (("coverage", "ring", "--runs", "notes.txt"), ("notes.txt", "choose another path")),
    (("coverage", "ring", "--results", "notes.txt/x"), ("notes.txt/x", "choose another path")),
    # a Python file of the user's own
    (("train", "raises.py:mine", "--data", "digits"), ("raises.py, line 2, failed: IndexError: list index out of range",)),
    (("show", "raises.py:mine"), ("raises.py, line 2, failed: IndexError",)),
    (("diff", "raises.py:mine", "default"), ("raises.py, line 2, failed: IndexError",)),
    (("train", "raises.py:early"), ("raises.py, line 6, failed: SystemExit",)),
    (("train", "raises.py:other"), ("expected a function that returns a Recipe, got int",)),
    (("train", "raises.py:nothing"), ("unknown function 'nothing'",)),
    (("train", "raises.py"), ("expected a function, as in raises.py:",)),
    (("train", "syntax.py:mine"), ("syntax.py", "SyntaxError")),
    (("train", "exits.py:mine"), ("exits.py, line 1, failed: SystemExit",)),
    (("train", "broken.py:mine"), ("broken.py, line 1, failed: ZeroDivisionError",)),
    (("train", "nowhere.py:mine"), ("can't read nowhere.py: No such file",)),
    (("train", "pipe.py:mine"), ("can't read pipe.py",)),
    (("evaluate", "nan.npy", "--data", "ring", "--extractor", "pixel"), ("unknown extractor 'pixel'", "pixels")),
    (("evaluate", "nan.npy", "--data", "ring", "--extractor", "inception:no.pth"), ("no such file: no.pth",)),
    (("evaluate", "nan.npy", "--data", "ring", "--extractor", "nowhere.py:net"), ("can't read nowhere.py",)),
    # a folder of runs, where a run was expected
    (("evaluate", "parent"), ("parent is no run folder, but holds 1", "parent/inner")),
    (("sample", "parent", "--out", "x.png"), ("parent is no run folder, but holds 1", "parent/inner")),
    (("doctor", "parent"), ("parent is no run folder, but holds 1", "parent/inner")),
    (("report", "parent"), ("parent is no run folder, but holds 1", "parent/inner")),
    (("explore", "attributes", "parent"), ("parent is no run folder, but holds 1", "parent/inner")),
    (("export", "parent", "--out", "x.keras"), ("parent is no run folder, but holds 1", "parent/inner")),
]

CASES = [Case(*case) for case in BY_HAND] + list(of_options())

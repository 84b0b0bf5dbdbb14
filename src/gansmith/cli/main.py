"""The command line. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import logging
import os
import signal
import sys
from typing import Annotated, Any

import typer

from gansmith.cli import attributes, coverage, data, doctor, evaluate, recipes, reconstruct, sample, slide, train
from gansmith.core.errors import GansmithError
from gansmith.core.version import __version__

app = typer.Typer(
    help="Train, resume, sample and look at generative adversarial networks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(data.app, name="data")
for command in (
    attributes.attributes,
    attributes.directions,
    coverage.coverage,
    doctor.doctor,
    reconstruct.reconstruct,
    slide.slide,
    recipes.list_,
    recipes.show,
    train.train,
    sample.sample,
    sample.export,
    sample.interpolate,
    evaluate.report,
    evaluate.evaluate,
    evaluate.compare,
    recipes.diff,
):
    app.command(command.__name__.rstrip("_"))(command)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"gansmith {__version__}")
        raise typer.Exit


@app.callback()
def _gansmith(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which one this is.")] = False,
) -> None:
    pass


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
    typer.echo(f"gansmith: {' '.join(message.split())}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()

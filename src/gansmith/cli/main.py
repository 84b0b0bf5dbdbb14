"""The command line: registers the commands and turns errors into a line and an exit code. It imports nothing heavy."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from itertools import pairwise
from typing import Annotated, Any, NoReturn, get_type_hints

import typer
from typer.core import TyperGroup

from gansmith.cli import coverage, data, doctor, evaluate, explore, export, recipes, sample, terminal, train, translate, trust
from gansmith.cli.terminal import echo
from gansmith.core.before_import import draw_without_a_window, is_one_of_several, keep_traces_out, wait_passively
from gansmith.core.errors import GansmithError, SettingError, cut, message_line
from gansmith.core.formatting import plain
from gansmith.core.version import __version__
from gansmith.training.signals import ENDING, Ended

CTRL_C = 130  # the exit code

# Heading in `gansmith --help` -> commands, in the order they are shown.
PANELS: dict[str, dict[str, Any]] = {
    "Train": {"train": train.train, "doctor": doctor.doctor, "trust": trust.trust},
    "Generate": {"sample": sample.sample, "translate": translate.translate},
    "Evaluate": {
        "evaluate": evaluate.evaluate,
        "compare": evaluate.compare,
        "report": evaluate.report,
        "coverage": coverage.coverage,
    },
    "Explore": {"explore": explore.app},
    "Data and recipes": {"list": recipes.list_, "show": recipes.show, "diff": recipes.diff, "data": data.app},
    "Export": {"export": export.export},
}

BEGIN = """gansmith trains generative adversarial networks. To begin:

  gansmith train --data digits                       train a first GAN on small digits, 5 minutes
  gansmith sample runs/default-digits --out x.png    draw samples from it
  gansmith report runs/default-digits                put pictures, scores and advice on one page
  gansmith list                                      show the other recipes and data sets

All commands: gansmith --help. One command: gansmith train --help."""


class Commands(TyperGroup):
    """The top-level commands, in the order of PANELS, with a hint for the name of a subcommand."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of the commands in the order of the help."""
        return [name for commands in PANELS.values() for name in commands]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuse an empty word, such as --run "": a path would be the working folder, and other values would count as missing."""
        for before, word in pairwise(["gansmith", *args]):
            name, _, value = word.partition("=") if word.startswith("--") else (before, "", word)
            if not value.strip() and (not word.startswith("--") or "=" in word):
                ctx.fail(f"{cut(name)}: expected a value after it, got an empty one")
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find a command by its name. For a subcommand alone, such as `slide`, fails with its full name."""
        name = args[0]
        if name not in self.commands and not name.startswith("-"):
            for parent, group in self.commands.items():
                if name in getattr(group, "commands", {}):
                    ctx.fail(f"No such command {name!r}. Did you mean '{parent} {name}'?")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    help="Train, sample and evaluate generative adversarial networks.",
    cls=Commands,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
)
for panel, commands in PANELS.items():
    for name, command in commands.items():
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, rich_help_panel=panel)
        else:
            app.command(name, rich_help_panel=panel)(command)


def _version(is_given: bool) -> None:
    """Print the version and exit."""
    if is_given:
        echo(f"gansmith {__version__}")
        raise typer.Exit


@app.callback()
def _begin(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Print the first steps if no command is given."""
    if ctx.invoked_subcommand is None:
        echo(BEGIN)


def command_line() -> Any:
    """All commands, with help texts that are shown as they are written: rich would take `[default: 3]` for markup."""
    _read_types(app)
    command = typer.main.get_command(app)
    _show_brackets(command)
    return command


def _read_types(group: typer.Typer) -> None:
    """Turn the texts of annotations into types, once for each command: typer would do so ten times, a tenth of `--help`."""
    for command in group.registered_commands:
        if command.callback is not None:
            command.callback.__annotations__ = get_type_hints(command.callback, include_extras=True)
    for subgroup in group.registered_groups:
        if subgroup.typer_instance is not None:
            _read_types(subgroup.typer_instance)


def _show_brackets(command: Any) -> None:
    """Escape the brackets in the help texts of a command, its options and its subcommands."""
    for part in (command, *command.params):
        for name in ("help", "short_help", "epilog"):
            if "[" in (text := getattr(part, name, None) or ""):
                setattr(part, name, text.replace("[", "\\["))
    for part in getattr(command, "commands", {}).values():
        _show_brackets(part)


def main() -> None:
    """Run the command line. A user's mistake is one line and exit code 2, a disk error 1, Ctrl-C 130, another signal 128 and its
    number."""
    is_first = not is_one_of_several() or os.environ.get("RANK") == "0"  # the others print nothing
    terminal.prepare(is_first)
    if not is_first:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # until the process ends
    for number in ENDING:
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores a closed terminal
            signal.signal(number, _leave)
    draw_without_a_window()
    wait_passively()
    keep_traces_out()
    try:
        _check_encoding(sys.argv[1:])
        code = command_line()(prog_name="gansmith", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()  # a full disk may refuse only now
        if code == CTRL_C:  # Typer's answer to KeyboardInterrupt
            raise KeyboardInterrupt
    except GansmithError as error:
        _fail(str(error), error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process ends: a second Ctrl-C can only print a traceback
        _fail("stopped by Ctrl-C", CTRL_C)
    except SystemExit as error:
        if not isinstance(error, Ended) and (own := failed_code(error)):
            _fail(own, 2)
        raise
    except BrokenPipeError:
        _discard(sys.stdout)
        sys.exit(1)
    except OSError as error:
        _discard(sys.stdout)
        where = f"can't read or write {error.filename}" if error.filename else "can't write to standard output"
        _fail(f"{where}: {error.strerror or error}; check the path and the free space, and run the command again", 1)
    except Exception as error:
        if own := failed_code(error):
            _fail(own, 2)
        if _is_out_of_memory(error):
            _fail("out of memory: make the networks, the batch, the noise or the pictures smaller", 2)
        # Typer's own refusals: a missing argument, an unknown option.
        if not hasattr(error, "format_message"):
            raise
        if not error.format_message():  # a group without a command: Typer has shown its help
            sys.exit(2)
        _fail(_refusal(error), getattr(error, "exit_code", 2))
    _end(code if isinstance(code, int) else 0)


def _end(code: int) -> NoReturn:
    """Leave with an exit code. One of several processes leaves at once: PyTorch's threads may abort while Python shuts down."""
    if is_one_of_several():
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)
    sys.exit(code)


def _check_encoding(arguments: list[str]) -> None:
    """Raise SettingError for an argument that is no valid text: its name could not be written into a run folder."""
    for argument in arguments:
        if any("\ud800" <= character <= "\udfff" for character in argument):
            raise SettingError(f"argument {plain(argument)} is no text in UTF-8: rename the file or folder")


def failed_code(error: BaseException) -> str | None:
    """The message for an error that was raised in a Python file of the user's own; None for any other."""
    code = sys.modules.get("gansmith.core.user_code")  # not imported: no such file has run
    file = code.failed_file(error) if code else None
    return code.failure(file, error) if code and file else None


def _is_out_of_memory(error: Exception) -> bool:
    """Whether memory ran out. Python and NumPy raise MemoryError; PyTorch's CPU allocator a RuntimeError known by its text."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in ("can't allocate memory", "out of memory"))
    )


def _refusal(error: Any) -> str:
    """Typer's message about a wrong command line, and what to do."""
    message = str(error.format_message()).rstrip(".")
    if isinstance(cause := error.__cause__, ValueError) and hasattr(cause, "errors"):  # pydantic's, in Typer's own words
        from gansmith.core.component import expected

        fault = cause.errors()[0]
        message = f"{message.partition(': ')[0]}: expected {expected(fault)}, got {cut(fault['input'])}"
    context = getattr(error, "ctx", None)
    if hasattr(error, "option_name") and getattr(context, "info_name", None) in ("train", "show"):
        return f"{message}; settings of a recipe are written NAME=VALUE, as in budget=5m"
    if "--json" in message and "argument" in message:
        return f"{message}: --json FILE writes a file, --json - prints"
    if context is None or message.endswith("?"):  # it suggests a command
        return message
    return f"{message}; see {context.command_path} --help"


def _leave(number: int, _: Any) -> None:
    """Turn a signal into an exception, so that open files are closed first."""
    raise Ended(number)


def _discard(stream: Any) -> None:
    """Send what a stream still holds to nowhere, as Python would try once more to write it when the process ends."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # it may have no file, or be closed
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _fail(message: str, code: int) -> NoReturn:
    """Print an error as one line and leave with an exit code. Of several processes that fail together, one prints."""
    if _reports_error():
        try:
            echo(f"gansmith: {message_line(message)}", err=True)
        except OSError:  # nobody can read it; the exit code says it
            _discard(sys.stderr)
    sys.exit(code)


def _reports_error() -> bool:
    """Whether this process prints its error."""
    if not is_one_of_several():
        return True
    from gansmith.core.distributed import reports_error

    return reports_error()


if __name__ == "__main__":
    main()

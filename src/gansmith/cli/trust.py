"""`gansmith trust`: the files of your own that runs may execute."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gansmith.cli import json_output
from gansmith.cli.options import JsonOut
from gansmith.cli.terminal import echo
from gansmith.core.errors import SettingError


def trust(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE", help="Python files to trust. Without one, list the trusted files.", show_default=False),
    ] = None,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Trust these files no longer. A file is named by its path or by its SHA-256.")
    ] = False,
    json_out: JsonOut = None,
) -> None:
    """List, add or revoke the Python files of your own that runs may execute.

    A run that uses your code executes it only after you named the file with --trust, or here.
    Files are known by the SHA-256 of their content: a changed file must be trusted again.
    """
    from gansmith.core.user_code import digest_of
    from gansmith.runs import trusted_files

    if revoke and not names:
        raise SettingError("--revoke needs a file: write gansmith trust --revoke FILE, or the SHA-256 that gansmith trust lists")
    if revoke:
        for file in trusted_files.revoke(names or ()):
            echo(f"no longer trusted: {file.path}", err=json_out is not None)
    else:
        for name, digest in [(name, digest_of(name)) for name in names or ()]:  # all are read before one is added
            trusted_files.remember(name, digest)
    rows = _rows()
    if not json_output.write(json_out, rows) or revoke:
        return
    for row in rows:
        echo(f"{row['sha256'][:12]}  since {row['since']}  {row['path']}" + (f"  ({row['state']})" if row["state"] else ""))
    if not rows:
        echo("no file is trusted; --trust FILE of a command that opens a run, or gansmith trust FILE, adds one")


def _rows() -> list[dict[str, Any]]:
    """The trusted files, and what has become of them."""
    from gansmith.runs.trusted_files import trusted_files

    return [
        {"sha256": digest, "path": file.path, "since": file.since, "state": _state(digest, file.path)}
        for digest, file in trusted_files().items()
    ]


def _state(digest: str, path: str) -> str:
    """What has become of a trusted file, in words; empty for one that is as it was."""
    from gansmith.core.errors import RecipeError
    from gansmith.core.user_code import digest_of

    try:
        return "" if digest_of(path) == digest else "has changed since: no longer trusted"
    except RecipeError:
        return "is gone"

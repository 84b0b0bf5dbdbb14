"""Make a folder of 500 colour pictures of people, 64 x 64, from OpenMoji: a typical small data set.

    pip install resvg-py
    python benchmarks/openmoji_folder.py runs/openmoji-500
    python benchmarks/openmoji_folder.py runs/openmoji --all       # all pictures, about 4,500

It uses the 660 pictures of OpenMoji 17.0.0 (CC BY-SA 4.0) with the subgroup person or person-role; each skin tone is a picture of
its own. 500 of them are drawn with a fixed seed and rendered on white.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from gansmith.data.origins import NpmPackage

PACKAGE = "openmoji@17.0.0"
SUBGROUPS = ("person", "person-role")
SIDE = 64


def chosen(listed: list[dict[str, str]], count: int | None) -> list[str]:
    """The file names, without suffix, of `count` pictures of people; None: of all pictures."""
    names = sorted(one["hexcode"] for one in listed if count is None or one["subgroups"] in SUBGROUPS)
    return names if count is None else sorted(np.random.default_rng(0).permutation(names)[:count].tolist())


def main() -> None:
    import resvg_py

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--all", action="store_true", help="every picture, not only people")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as about, tempfile.TemporaryDirectory() as drawings:
        NpmPackage(PACKAGE, "package/data").download(["openmoji.json"], Path(about))
        names = chosen(json.loads((Path(about) / "openmoji.json").read_text()), None if given.all else given.count)
        NpmPackage(PACKAGE, "package/color/svg").download([f"{name}.svg" for name in names], Path(drawings))
        for name in names:
            picture = resvg_py.svg_to_bytes(
                svg_path=str(Path(drawings) / f"{name}.svg"), background="white", width=SIDE, height=SIDE, skip_system_fonts=True
            )
            (given.folder / f"{name}.png").write_bytes(bytes(picture))
    print(f"{len(names)} pictures of {SIDE} x {SIDE} in {given.folder}")


if __name__ == "__main__":
    main()

#!/bin/sh
# Build the sdist and from it the wheel, install the wheel into an empty environment, and train, sample, evaluate and report
# there: test_wheel.sh [PYTHON]. The other tests run on the checkout, where every file is at hand: a file or a dependency that
# the wheel lacks is missed here alone. It needs .venv, in which the building is done.
#
# The environment stays in .venv-wheel, so that the next time takes seconds. It is made anew when pyproject.toml or
# constraints.txt change, and gansmith itself is installed anew every time.
set -eu
python=${1:-python3}
checkout=$(cd "$(dirname "$0")/.." && pwd -P)
environment=$checkout/.venv-wheel
cd "$checkout"
unset PYTHONPATH PYTHONHOME # with them Python might find the checkout

folder=$(cd "$(mktemp -d)" && pwd -P)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' HUP INT TERM # some shells skip the line above when they are stopped

# Run a command; show what it said only where it fails.
quietly() {
    "$@" >"$folder/log" 2>&1 || {
        cat "$folder/log" >&2
        echo "The wheel's test stopped at: $*" >&2
        exit 1
    }
}

# The building is done in a copy without egg-info: setuptools packs what an old SOURCES.txt lists, and would so put back a file
# that pyproject.toml forgets.
mkdir "$folder/tree"
tar -cf "$folder/tree.tar" --exclude='./.*' --exclude=./runs --exclude=./build --exclude=./dist --exclude='*.egg-info' \
    --exclude=__pycache__ .
tar -xf "$folder/tree.tar" -C "$folder/tree"
# What must not be packed has to be there, or the check below proves nothing.
mkdir "$folder/tree/runs" "$folder/tree/.venv"
touch "$folder/tree/runs/odd.txt" "$folder/tree/.venv/odd.py"
quietly .venv/bin/python -m build --outdir "$folder/dist" "$folder/tree"

.venv/bin/python - "$folder/tree" "$folder/dist" <<'END'
import sys
import tarfile
import zipfile
from pathlib import Path

tree, dist = map(Path, sys.argv[1:])
(sdist,) = dist.glob("*.tar.gz")
(wheel,) = dist.glob("*.whl")
package = [p.relative_to(tree / "src") for p in (tree / "src" / "gansmith").rglob("*") if p.is_file()]
wanted = {p.as_posix() for p in package if not p.name.startswith(".")}
wanted |= {"gansmith/py.typed", "gansmith/report/report.html"}
wanted |= {f"gansmith/evaluation/extractors/lenet-{data}.safetensors" for data in ("mnist", "fashion")}

with tarfile.open(sdist) as file:
    in_sdist = {member.name.partition("/")[2] for member in file if member.isfile()}
with zipfile.ZipFile(wheel) as file:
    in_wheel = set(file.namelist())

wrong = []
for name, lacking in (
    ("sdist", ({"LICENSE", "README.md", "pyproject.toml"} | {f"src/{path}" for path in wanted}) - in_sdist),
    ("wheel", wanted - in_wheel),
):
    wrong += [f"The {name} lacks {path}." for path in sorted(lacking)]
# setuptools packs tests/test*.py unasked.
tops = {"LICENSE", "PKG-INFO", "README.md", "pyproject.toml", "setup.cfg", "src", "tests"}
wrong += [f"The sdist has {path}, which nobody needs." for path in sorted(in_sdist) if path.split("/")[0] not in tops]
wrong += [f"The wheel has {path}, which nobody needs." for path in sorted(in_wheel - wanted) if ".dist-info/" not in path]
if wrong:
    sys.exit("\n".join([*wrong, "What is packed stands in pyproject.toml, under [tool.setuptools.package-data]."]))
END

wheel=$(ls "$folder"/dist/*.whl)
stamp=$({ "$python" --version && cat pyproject.toml constraints.txt scripts/venv.sh; } | cksum)
if [ "$(cat "$environment/ready" 2>/dev/null)" = "$stamp" ]; then
    quietly "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall "$wheel"
else
    rm -rf "$environment"
    quietly sh scripts/venv.sh "$python" "$environment"
    # In one command with the wheel, so that pip takes this torch and never looks for another.
    quietly "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
        "torch==2.13.0" "$wheel"
    echo "$stamp" >"$environment/ready"
fi

# From here on as a stranger would: outside the checkout, with an empty cache.
cd "$folder"
export GANSMITH_CACHE="$folder/cache"

"$environment/bin/python" - "$environment" "$checkout" <<'END'
import sys
from pathlib import Path

import torch

import gansmith
from gansmith.evaluation.extractors import lenet

environment, checkout = (Path(path).resolve() for path in sys.argv[1:])
home = Path(gansmith.__file__).resolve()
if environment not in home.parents:
    sys.exit(f"gansmith was imported from {home}, not from the environment {environment}.")
for folder in (Path(path).resolve() for path in sys.path):
    if checkout in (folder, *folder.parents) and environment not in folder.parents:
        sys.exit(f"The checkout can be imported, by {folder} in sys.path: then this test proves nothing.")
for name in ("lenet-mnist", "lenet-fashion"):
    features = lenet.shipped(name)(torch.zeros(2, 1, 28, 28, dtype=torch.uint8)).features
    if features.shape != (2, lenet.WIDTH):
        sys.exit(f"{name} gave features of shape {tuple(features.shape)}, not (2, {lenet.WIDTH}).")
END

gansmith=$environment/bin/gansmith
quietly "$gansmith" train tutorial-small --data digits budget=1epochs --run run --device cpu
quietly "$gansmith" sample run --count 16 --out x.npz
# Kept as the run's own evaluation: otherwise the report would score it first, with 40,000 samples and for more than a minute.
quietly "$gansmith" evaluate run --count 200 --draws 1 --json run/evaluation.json
rm run/report.html # training wrote one too
quietly "$gansmith" report run

[ -s x.npz ] || {
    echo "gansmith sample wrote no x.npz." >&2
    exit 1
}
[ -f run/report.html ] && [ "$(wc -c <run/report.html)" -gt 50000 ] || {
    echo "gansmith report wrote no report.html of more than 50 kB." >&2
    exit 1
}

echo "The wheel trains, samples and reports in an empty environment."

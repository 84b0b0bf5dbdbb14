#!/bin/sh
# Make .venv, or another folder, with gansmith and some of its extras: setup.sh [PYTHON [FOLDER [EXTRAS]]].
set -eu
python=${1:-python3}
target=${2:-.venv}
extras=${3:-dev}

sh "$(dirname "$0")/venv.sh" "$python" "$target"

echo "Installing gansmith into $target ..." >&2
"$target/bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt "torch==2.13.0" \
    --editable ".[$extras]"

#!/bin/sh
# Make an environment with pip and nothing else: venv.sh PYTHON FOLDER. Debian's python3 comes without pip; then pip is taken
# from Debian's own package, unpacked into a temporary folder, so that nothing is installed on the system and nobody needs to
# be root.
set -eu
python=$1
target=$2

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "gansmith needs Python 3.11 or newer; this is $("$python" --version). Try: make PYTHON=python3.11 ..." >&2
    exit 2
}

if "$python" -c 'import ensurepip' 2>/dev/null; then
    "$python" -m venv "$target"
else
    command -v apt-get >/dev/null && command -v dpkg >/dev/null || {
        echo "$("$python" --version) comes without pip (its module ensurepip is missing): install it, or try make PYTHON=..." >&2
        exit 2
    }
    "$python" -m venv --without-pip "$target"
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial"
    (
        cd "$folder"
        # As root, apt would hand the work to a user who may not enter this folder.
        apt() { apt-get -qq -o APT::Sandbox::User=root "$@"; }
        apt download python3-pip-whl 2>/dev/null || {
            # No package lists yet, as on a fresh machine: fetch them into the temporary folder, not into the system.
            apt -o Dir::State::Lists="$folder/lists" -o Dir::Cache="$folder/cache" update
            apt -o Dir::State::Lists="$folder/lists" -o Dir::Cache="$folder/cache" download python3-pip-whl
        }
        dpkg -x python3-pip-whl_*.deb .
    )
    wheel=$(ls "$folder"/usr/share/python-wheels/pip-*.whl)
    "$target/bin/python" "$wheel/pip" install --quiet --no-index --find-links "$(dirname "$wheel")" pip
fi

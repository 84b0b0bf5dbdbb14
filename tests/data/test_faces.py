"""Drawn faces: a function of split and number, with attributes that are DiceBear's own choices; and the recipe for them."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gansmith.core.errors import DataError, RecipeError
from gansmith.data import Attribute, Digits, Faces, Ring, Samples, faces, source, train_shape
from gansmith.networks.base import Shapes
from gansmith.objectives import Adversarial
from gansmith.optim.optimizers import Adam
from gansmith.recipes import make
from gansmith.recipes.default import default
from support import Answer


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, whose files hold five faces."""
    monkeypatch.setenv("GANSMITH_CACHE", str(tmp_path))
    monkeypatch.setattr(faces, "BLOCK", 5)
    return tmp_path


def test_fewer_faces_are_the_first_of_more_and_no_test_face_is_a_training_one(cache: Path) -> None:
    few, more, test = Faces(count=5).load(), Faces(count=8).load(), Faces(count=30).load("test")
    assert few.values.shape == (5, 3, 64, 64)
    assert np.array_equal(few.values, more.values[:5])
    for name, attribute in few.attributes.items():
        assert np.array_equal(attribute.values, more.attributes[name].values[:5])
    assert len(test) == 6
    assert not {face.tobytes() for face in more.values} & {face.tobytes() for face in test.values}
    assert train_shape(Faces(count=8)) == more.values.shape
    source.check(more, Faces())


def test_attributes_are_what_dicebear_chose(cache: Path) -> None:
    """The same seeds through its public interface, and a table of our own."""
    import json
    from importlib.resources import files

    from dicebear import Avatar, Style

    style = Style(json.loads((files("dicebear_styles") / "personas.json").read_text()))
    found = Faces(count=20).load().attributes
    for number in range(20):
        chosen = Avatar(style, {"seed": f"train-{number}", **faces.OPTIONS}).to_json()["options"]
        said = {name: attribute.names[attribute.values[number]] for name, attribute in found.items()}
        eyes, mouth = chosen["eyesVariant"], chosen["mouthVariant"]
        assert said["glasses"] == (eyes if "glasses" in eyes else "none")
        assert said["beard"] == ("yes" if chosen.get("facialHairVariant") else "no")
        assert said["mouth"] == (
            mouth if mouth in ("lips", "pacifier") else "open" if mouth in ("bigSmile", "surprise") else "plain"
        )
        assert said["skin"] == ("dark" if chosen["skinColor"][0] in ("#b16a5b", "#92594b", "#623d36") else "light")
        assert (said["hair"] == "hat") == (chosen["hairVariant"] in ("beanie", "cap"))
    assert set(found) == {"glasses", "beard", "hair", "mouth", "skin", "clothes"}


def test_every_choice_that_is_named_is_one_the_style_has() -> None:
    import json

    style = json.loads(faces._definition())
    colours = {"skinColor": "skin", "clothingColor": "clothing"}
    for respect in faces.RESPECTS.values():
        named = [choice for choices in respect.values.values() for choice in choices]
        assert len(named) == len(set(named))
        if respect.choice in colours:
            assert set(named) < set(style["colors"][colours[respect.choice]]["values"])
        else:
            assert set(named) <= set(style["components"][respect.choice.removesuffix("Variant")]["variants"])
    assert style["meta"]["license"]["name"] == "CC BY 4.0"


def test_glasses_are_dark_where_eyes_are(cache: Path) -> None:
    samples = Faces(count=60).load()
    glasses = samples.attributes["glasses"]
    band = samples.values[:, :, 26:32, 20:44].astype(float).mean((1, 2, 3))
    assert band[glasses.values == 2].max() < band[glasses.values == 0].mean()


def test_a_damaged_block_is_drawn_again(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = Faces(count=5).load()
    assert "drawing faces" in capsys.readouterr().err
    (path,) = cache.rglob("*.npz")
    Faces(count=5).load()
    assert capsys.readouterr().err == ""
    path.write_bytes(path.read_bytes()[:-3])
    assert np.array_equal(Faces(count=5).load().values, first.values)
    assert "drawing faces" in capsys.readouterr().err


def test_the_size_is_a_setting(cache: Path) -> None:
    assert Faces(count=5, size=28).load().shape == (3, 28, 28)
    with pytest.raises(RecipeError, match="size"):
        Faces(size=0)


@pytest.mark.parametrize("module", ["dicebear", "resvg_py", "dicebear_styles"])
def test_a_missing_extra_is_one_line_with_the_command(module: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DataError, match=re.escape("pip install 'gansmith[faces]'")) as refused:
        Faces(count=5).load()
    assert "\n" not in str(refused.value)


def test_data_show_says_how_often_each_value_occurs(cache: Path, here: Path, cli: Callable[..., Answer]) -> None:
    answer = cli("data", "show", "faces", "data.count=5")
    assert answer.code == 0, answer.err
    dark = Faces(count=5).load().attributes["skin"].shares[1]
    assert f"  skin    light {100 - 100 * dark:.1f} %, dark {100 * dark:.1f} %" in answer.out
    assert (here / "faces.png").exists()


BYTES = np.zeros((4, 3, 8, 8), np.uint8)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros(3, np.int64), "attribute 'hat': expected int64 [4], one per sample, got ndarray of int64 [3]"),
        (np.zeros(4), "got ndarray of float64 [4]"),
        (np.array([0, 1, 2, 0]), "expected 0 to 1, got 0 to 2"),
        (np.array([0, -1, 1, 0]), "got -1 to 1"),
    ],
)
def test_wrong_attributes_are_refused(values: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=re.escape(words)):
        source.check(Samples(BYTES, attributes={"hat": Attribute(values, ("no", "yes"))}), Digits())


def test_rows_of_samples_keep_what_is_known_of_them() -> None:
    samples = Samples(
        BYTES, np.arange(4), ("a", "b", "c", "d"), attributes={"hat": Attribute(np.array([0, 1, 1, 0]), ("no", "yes"))}
    )
    part = samples[np.array([2, 0])]
    assert part.labels is not None
    assert part.labels.tolist() == [2, 0]
    assert part.attributes["hat"].values.tolist() == [1, 0]
    assert part.attributes["hat"].shares.tolist() == [0.5, 0.5]
    assert part.classes == samples.classes


# ---------------------------------------------------------------------------------------------------- the recipe


def test_it_is_default_for_faces() -> None:
    assert make("faces") == dataclasses.replace(default(Faces(), "30m"), name="faces")
    assert make("faces", ["data.count=100"]).data == Faces(count=100)
    assert make("faces", ["budget=5m"], "digits") == dataclasses.replace(default(Digits(), "5m"), name="faces")


def test_r3gan_has_the_published_size_and_settings() -> None:
    """Huang et al. 2024, FFHQ-64: widths 768, 768, 768, 768, 384, two blocks a stage, 16 channels a group; counted by hand."""
    recipe = make("faces", ["published=true"])
    shapes = Shapes(recipe.noise.dim, (3, 64, 64))

    def block(width: int) -> int:
        return (width * 2 * width + 2 * width) + (2 * width * 16 * 9 + 2 * width) + 2 * width * width

    blocks, between = 2 * (4 * block(768) + block(384)), 768 * 384
    counts = {name: sum(w.numel() for w in network.build(shapes).parameters()) for name, network in recipe.networks.items()}
    assert counts["generator"] == 768 * 16 + 64 * 768 + blocks + between + 384 * 3 == 22_429_824
    assert counts["discriminator"] == 3 * 384 + blocks + between + 768 * 16 + 768 == 22_381_440
    assert recipe.batch_size == 256
    assert isinstance(recipe.objective, Adversarial)
    factor = recipe.objective.penalty_schedule.factor
    assert [round(penalty.weight * factor(at), 6) for penalty in recipe.objective.penalties for at in (0.0, 1.0)] == [
        2.0,
        0.2,
    ] * 2  # type: ignore[attr-defined]
    for optimizer in recipe.optimizers.values():
        assert isinstance(optimizer, Adam)
        assert optimizer.betas[0] == 0.0
        assert [round(optimizer.beta2(at), 6) for at in (0.0, 1.0)] == [0.9, 0.99]
        assert [round(optimizer.lr * optimizer.schedule.factor(at), 9) for at in (0.0, 1.0)] == [2e-4, 5e-5]


def test_r3gan_is_for_images() -> None:
    with pytest.raises(RecipeError, match=r"published=true is for images.*\[2\]: leave it out"):
        make("faces", ["published=true"], "ring")
    assert make("faces", [], "ring").data == Ring()
    with pytest.raises(RecipeError, match="method"):
        make("faces", ["method=stylegan"])

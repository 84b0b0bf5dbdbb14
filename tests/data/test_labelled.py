"""Labels: from subfolders and tables, with names, asked for one by one, and a row for each in pictures."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gansmith.core.errors import DataError, RunError
from gansmith.data import Digits, Folder, Mnist, Samples
from gansmith.data.labelled import _in_order
from gansmith.drawing import grids
from gansmith.drawing.captions import name_rows
from gansmith.runs.run import Run
from gansmith.sampling.classes import ConditionSpace, layout_of
from gansmith.sampling.conditions import Clusters, Codes, Labels, num_categories, shares_of, with_categories
from gansmith.sampling.inputs import Inputs
from gansmith.sampling.noise import Normal
from gansmith.training.loop import train
from support import Answer, assert_refused, assert_same_run, quick, refused, stop_after, tiny

Cli = Callable[..., Answer]
FRUIT = ("apple", "pear")


def pictures(folder: Path, *names: str) -> None:
    for i, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 10 * i).save(folder / name)


def table(folder: Path, *lines: str) -> str:
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return "labels.csv"


# ---------------------------------------------------------------------------------------------------- from a table


def test_a_table_names_the_classes_of_files(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png", "deep/c.png")
    labels = table(tmp_path, "label, file", "pear,b.png", "apple,deep/c.png", "pear,a.png")
    for written in (labels, str(tmp_path / "labels.csv")):
        samples = Folder(str(tmp_path), size=None, labels=written).load()
        assert samples.classes == FRUIT
        assert samples.labels.tolist() == [1, 1, 0]  # type: ignore[union-attr]
        assert samples.num_classes == 2


def test_a_table_goes_before_subfolders_and_serves_both_splits(tmp_path: Path) -> None:
    pictures(tmp_path, "train/x/a.png", "train/y/b.png", "test/x/c.png")
    labels = table(tmp_path, "file,label", "train/x/a.png,10", "train/y/b.png,9", "test/x/c.png,9")
    source = Folder(str(tmp_path), size=None, labels=labels)
    assert source.load().classes == source.load("test").classes == ("9", "10")  # numbers by their size
    assert source.load().labels.tolist() == [1, 0]  # type: ignore[union-attr]
    assert source.load("test").labels.tolist() == [0]  # type: ignore[union-attr]


def test_classes_keep_their_numbers_whatever_order_their_names_come_in() -> None:
    """1 and 01 were alike, so that the order of a set, which changes from process to process, said which class is which."""
    names = ["b", "10", "1", "01", "9", "a", "001"]
    orders = [sorted(order, key=_in_order) for order in (names, names[::-1], sorted(names))]
    assert orders[0] == orders[1] == orders[2] == ["001", "01", "1", "9", "10", "a", "b"]


BAD_TABLES = [
    (("file,kind", "a.png,pear"), "has no column 'label': its first line must name file and label, it names file and kind"),
    (("",), "has no column 'file'"),
    (("file,label", "a.png,pear"), "has no label for b.png"),
    (("file,label", "a.png,pear", "b.png,pear", "z.png,pear", "y.png,pear"), "labels z.png (and 1 more), which is no image"),
    (("file,label", "a.png,pear", "b.png,"), "line 3: the label is empty"),
    (("file,label", "a.png,pear", "b.png,pear", "a.png,apple"), "line 4: a.png appears twice"),
    (("file,label",), "has no rows"),
]


@pytest.mark.parametrize(("lines", "message"), BAD_TABLES, ids=[message for _, message in BAD_TABLES])
def test_a_table_that_does_not_fit_gets_one_line(lines: tuple[str, ...], message: str, tmp_path: Path, cli: Cli) -> None:
    pictures(tmp_path, "a.png", "b.png")
    table(tmp_path, *lines)
    assert_refused(cli("data", "show", tmp_path, "labels=labels.csv"), message)


def test_labels_without_names_need_not_be_in_a_row(tmp_path: Path, cli: Cli) -> None:
    """With 1 and 3 alone, 1 was shown as 3, and 3 ended in an error of Python's."""
    np.savez(tmp_path / "x.npz", images=np.zeros((5, 8, 8), np.uint8), labels=np.array([1, 3, 3, 1, 3]))
    answer = cli("data", "show", tmp_path / "x.npz", "--out", tmp_path / "x.png")
    assert answer.code == 0, answer.err
    assert "classes 1 2, 3 3" in answer.out


def test_a_table_without_images_and_one_that_is_not_there(tmp_path: Path, cli: Cli) -> None:
    labels = table(tmp_path, "file,label", "a.png,pear")
    assert_refused(cli("data", "show", tmp_path, f"labels={labels}"), "has no images")
    pictures(tmp_path, "a.png")
    assert_refused(cli("data", "show", tmp_path, "labels=nosuch.csv"), "can't read", "nosuch.csv")


# ---------------------------------------------------------------------------------------------------- as a condition


def test_labels_fit_themselves_to_the_data() -> None:
    assert num_categories(Labels(), Mnist()) == 10  # nothing is fetched for it
    assert num_categories(Labels(), Digits()) == 10
    assert num_categories(Labels(12), Digits()) == 12
    assert num_categories(Clusters(7), Digits()) == 7
    assert num_categories(None, Digits()) == 0
    samples = with_categories(Digits().load(), Labels())
    assert samples.num_categories == 10
    assert samples.categories is samples.labels
    codes = with_categories(Digits().load(), Codes(5))
    assert (codes.categories, codes.num_categories, shares_of(codes.categories, 5)) == (None, 5, (0.2,) * 5)


def test_a_class_with_one_sample_is_no_mistake_until_networks_are_told(tmp_path: Path) -> None:
    pictures(tmp_path, "apple/a.png", "pear/b.png", "pear/c.png")
    samples = Folder(str(tmp_path), size=None).load()
    with pytest.raises(DataError, match="class 'apple' has only one sample"):
        Labels().categories_of(samples)
    assert Clusters(2).categories_of(samples).shape == (3,)
    with pytest.raises(DataError, match="class 1 has only one sample"):
        Labels().categories_of(Samples(np.zeros((3, 2), np.float32), np.array([0, 0, 1])))


@pytest.mark.parametrize(
    ("name", "first", "used"),
    [
        ("labels.csv", "file,label", "data.labels=labels.csv"),
        ("labels.csv", "image,class", "data.labels=labels.csv"),
        ("my table.csv", "label, file ,split", "'data.labels=my table.csv'"),
        ("sizes.csv", "file,width", ""),
        (".labels.csv", "file,label", ""),
    ],
)
def test_a_table_of_labels_that_nobody_named_is_spoken_of(name: str, first: str, used: str, tmp_path: Path, cli: Cli) -> None:
    pictures(tmp_path / "in", "a.png", "b.png")
    (tmp_path / "in" / name).write_text(f"{first}\na.png,apple,0\nb.png,pear,0\n")
    said = cli("data", "show", tmp_path / "in", "data.size=8", "--out", tmp_path / "x.png").out
    assert (f"{name} is not used: to take the classes from it, set {used}\n" in said) == bool(used), said
    assert Folder(str(tmp_path / "in"), size=8, rules=1).load().notes == ()


def test_show_says_how_many_kinds_there_are_without_training(cli: Cli) -> None:
    shown = json.loads(cli("show", "tutorial-small", "condition=labels", "--data", "digits", "--json", "-").out)
    layers = shown["networks"]["generator"]["layers"]
    plain = json.loads(cli("show", "tutorial-small", "--data", "digits", "--json", "-").out)["networks"]["generator"]["layers"]
    assert layers[0]["weights"] - plain[0]["weights"] == 10 * layers[0]["output"][0]


def test_show_refuses_labels_of_data_that_carry_none(tmp_path: Path, cli: Cli) -> None:
    np.save(tmp_path / "x.npy", np.zeros((30, 8, 8), np.uint8))
    assert_refused(cli("show", "tutorial-small", "condition=labels", "--data", tmp_path / "x.npy"), "x.npy has no labels")


# ---------------------------------------------------------------------------------------------------- asking


def test_a_kind_is_asked_for_by_name_in_any_case_or_by_number() -> None:
    condition_space = ConditionSpace((0.5, 0.25, 0.25, 0.0), ("Bag", "2", "1", "bird"))
    assert [condition_space.category_index(word, "run x") for word in ("Bag", "bag", 0)] == [0] * 3
    assert condition_space.category_index("2", "run x") == 1  # a name comes before a number
    assert condition_space.category_index(2, "run x") == 2
    with pytest.raises(RunError, match="run x has no class 'bug': choose one of Bag, 2, 1, bird"):
        condition_space.category_index("bug", "run x")
    with pytest.raises(RunError, match="was trained on no sample of class 'bird'"):
        condition_space.category_index("bird", "run x")
    with pytest.raises(RunError, match="run x is not conditional"):
        ConditionSpace().category_index(0, "run x")
    many = ConditionSpace((1 / 40,) * 40, tuple(f"class-{i}" for i in range(40)))
    with pytest.raises(RunError, match="unknown class 'class-7x'; did you mean 'class-7'"):
        many.category_index("class-7x", "run x")
    with pytest.raises(RunError, match="has categories 0 to 39, got 40"):
        ConditionSpace((1 / 40,) * 40).category_index("40", "run x")


@pytest.mark.parametrize(
    ("names", "word"),
    [(("01", "001", "cat", "dog"), "2"), (("1.0", "2.0", "3.0"), "2"), (("-1", "0", "x"), "2"), (("Bag", "2", "1"), "0")],
)
def test_a_number_beside_names_that_are_numbers_is_no_position(names: tuple[str, ...], word: str) -> None:
    space = ConditionSpace((1 / len(names),) * len(names), names)
    with pytest.raises(RunError, match=refused(f"run x has no class '{word}'", "choose one of", *names)):
        space.category_index(word, "run x")
    assert space.category_index(names[1], "run x") == 1


def test_a_position_is_taken_where_no_name_is_another_number() -> None:
    named = ConditionSpace((0.5, 0.5), ("cat", "dog"))
    padded = ConditionSpace((0.5, 0.5, 0.0, 0.0), ("cat", "dog", "2", "3"))  # categories beyond the classes of the data
    assert [space.category_index("1", "run x") for space in (named, padded)] == [1, 1]


def test_a_row_for_each_kind_that_was_shown() -> None:
    layout = layout_of(64, 8, (1, 8, 8), ConditionSpace((0.5, 0.0, 0.5), (*FRUIT, "plum")))
    assert (layout.count, layout.columns, layout.categories, layout.names) == (16, 8, (0, 2), ("apple", "plum"))
    for shape, shares in (((2,), (0.5, 0.5)), ((1, 8, 8), ()), ((1, 8, 8), (1 / 27,) * 27)):
        assert layout_of(64, 8, shape, ConditionSpace(shares)).categories == ()


def test_a_row_holds_the_samples_that_are_asked_for() -> None:
    inputs = Inputs(Normal(3), (0.5, 0.5))
    given = inputs.category_rows(7, (1, 0), 4)
    for row, kind in enumerate((1, 0)):
        alone = dataclasses.replace(inputs, category=kind).rows(7, 0, 4)
        assert np.array_equal(given.z[4 * row :][:4], alone.z)
        assert np.array_equal(given.condition[4 * row :][:4], alone.condition)  # type: ignore[index]


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labelled") / "run"
    train(tiny("tutorial-small", "condition=labels", budget="700images"), folder, device="cpu")
    return folder


def test_pictures_while_training_have_a_row_a_class(labelled: Path) -> None:
    run = Run.open(labelled)
    last = grids.split_grid(run.pictures[run.images], (1, 8, 8), 20)
    assert np.array_equal(last, run.rows(0).array)
    for kind in (0, 7):
        assert np.array_equal(last[2 * kind : 2 * kind + 2], run.asked(kind).sample(0, 2).array)
    digits = Digits().load()
    real = grids.split_grid(run.real_picture, (1, 8, 8), 20)
    assert np.array_equal(real[14], digits.values[digits.labels == 7][0].transpose(1, 2, 0))
    assert np.array_equal(real[15], digits.values[digits.labels == 7][1].transpose(1, 2, 0))


def test_sample_takes_a_class_and_says_which_there_are(labelled: Path, tmp_path: Path, cli: Cli) -> None:
    assert "of class 3" in cli("sample", labelled, "--class", 3, "--count", 5, "--out", tmp_path / "three.npz").out
    file = np.load(tmp_path / "three.npz")
    assert np.array_equal(file["images"], Run.open(labelled).asked("3").sample(0, 5).array)
    assert file["labels"].tolist() == [3] * 5
    answer = cli("sample", labelled, "--class", "x", "--out", tmp_path / "x.npz")
    assert_refused(answer, "has no class 'x': choose one of 0, 1, 2, 3, 4 and 5 more")
    assert "a row for each of 10 categories" in cli("sample", labelled, "--out", tmp_path / "rows.png").out
    plain = cli("sample", labelled, "--count", 20, "--out", tmp_path / "plain.png").out
    assert "row" not in plain
    with Image.open(tmp_path / "rows.png") as rows, Image.open(max((labelled / "samples").glob("0*.png"))) as drawn:
        assert rows.height == drawn.height
        assert rows.width > drawn.width  # the names
        assert np.array_equal(np.asarray(rows)[:, rows.width - drawn.width :], np.asarray(drawn))


def test_a_run_that_is_told_nothing_can_not_be_asked(tmp_path: Path, cli: Cli) -> None:
    train(quick(budget="64images"), tmp_path / "run", device="cpu")
    assert_refused(cli("sample", tmp_path / "run", "--class", 3, "--out", tmp_path / "x.npz"), "is not conditional")
    assert_refused(cli("sample", tmp_path / "nosuch", "--class", 3, "--out", tmp_path / "x.npz"), "does not exist")
    with pytest.raises(RunError, match="has no picture of one row for each class"):
        Run.open(tmp_path / "run").rows()


def test_kinds_that_were_found_are_asked_for_by_number_and_are_no_labels(tmp_path: Path) -> None:
    run = train(quick("condition=clusters(num=4)", budget="64images"), tmp_path / "run", device="cpu")
    assert run.asked("2").sample(0, 3).labels is None
    with pytest.raises(RunError, match="has categories 0 to 3, got 4"):
        run.asked("4")


@pytest.mark.parametrize("condition", ["labels", "codes(num=4, continuous=1)"])
def test_a_run_that_is_told_goes_on_bit_for_bit(condition: str, tmp_path: Path) -> None:
    recipe = quick(f"condition={condition}")
    train(recipe, tmp_path / "whole", device="cpu")
    stop_after(recipe, tmp_path / "parts", 9)
    train(recipe, tmp_path / "parts", device="cpu")
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def test_the_report_names_the_rows(labelled: Path) -> None:
    from gansmith.report.page import page

    html = page(Run.open(labelled))
    names = "".join(f"<span>{i}</span>" for i in range(10))
    assert html.count(names) == 3  # made, real, timeline
    assert "one category per row" in html


# ---------------------------------------------------------------------------------------------------- names in a picture


def test_names_stand_beside_their_rows_where_they_fit() -> None:
    grid = Image.new("L", (200, 80), 0)
    named = name_rows(grid, ["one", "two"])
    assert named.height == 80
    assert np.array_equal(np.asarray(named)[:, -200:], np.asarray(grid))
    margin = np.asarray(named)[:, :-200]
    assert margin[:40].min() < 100 > margin[40:].min()  # ink in either half
    assert margin[-1].min() == 255
    assert name_rows(grid, ["x" * 60, "y"]) is grid
    assert name_rows(grid, [str(i) for i in range(12)]) is grid
    assert name_rows(grid, ()) is grid

"""Training: the network is the published one, and a step makes it better."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import cv2
import numpy as np
import pytest

from pipeline.ocr.decoding import CLASS_OF, LanguageModel
from pipeline.training.calibration import cross_validated, fitted_curve, isotonic, threshold
from pipeline.training.language_model import build
from samples.generator.fonts import printed_fonts
from samples.generator.lines import Line, render

SENTENCES = ["le malade va bien", "la malade va mieux", "le patient va bien", "il va mal"] * 5


def test_language_model_learns_its_text() -> None:
    keys, costs, backoffs = build([(SENTENCES, 0.7), (["1 cp matin"] * 3, 0.3)], 6, 1)
    model = LanguageModel(keys, costs, backoffs, 6)
    assert np.all(keys[1:] > keys[:-1])
    assert model.log_probability("le malade va bien") > model.log_probability("el madale av eibn")
    assert model.log_probability("1 cp matin") > model.log_probability("1 pc tamin")


def test_pruned_language_model_still_backs_off() -> None:
    full, *_ = build([(SENTENCES, 1.0)], 6, 1)
    keys, costs, backoffs = build([(SENTENCES, 1.0)], 6, 6)
    assert len(keys) < len(full)
    model = LanguageModel(keys, costs, backoffs, 6)
    history = 255
    for symbol in "le malade":
        assert -16 < model.scores(history)[CLASS_OF["e"]] <= 0
        history = model.extended(history, CLASS_OF[symbol])


def test_isotonic_map_is_monotone_and_close() -> None:
    random = np.random.default_rng(1)
    scores = random.normal(0, 2, 4000)
    right = (random.random(4000) < 1 / (1 + np.exp(-scores))).astype(float)
    knots, shares = isotonic(scores, right)
    assert np.all(np.diff(knots) > 0)
    assert np.all(np.diff(shares) >= 0)
    assert np.abs(np.interp(scores, knots, shares) - 1 / (1 + np.exp(-scores))).mean() < 0.05


def test_confidences_of_unseen_writers_are_calibrated() -> None:
    random = np.random.default_rng(2)
    features = random.normal(0, 1, (3000, 3))
    truth = 1 / (1 + np.exp(-(features @ np.array([1.5, -1.0, 0.0]) + 0.5)))
    right = (random.random(3000) < truth).astype(float)
    _, error = cross_validated(features, right, [str(place % 20) for place in range(3000)])
    assert error < 0.05
    curve = fitted_curve(features, right)
    assert curve([3.0, -3.0, 0.0]) > 0.9 > 0.1 > curve([-3.0, 3.0, 0.0])


def test_threshold_keeps_the_precision_asked_for() -> None:
    confidences = np.linspace(0, 1, 1000)
    right = (confidences > 0.6).astype(float)
    least = threshold(confidences, right, 0.99)
    assert right[confidences >= least].mean() >= 0.99
    assert threshold(confidences, np.zeros(1000), 0.99) == 1.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fonts = printed_fonts()
    if not fonts:
        pytest.skip("no font to draw with is installed")
    rows = "file\ttext\tpage\tsource\twriter\tflags\traw\n"
    for place in range(16):
        text = SENTENCES[place % 4] + f" {place}"
        image = render(Line(text), fonts[place % len(fonts)], Random(place))
        cv2.imwrite(str(tmp_path / f"{place}.png"), np.asarray(image))
        rows += f"{place}.png\t{text}\t\tcopiste\tw\t\t{text}\n"
    (tmp_path / "lines.tsv").write_text(rows, encoding="utf-8")
    return tmp_path


def test_free_characters_are_cut_with_their_place_on_the_line() -> None:
    pytest.importorskip("torch", reason="the training extra is not installed")
    from pipeline.training.data import LineImage
    from pipeline.training.glyphs import cut, placed

    grey = np.full((64, 420), 235, np.uint8)
    for place, symbol in enumerate("1950"):
        cv2.putText(grey, symbol, (30 + 90 * place, 48), cv2.FONT_HERSHEY_DUPLEX, 1.2, 20, 2)
    glyphs = cut(LineImage("", grey, "1950", "copiste", "w", frozenset()))
    assert "".join(glyph.symbol for glyph in glyphs) == "1950"
    assert all(abs(glyph.foot - 48) <= 3 for glyph in glyphs)
    assert all(0.9 < height < 1.1 and abs(drop) < 0.1 for height, drop in placed(glyphs))


def test_network_and_its_onnx_agree(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="the training extra is not installed")
    import onnxruntime

    from pipeline.training.recogniser import pretrained, write_onnx

    net = pretrained().eval()
    write_onnx(net, tmp_path / "net.onnx")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"), options)
    images = torch.rand(2, 1, 48, 320) * 2 - 1
    with torch.no_grad():
        ours = net(images).softmax(-1).numpy()
    (theirs,) = session.run(None, {"x": images.expand(-1, 3, -1, -1).numpy()})
    assert np.abs(ours - theirs).max() < 1e-4


def test_our_own_network_and_its_onnx_agree(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="the training extra is not installed")
    import onnxruntime

    from pipeline.training.own import OwnRecogniser, write_onnx

    net = OwnRecogniser().eval()
    write_onnx(net, tmp_path / "net.onnx")
    assert (tmp_path / "net.onnx").stat().st_size < 25_000_000
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"))
    images = torch.rand(1, 1, 48, 488) * 2 - 1
    with torch.no_grad():
        ours = net(images).softmax(-1).numpy()
    (theirs,) = session.run(None, {"x": images.expand(-1, 3, -1, -1).numpy()})
    assert ours.shape == (1, 61, theirs.shape[-1])
    assert np.abs(ours - theirs).max() < 1e-4


@pytest.mark.parametrize("network", [(), ("--own", "--rate", "3e-2")])
def test_a_run_learns_and_can_be_resumed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: tuple[str, ...]
) -> None:
    pytest.importorskip("torch", reason="the training extra is not installed")
    from pipeline.training import train

    monkeypatch.setattr(train, "ROUND", 16)
    out = tmp_path / "run"
    common = [
        "--lines",
        str(folder),
        "--out",
        str(out),
        "--columns",
        "3000",
        "--rate",
        "1e-3",
        *network,
    ]
    train.train(train.arguments([*common, "--steps", "4"]))
    train.train(train.arguments([*common, "--steps", "16"]))
    curve = [json.loads(row) for row in (out / "curve.jsonl").read_text().splitlines()]
    steps = [row["step"] for row in curve if "loss" in row]
    losses = [row["loss"] for row in curve if "loss" in row]
    assert steps == sorted(set(steps))
    assert losses[-1] < losses[0]
    assert (out / "handwriting.onnx").stat().st_size < 25_000_000

"""What is done with pixels of any stage."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.raster import Raster, outlines, reduced


@pytest.mark.parametrize("share", [0.02, 0.2, 0.45, 0.7])
def test_each_connected_part_has_one_outline(share: float) -> None:
    mask = (np.random.default_rng(7).random((90, 110)) < share).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    found = outlines(mask)
    assert sorted(tuple(cv2.boundingRect(outline)) for outline in found) == sorted(
        tuple(part) for part in stats[1:, :4].tolist()
    )
    starts = [outline[0, 0].tolist() for outline in found]
    assert len({labels[y, x] for x, y in starts}) == len(found)
    assert [y for _, y in starts] == sorted(y for _, y in starts)


def test_a_part_inside_the_hole_of_another_counts() -> None:
    mask = np.zeros((40, 40), np.uint8)
    cv2.rectangle(mask, (5, 5), (34, 34), 255, 2)
    cv2.rectangle(mask, (15, 15), (24, 24), 255, cv2.FILLED)
    assert len(outlines(mask)) == 2
    assert outlines(np.zeros((40, 40), np.uint8)) == []


def test_a_page_is_reduced_once() -> None:
    raster = Raster(np.full((3508, 2480), 200, np.uint8), 300)
    assert raster.small.shape == (1169, 826)
    assert raster.small is raster.small
    assert np.array_equal(raster.small, reduced(raster.pixels, 1170))

"""Sheets drawn for the tests: a printed page, its photograph, and what scanners do to it."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.raster import Pixels

LINES = [
    "Docteur Claire Martineau",
    "Médecin généraliste",
    "12 rue des Lilas, Ville-Exemple",
    "",
    "Le 12 novembre 2026",
    "",
    "Madame Jeanne Dupont, née le 14/03/1951",
    "Poids 62 kg",
    "",
    "Ordonnance",
    "",
    "Amoxicilline 500 mg gélule",
    "une gélule matin, midi et soir pendant six jours",
    "Paracétamol 1 g comprimé",
    "un comprimé toutes les six heures si douleur, quatre par jour au plus",
    "Ramipril 5 mg comprimé",
    "un comprimé le matin, traitement à poursuivre trois mois",
    "",
    "Patiente en bon état général, pas d'allergie connue.",
    "Contrôle de la créatinine et du potassium dans quinze jours.",
]


def printed(
    dpi: int = 200, lines: list[str] = LINES, points: int = 12, spacing: float = 0.3
) -> Pixels:
    """A printed A4 sheet: (height, width) grey; `spacing` of lines in inches."""
    image = Image.new("L", (round(8.27 * dpi), round(11.69 * dpi)), 255)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(points * dpi / 72)
    for number, line in enumerate(lines):
        draw.text((dpi, dpi * (1 + spacing * number)), line, font=font, fill=20)
    return np.array(image)


def scanned(page: Pixels, tone: int = 235, noise: float = 3.0, seed: int = 0) -> Pixels:
    """The page on paper of `tone` with a scanner's noise."""
    shaded = page.astype(np.float32) * (tone / 255)
    grain = np.random.default_rng(seed).normal(0, noise, page.shape)
    return np.clip(shaded + grain, 0, 255).astype(np.uint8)


def leaning(page: Pixels, degrees: float) -> Pixels:
    """The page with its lines falling to the right by `degrees`."""
    height, width = page.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0)
    turned = cv2.warpAffine(page, turn, (width, height), borderValue=int(np.median(page)))
    return np.asarray(turned, np.uint8)


def photographed(
    page: Pixels, *, shadow: bool, size: tuple[int, int] = (1500, 2000)
) -> tuple[Pixels, np.ndarray]:
    """An RGB photograph of the page lying on a striped table, and where its corners are: (4, 2)."""
    width, height = size
    rows = np.arange(height, dtype=np.float32)
    stripes = 90 + 25 * np.sin(rows / 23)[:, None] * np.ones((1, width), np.float32)
    corners = np.array([[0.12, 0.09], [0.86, 0.06], [0.93, 0.92], [0.07, 0.95]]) * size
    tall, wide = page.shape
    sheet = np.array([[0, 0], [wide, 0], [wide, tall], [0, tall]], np.float32)
    project = cv2.getPerspectiveTransform(sheet, corners.astype(np.float32))
    seen = cv2.warpPerspective(page.astype(np.float32) * 0.88, project, size, flags=cv2.INTER_AREA)
    inside = cv2.warpPerspective(np.ones(page.shape, np.float32), project, size)
    scene = stripes * (1 - inside) + seen * inside
    if shadow:
        across = np.arange(width, dtype=np.float32)[None, :] / width
        light = np.where(across + 0.1 * np.sin(rows / 300)[:, None] < 0.5, 0.5, 1.0)
        scene *= cv2.GaussianBlur(light.astype(np.float32), (0, 0), 12)
    scene += np.random.default_rng(1).normal(0, 3, scene.shape)
    colour = scene[..., None] * np.array([1.0, 0.96, 0.88])
    return np.clip(colour, 0, 255).astype(np.uint8), corners

"""The spleen on CT: task 9 of the Medical Segmentation Decathlon."""

from datasets.tasks.decathlon import decathlon
from datasets.tasks.task import PaperImages, Task

_NUMBERS = (
    "19 31 52 40 3 17 21 33 9 29 46 25 13 62 27 44 56 60 2 53 41 22 14 18 20 32 16 12 63 28 24 59"
    " 47 8 6 61 10 38 45 26 49"
)

TASK = Task(
    name="spleen",
    title="Spleen CT",
    words=("CT", "spleen", "whole organ"),
    release=decathlon(
        "Task09_Spleen",
        "Spleen",
        tuple(f"spleen_{number}" for number in _NUMBERS.split()),
        md5="410d4a301da4e5b2f6f86ec3ddba524e",
        size="1.5 GB",
        unpacked_limit_bytes=8_000_000_000,
    ),
    paper=PaperImages("MSD Task09_Spleen", title="MSD Task09_Spleen"),
    phantom="datasets.phantoms.spleen",
    margin_points=0.5,  # Dice is near 95 %, and the gains that the paper prints are below a point
    place=2,
)

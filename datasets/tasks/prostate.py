"""The whole prostate on T2-weighted MRI: task 5 of the Medical Segmentation Decathlon."""

from datasets.tasks.decathlon import decathlon
from datasets.tasks.promise12 import PROMISE12
from datasets.tasks.task import PaperImages, Task

_NUMBERS = (
    "16 04 32 20 43 18 06 14 41 34 38 10 02 24 47 28 00 42 21 17 40 31 07 35 44 39 01 13 46 25 29"
    " 37"
)

TASK = Task(
    name="prostate",
    title="Prostate MRI",
    words=("MRI", "prostate", "whole gland"),
    release=decathlon(
        "Task05_Prostate",
        "PROSTATE",
        tuple(f"prostate_{number}" for number in _NUMBERS.split()),
        md5="35138f08b1efaef89d7424d2bcc928db",
        size="0.2 GB",
        unpacked_limit_bytes=2_000_000_000,
    ),
    others=(PROMISE12,),
    paper=PaperImages("MSD Task05_Prostate", title="MSD Task05_Prostate"),
    phantom="datasets.phantoms.prostate",
    place=1,
)

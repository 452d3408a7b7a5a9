"""Breast lesions on ultrasound: BUSI (Al-Dhabyani et al. 2020).

Its site publishes no checksum, so a download is checked by the number of images per class.
"""

from datasets.tasks.task import Archive, PaperImages, Release, Task

_IMAGES = {"malignant": 210, "benign": 437, "normal": 133}
_COPIES = (
    (3, 4, 5, 6, 7, 8, 9),
    *((10, 112), (12, 110), (13, 109), (14, 114, 123), (15, 111), (17, 88), (18, 116), (27, 28)),
    *((34, 92), (39, 40, 42), (77, 78), (85, 86), (96, 97), (118, 119), (120, 122), (128, 129)),
)
_BIBTEX = r"""@article{busi2020,
  author  = {Al-Dhabyani, Walid and Gomaa, Mohammed and Khaled, Hussien and Fahmy, Aly},
  title   = {Dataset of Breast Ultrasound Images},
  journal = {Data in Brief},
  volume  = {28},
  pages   = {104863},
  year    = {2020},
  doi     = {10.1016/j.dib.2019.104863},
}"""

TASK = Task(
    name="breast",
    title="Breast ultrasound",
    words=("ultrasound", "breast", "lesion"),
    unit="px",
    release=Release(
        source="busi",
        folder="Dataset_BUSI_with_GT",
        title="BUSI",
        archive=Archive(
            "https://scholar.cu.edu.eg/Dataset_BUSI.zip", "zip", None, 2_000_000_000, "0.2 GB"
        ),
        licence="CC BY 4.0",
        citation="Al-Dhabyani et al. 2020, doi:10.1016/j.dib.2019.104863",
        bibtex=_BIBTEX,
        cases=tuple(
            f"{name} ({number})"
            for name, count in _IMAGES.items()
            for number in range(1, count + 1)
        ),
        copies=tuple(tuple(map("malignant ({})".format, numbers)) for numbers in _COPIES),
        searched=frozenset(map("malignant ({})".format, range(1, 148))),
        not_shipped="three public copies of the data set state three licences (CC BY 4.0, an"
        " unnamed Creative Commons licence, other terms), and its own page could not be read to"
        " settle it",
    ),
    paper=PaperImages(
        "147 breast ultrasound images",
        unknown_because="the paper does not name its images, and no class of BUSI has as many"
        " (Q30)",
    ),
    phantom="datasets.phantoms.breast",
    released_epochs=1600,  # Q27
    place=3,
)

"""What can be had and from where: one row per dataset and source.

Sizes are those of the archives. MD5 sums of the MSD archives are those that MONAI's
DecathlonDataset publishes; for BUSI its site states none, so a download is checked by its content
(number of images per class).
"""

from dataclasses import dataclass
from pathlib import Path

from datasets.prompts import DATASETS
from datasets.sources import busi, msd
from datasets.sources.base import PUBLISHED_FOLDERS, REAL_SOURCES
from datasets.sources.phantom import PhantomSource

_GB = 1_000_000_000


@dataclass(frozen=True)
class Archive:
    """A published archive: address, kind ("tar" or "zip"), md5 (or None), and the most that its
    content may weigh."""

    address: str
    kind: str
    md5: str | None
    unpacked_limit_bytes: int


ARCHIVES = {
    "prostate": Archive(
        "https://msd-for-monai.s3-us-west-2.amazonaws.com/Task05_Prostate.tar",
        "tar",
        "35138f08b1efaef89d7424d2bcc928db",
        2 * _GB,
    ),
    "spleen": Archive(
        "https://msd-for-monai.s3-us-west-2.amazonaws.com/Task09_Spleen.tar",
        "tar",
        "410d4a301da4e5b2f6f86ec3ddba524e",
        8 * _GB,
    ),
    "breast": Archive("https://scholar.cu.edu.eg/Dataset_BUSI.zip", "zip", None, 2 * _GB),
}


_MSD_CITATION = "Antonelli et al. 2022, doi:10.1038/s41467-022-30695-9"
_BUSI_CITATION = "Al-Dhabyani et al. 2020, doi:10.1016/j.dib.2019.104863"
_SIZES = {"prostate": "0.2 GB", "spleen": "1.5 GB", "breast": "0.2 GB"}


def catalogue(data_root: Path | None = None) -> list[dict[str, str]]:
    """The real source of each dataset, and then its phantom: one row of texts each.

    Keys: dataset, source, title, cases, size, licence, address, citation, and here: the folder
    under `data_root` that holds it, or "".
    """
    return [row for dataset in DATASETS for row in (_real(dataset, data_root), _phantom(dataset))]


def _real(dataset: str, data_root: Path | None) -> dict[str, str]:
    source = REAL_SOURCES[dataset]
    find = busi.find_folder if source == "busi" else msd.find_folder
    if source == "busi":
        title, licence, citation = "BUSI", busi.LICENCE, _BUSI_CITATION
        cases = ", ".join(f"{count} {name}" for name, count in busi.PUBLISHED.items())
    else:
        title, licence, citation = (
            f"MSD {PUBLISHED_FOLDERS[dataset]}",
            "CC BY-SA 4.0",
            _MSD_CITATION,
        )
        cases = str(msd.PUBLISHED_CASES[dataset])
    where = find(dataset, data_root) if data_root is not None else None
    if where is not None and source == "msd" and where.resolve().name != PUBLISHED_FOLDERS[dataset]:
        # Another folder in the same layout is not the published one.
        where = None
    return {
        "dataset": dataset,
        "source": source,
        "title": title,
        "cases": cases,
        "size": _SIZES[dataset],
        "licence": licence,
        "address": ARCHIVES[dataset].address,
        "citation": citation,
        "here": str(where or ""),
    }


def _phantom(dataset: str) -> dict[str, str]:
    return {
        "dataset": dataset,
        "source": "phantom",
        "title": "phantom",
        "cases": "any number",
        "size": "",
        "licence": PhantomSource.licence,
        "address": "built in",
        "citation": "",
        "here": "built in",
    }

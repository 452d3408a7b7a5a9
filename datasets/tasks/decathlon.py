"""What the tasks of the Medical Segmentation Decathlon have in common.

The MD5 sums of the archives are those that MONAI's DecathlonDataset publishes.
"""

from datasets.tasks.task import Archive, Release

_BIBTEX = r"""@article{msd2022,
  author  = {Antonelli, Michela and others},
  title   = {The Medical Segmentation Decathlon},
  journal = {Nature Communications},
  volume  = {13},
  pages   = {4128},
  year    = {2022},
  doi     = {10.1038/s41467-022-30695-9},
}"""


def decathlon(
    folder: str,
    described_as: str,
    cases: tuple[str, ...],
    *,
    md5: str,
    size: str,
    unpacked_limit_bytes: int,
) -> Release:
    """The release of the decathlon's task that lies in `folder`. cases: in the order of its
    dataset.json, which the unshuffled folds follow (Q8)."""
    return Release(
        source="msd",
        folder=folder,
        title=f"MSD {folder}",
        archive=Archive(
            f"https://msd-for-monai.s3-us-west-2.amazonaws.com/{folder}.tar",
            "tar",
            md5,
            unpacked_limit_bytes,
            size,
        ),
        licence="CC BY-SA 4.0",
        citation="Antonelli et al. 2022, doi:10.1038/s41467-022-30695-9",
        bibtex=_BIBTEX,
        cases=cases,
        described_as=described_as,
    )

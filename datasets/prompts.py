"""Prompts: the triplet "modality, organ, category" of a dataset, and phrases that ask for an
appearance (paper III-D). The paper prints four phrases; the others are ours, worded in the same
manner: brightness, contrast, sharpness, noise and field of view, and nothing that would change the
anatomy. Not here: how a text encoder mixes them (protocol switch text_mix, Q12)."""

from benchmark.core.registry import check_name

_TRIPLETS: dict[str, tuple[str, str, str]] = {
    "prostate": ("MRI", "prostate", "whole gland"),
    "spleen": ("CT", "spleen", "whole organ"),
    "breast": ("ultrasound", "breast", "lesion"),
}
DATASETS = tuple(_TRIPLETS)

_CATEGORY_OF_STRATUM = {"normal": "no lesion"}

AUGMENTATION_PHRASES: tuple[str, ...] = (
    # The four that the paper prints (Fig. 1, III-D).
    "enhanced contrast",
    "high resolution",
    "darkened image",
    "median filter",
    # Brightness and contrast.
    "brightened image",
    "reduced contrast",
    "soft contrast",
    "strong contrast",
    "even illumination",
    "uneven illumination",
    "bright center",
    "bright border",
    "dark border",
    "low brightness",
    "high brightness",
    "gamma corrected",
    "histogram equalized",
    "local contrast enhancement",
    "narrow intensity window",
    "wide intensity window",
    "compressed dynamic range",
    "stretched dynamic range",
    "intensity bias field",
    "bias field corrected",
    # Sharpness and resolution.
    "low resolution",
    "sharpened image",
    "smoothed image",
    "slightly blurred",
    "gaussian filter",
    "bilateral filter",
    "unsharp mask",
    "crisp edges",
    "soft edges",
    "fine texture",
    "coarse texture",
    "thick slice",
    "thin slice",
    "motion blur",
    # Noise and artefacts.
    "low noise",
    "gaussian noise",
    "speckle noise",
    "rician noise",
    "grainy image",
    "denoised image",
    "faint streaks",
    "faint ringing",
    # Scanner and protocol.
    "different scanner",
    "low dose acquisition",
    "fast acquisition",
    "long acquisition",
)


def triplet(dataset: str) -> tuple[str, str, str]:
    """(modality, organ, category) of a dataset. Raises InputError for an unknown one."""
    return _TRIPLETS[check_name("dataset", dataset, DATASETS)]


def prompt(dataset: str, stratum: str | None = None) -> str:
    """The prompt of a case, "MRI, prostate, whole gland"; a stratum joins the category: "malignant
    lesion"."""
    return join_triplet(triplet(dataset), stratum)


def join_triplet(words: tuple[str, str, str], stratum: str | None = None) -> str:
    """One line of text from a triplet and a case's stratum."""
    modality, organ, category = words
    if stratum is not None:
        category = _CATEGORY_OF_STRATUM.get(stratum, f"{stratum} {category}")
    return f"{modality}, {organ}, {category}"

"""Phrases that ask for an appearance, added to a prompt (paper III-D). The paper prints four of
them; the others are ours, worded in the same manner: brightness, contrast, sharpness, noise and
field of view, and nothing that would change the anatomy. Not here: the words of a data set
(tasks/), how a text encoder mixes them (protocol switch text_mix, Q12)."""

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

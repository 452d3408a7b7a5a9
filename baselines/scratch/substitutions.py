"""What stands in for the paper's generator where one is trained from scratch; and what every
stand-in lacks."""

from benchmark.core.published_weights import HED
from benchmark.spec.run import RunSpec
from benchmark.spec.substitution import Substitution

PAPERS_PRETRAINING = "RadImageNet, 1.35 M images, batch 384, learning rate 1e-5"
WITHDRAWN = "the authors were asked not to publish the weights (Q33)"


def edge_substitution(run: RunSpec) -> list[Substitution]:
    """The edge detector, where it is not the paper's; of HED, weights that are not those that
    ControlNets of HED edges were trained with."""
    if run.preset.edge == "hed":
        if run.preset.edge_weights != HED.identity:
            return []
        return [
            Substitution(
                part="edge weights",
                paper="HED, its weights not named",
                used=f"{HED.title}, not lllyasviel's ControlNetHED",
                why="the weights that a package index has (Q18)",
            )
        ]
    why = "HED needs weights, which are not shipped (Q18)"
    return [Substitution(part="edge detector", paper="HED", used=run.preset.edge, why=why)]


def from_scratch(run: RunSpec) -> list[Substitution]:
    """All that is not the paper's in a text- and edge-conditioned model trained from scratch."""
    settings = run.method.generator or {}
    why = "pre-trained weights and a large GPU are not needed this way"
    plain = settings["control"] == "input"
    network = (
        "a diffusion model that sees the edges beside its noisy image"
        if plain
        else "a diffusion model with a ControlNet"
    )
    told_of = {"mask_shown": "the mask itself", "style": "the style of a training slice"}
    more = [what for name, what in told_of.items() if settings[name]]
    told = Substitution(
        part="condition",
        paper="edges with the mask boundary, text",
        used=f"these and {' and '.join(more)}",
        why="a network trained for minutes keeps the label and varies its intensity only if it is"
        " told",
    )
    return [
        *edge_substitution(run),
        Substitution(
            part="generator",
            paper="Stable Diffusion 1.5 + ControlNet",
            used=f"{network}, trained from scratch on the fold's slices",
            why=why,
        ),
        Substitution(
            part="text encoder",
            paper="CLIP, frozen",
            used="a small encoder, trained on the prompts of the fold",
            why=why,
        ),
        Substitution(part="pre-training", paper=PAPERS_PRETRAINING, used="none", why=WITHDRAWN),
        *([told] if more else []),
    ]

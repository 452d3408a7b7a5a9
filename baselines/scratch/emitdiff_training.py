"""Training EMIT-Diff from scratch: what a batch of slices holds, and its loss. Not here: the loop
(training.py)."""

import numpy as np
import torch

from baselines.generators import fit_folder
from baselines.generators.base import TrainingSlices
from baselines.generators.job import TrainingJob
from baselines.generators.loop import seeded
from baselines.scratch import diffusion, style
from baselines.scratch.emitdiff_network import EmitDiffNetwork, condition_grid
from baselines.scratch.phrases import apply_changes, change_table, join_phrase
from baselines.scratch.settings import GeneratorSettings
from baselines.scratch.slice_augmentation import random_edges, random_geometry
from baselines.scratch.text_encoder import STYLE, Vocabulary
from baselines.scratch.training import train_diffusion
from benchmark.training.to_device import on_device
from datasets.prompts import AUGMENTATION_PHRASES


def fit(name: str, data: TrainingSlices, settings: GeneratorSettings, job: TrainingJob) -> None:
    """`Generator.fit` of EMIT-Diff."""
    settings.check_size(data.size)
    phrases = ("", *AUGMENTATION_PHRASES[: settings.phrases])
    prompts = [join_phrase(prompt, phrase) for prompt in set(data.prompts) for phrase in phrases]
    vocabulary = Vocabulary.of([STYLE, *prompts])
    network = seeded(
        lambda: EmitDiffNetwork(settings, data.size, vocabulary, len(data.ids)), job.seed
    )
    network = on_device(network, job.device)
    batches = TrainingBatches(network, vocabulary, data, job.device)
    state = train_diffusion(
        network,
        batches.loss,
        len(data.ids),
        settings,
        job,
    )
    words = {"words": vocabulary.known, "prompt_length": vocabulary.length}
    fit_folder.write(job.out, name, data, settings, network, state, words)


class TrainingBatches:
    """Training slices on the device, and the loss of a batch of them."""

    def __init__(
        self,
        network: EmitDiffNetwork,
        vocabulary: Vocabulary,
        data: TrainingSlices,
        device: torch.device,
    ):
        self.network, self.settings = network, network.settings
        planes = np.stack([data.images, data.masks * 255, data.edges], axis=1)
        self.planes = torch.from_numpy(planes).to(device)
        self.shares = diffusion.signal_shares(device)
        phrases = AUGMENTATION_PHRASES[: self.settings.phrases]
        self.changes = change_table(("", *phrases)).to(device)
        distinct = list(dict.fromkeys(data.prompts))
        self.prompt_of_slice = torch.tensor(
            [distinct.index(prompt) for prompt in data.prompts], device=device
        )
        texts = [join_phrase(prompt, phrase) for prompt in distinct for phrase in ("", *phrases)]
        self.tokens = vocabulary.encode(["", STYLE, *texts]).to(device)
        if self.settings.style:
            parts = (part.float() / 255 for part in self.planes[:, :1].split(64))
            network.styles.copy_(torch.cat([style.statistics(part) for part in parts]))
            network.style_scale.copy_(style.scale_of(network.styles))

    def loss(self, rows: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """Scalar loss of the slices `rows` (B,)."""
        settings = self.settings
        images, masks, edges = random_edges(
            random_geometry(self.planes[rows].float() / 255, settings, rng), settings, rng
        )
        images, styles = self._draw_style(images, rng)
        phrase, tokens = self._draw_text(rows, rng)
        images = apply_changes(images, self.changes[phrase], rng)
        text = self.network.text(tokens)
        control = condition_grid(edges, masks, settings)

        def denoise(noisy: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
            return self.network(noisy, timesteps, control, text, styles)

        grid = diffusion.to_grid(images, settings.unshuffle)
        importance = diffusion.organ_importance(masks, settings)
        return diffusion.denoising_loss(denoise, grid, importance, self.shares, settings, rng)

    def _draw_style(
        self, images: torch.Tensor, rng: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The images, some with another intensity, and what the network is told of their style, (B,
        WIDTH or 0)."""
        if not self.settings.style:
            return images, images.new_zeros(len(images), 0)
        known = (
            torch.rand(len(images), generator=rng, device=images.device)
            >= self.settings.style_dropout
        )
        images = style.jittered(images, self.settings.style_jitter * known, rng)
        return images, style.encoded(
            style.statistics(images), self.network.style_scale, known.float()
        )

    def _draw_text(
        self, rows: torch.Tensor, rng: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """A phrase number (B,) per slice, 0 = none, and the tokens (B, L): its prompt, style words,
        or nothing."""
        settings, device = self.settings, rows.device
        phrases = len(self.changes)
        draw = torch.rand(2, len(rows), generator=rng, device=device)
        phrase = torch.randint(1, max(2, phrases), (len(rows),), generator=rng, device=device)
        phrase = torch.where((draw[0] < settings.phrase_share) & (phrase < phrases), phrase, 0)
        token_row = 2 + self.prompt_of_slice[rows] * phrases + phrase
        token_row = torch.where(
            draw[1] < settings.prompt_dropout + settings.style_share, 1, token_row
        )
        token_row = torch.where(draw[1] < settings.prompt_dropout, 0, token_row)
        return phrase, self.tokens[token_row]

"""EMIT-Diff (DiffBoost) at a size that trains from scratch: a text- and edge-conditioned diffusion
model (paper III).

A UNet with cross-attention to the text and a ControlNet on the edge map are trained jointly on the
fold's training cases, with classifier-free guidance through empty prompts. It differs from the
paper in having no pre-training, no latent space (a pixel-unshuffled grid takes its place) and its
own small text encoder. By settings, which the presets use as far as a short training needs it: the
edges stand beside the noisy image in place of a ControlNet, the network is shown the mask and not
its boundary alone, and it is told the style of the slice (style.py). Not here: the preset with
Stable Diffusion weights.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from torch import nn

from baselines.generators.base import Conditions, Generator, TrainingSlices, training_ids
from baselines.generators.fit_folder import restore, seeded
from baselines.generators.places import Places
from baselines.scratch import diffusion, style
from baselines.scratch.phrases import apply_changes, change_table, join_phrase
from baselines.scratch.presets import EMITDIFF
from baselines.scratch.settings import GeneratorSettings, SamplingSettings
from baselines.scratch.slice_augmentation import addressed_edges, random_edges, random_geometry
from baselines.scratch.substitutions import from_scratch
from baselines.scratch.text_encoder import STYLE, TextEncoder, Vocabulary, embed
from baselines.scratch.training import read_config, save_fit, start_training, train
from benchmark.core.progress import Report, silent
from benchmark.spec.method import Look
from benchmark.spec.run import RunSpec
from benchmark.spec.substitution import Substitution
from benchmark.training import number_format
from benchmark.training.checkpoint import Checkpoint
from datasets.prompts import AUGMENTATION_PHRASES


class EmitDiffNetwork(nn.Module):
    """UNet, ControlNet and text encoder of one generator: noisy grid + timestep + edge grid + text
    -> prediction.

    With style (style.py) it also keeps the statistics of its `slices` training slices, in their
    order.
    """

    def __init__(self, settings: GeneratorSettings, size: int, vocabulary: Vocabulary, slices: int):
        super().__init__()
        self.settings = settings
        planes, levels = settings.unshuffle**2, len(settings.channels)
        self.controlled = settings.control == "net"
        shown = planes * (1 + settings.mask_shown)
        positions = diffusion.position_planes(size // settings.unshuffle)
        self.register_buffer("positions", positions, persistent=False)
        self.text = TextEncoder(
            len(vocabulary.known), vocabulary.length, settings.text_width, heads=2
        )
        # Cross-attention at the lowest resolution only: it costs least there, and a phrase speaks
        # of the whole image.
        lowest = settings.attention == "lowest"
        self.unet = UNet2DConditionModel(
            sample_size=size // settings.unshuffle,
            in_channels=planes if self.controlled else planes + shown + positions.shape[1],
            out_channels=planes,
            down_block_types=("DownBlock2D",) * (levels - 1)
            + ("CrossAttnDownBlock2D" if lowest else "DownBlock2D",),
            up_block_types=("CrossAttnUpBlock2D" if lowest else "UpBlock2D",)
            + ("UpBlock2D",) * (levels - 1),
            block_out_channels=settings.channels,
            layers_per_block=settings.layers,
            cross_attention_dim=settings.text_width,
            attention_head_dim=settings.heads,  # this class reads it as the number of heads
            norm_num_groups=settings.norm_groups,
            # The mean of the words also joins the time embedding, which reaches every block:
            # brightness and sharpness concern the whole image, and attention alone conveyed nothing
            # of them within 450 steps.
            class_embed_type="projection",
            projection_class_embeddings_input_dim=settings.text_width
            + style.WIDTH * settings.style,
        )
        if settings.style:
            self.register_buffer("styles", torch.zeros(slices, style.WIDTH - 1))
            self.register_buffer("style_scale", torch.ones(2, style.WIDTH - 1))
        if not self.controlled:
            return
        self.control = ControlNetModel.from_unet(
            self.unet,
            conditioning_channels=shown + positions.shape[1],
            conditioning_embedding_out_channels=settings.channels[:1],
        )
        # A ControlNet starts silent (zero convolutions) so as not to disturb a pre-trained UNet.
        # There is none here, and starting aloud saves steps: mean error from pure noise .089
        # against .093 (grey range 1), 450 steps, 64 px.
        silent_layers = [
            self.control.controlnet_cond_embedding.conv_out,
            self.control.controlnet_mid_block,
        ]
        for layer in (*silent_layers, *self.control.controlnet_down_blocks):
            layer.reset_parameters()

    def forward(
        self,
        grid: torch.Tensor,
        timesteps: torch.Tensor,
        edges: torch.Tensor,
        text: torch.Tensor,
        styles: torch.Tensor,
    ) -> torch.Tensor:
        """grid (B, planes, H, W), edges: grid of edges (and mask), timesteps (B,), text (B, L,
        width), styles (B, W or 0) -> prediction like grid."""
        condition = torch.cat([edges, self.positions.expand(len(edges), -1, -1, -1)], dim=1)
        whole = torch.cat([text.mean(dim=1), styles], dim=1)
        if not self.controlled:
            joined = torch.cat([grid, condition], dim=1)
            return self.unet(joined, timesteps, text, class_labels=whole, return_dict=False)[0]
        down, middle = self.control(
            grid, timesteps, text, controlnet_cond=condition, class_labels=whole, return_dict=False
        )
        return self.unet(
            grid,
            timesteps,
            text,
            class_labels=whole,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
            return_dict=False,
        )[0]


class TrainingBatches:
    """Training slices on the device, and the loss of a batch of them."""

    @classmethod
    def substitutions(cls, run: RunSpec) -> list[Substitution]:
        return from_scratch(run)

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


def condition_grid(
    edges: torch.Tensor, masks: torch.Tensor, settings: GeneratorSettings
) -> torch.Tensor:
    """Grid of the edge maps, and of the masks if the network is shown them, both float32
    (B,1,S,S)."""
    shown = torch.cat([edges, masks], dim=1) if settings.mask_shown else edges
    return diffusion.to_grid(shown, settings.unshuffle)


class EmitDiff(Generator[GeneratorSettings, SamplingSettings]):
    """Text-guided, edge-conditioned diffusion; the mask of a sample is that of its slice."""

    name, version = "emitdiff", 1
    joins = "patches"
    settings = GeneratorSettings
    presets = EMITDIFF
    look = Look(order=40, colour="#009e73", marker="D")

    @classmethod
    def substitutions(cls, run: RunSpec) -> list[Substitution]:
        return from_scratch(run)

    def __init__(
        self,
        network: EmitDiffNetwork,
        vocabulary: Vocabulary,
        ids: Sequence[str],
        device: torch.device,
    ):
        self.network, self.vocabulary, self.ids, self.device = (
            network,
            vocabulary,
            list(ids),
            device,
        )
        self.sampling = network.settings.sampling
        self.number_format = number_format.native_format(device)

    @classmethod
    def fit(
        cls,
        data: TrainingSlices,
        settings: GeneratorSettings,
        *,
        seed: int,
        device: torch.device,
        out: Path,
        places: Places = Places(),
        report: Report = silent,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        settings.check_size(data.size)
        phrases = AUGMENTATION_PHRASES[: settings.phrases]
        vocabulary = Vocabulary.of(
            [STYLE, *(join_phrase(p, f) for p in set(data.prompts) for f in ("", *phrases))]
        )
        network = seeded(
            lambda: EmitDiffNetwork(settings, data.size, vocabulary, len(data.ids)), seed
        )
        state = start_training(network, settings, seed, device)
        batches = TrainingBatches(network, vocabulary, data, device)
        train(state, batches.loss, len(data.ids), settings, report, checkpoint)
        save_fit(
            cls.name,
            state,
            data,
            settings,
            {"words": vocabulary.known, "prompt_length": vocabulary.length},
            out,
        )

    @classmethod
    def load(cls, folder: Path, device: torch.device, places: Places = Places()) -> "EmitDiff":
        config, settings = read_config(folder)
        vocabulary = Vocabulary(config["words"], config["prompt_length"])
        ids = training_ids(folder)
        network = EmitDiffNetwork(settings, config["size"], vocabulary, len(ids))
        return cls(restore(network, folder, device), vocabulary, ids, device)

    def unknown_words(self, prompts: Sequence[str]) -> list[str]:
        return self.vocabulary.unknown(prompts)

    @torch.inference_mode()
    def sample_batch(
        self,
        conditions: Conditions,
        *,
        variants: Sequence[int],
        key: str,
        sampling: SamplingSettings,
    ) -> tuple[np.ndarray, np.ndarray]:
        settings, ids = self.network.settings, conditions.ids
        texts = embed(
            self.network.text, self.vocabulary, ["", *conditions.prompts], sampling.text_mix
        )
        text = torch.stack([texts[prompt] for prompt in conditions.prompts])
        edges = self._edge_grid(conditions, variants, key, sampling)
        shape = (settings.unshuffle**2, *edges.shape[2:])
        noise = diffusion.starting_noise(key, ids, variants, shape, sampling.noise, self.device)
        styles = self._styles(ids, variants, key, sampling.style)
        denoise = self._guided(
            edges, text, texts[""].expand_as(text), styles, sampling.guidance_scale
        )
        grid = diffusion.sample_grid(denoise, noise, settings.prediction, sampling)
        images = diffusion.to_uint8(diffusion.from_grid(grid, settings.unshuffle))[:, 0]
        return images, conditions.masks

    def _edge_grid(
        self,
        conditions: Conditions,
        variants: Sequence[int],
        key: str,
        sampling: SamplingSettings,
    ) -> torch.Tensor:
        # The stacks may be read-only memory maps or views; torch wants a copy of its own.
        masks = torch.from_numpy(np.array(conditions.masks[:, None], np.float32, order="C"))
        edges = torch.from_numpy(np.array(conditions.edges[:, None], np.float32, order="C")) / 255

        def draws(purpose: str) -> list[np.random.Generator]:
            return diffusion.all_addressed(key, conditions.ids, variants, purpose)

        edges = addressed_edges(edges, masks, sampling, draws)
        return condition_grid(edges, masks, self.network.settings).to(self.device)

    def _styles(
        self, ids: Sequence[str], variants: Sequence[int], key: str, chosen: str
    ) -> torch.Tensor:
        """What the network is told of the style of each sample, (B, WIDTH or 0).

        Only styles of training slices are known: a slice that is none of them has no style of its
        own to be told, and a generator of one case no other one's. The style is left open then.
        """
        network = self.network
        if not network.settings.style:
            return torch.zeros(len(ids), 0, device=self.device)
        if chosen == "other":
            draws = diffusion.all_addressed(key, ids, variants, "style")
            rows = style.rows_of_other_cases(ids, self.ids, draws)
        else:
            own = (
                {slice_id: row for row, slice_id in enumerate(self.ids)} if chosen == "own" else {}
            )
            rows = [own.get(slice_id, -1) for slice_id in ids]
        places = torch.tensor(rows, device=self.device)
        return style.encoded(network.styles[places], network.style_scale, (places >= 0).float())

    def _guided(
        self,
        edges: torch.Tensor,
        text: torch.Tensor,
        no_text: torch.Tensor,
        styles: torch.Tensor,
        scale: float,
    ) -> diffusion.Denoise:
        """Prediction with classifier-free guidance: `scale` times the way from no text to the text;
        1 is one pass."""
        if scale == 1:
            return lambda grid, timesteps: self.network(grid, timesteps, edges, text, styles)
        edges, text, styles = (
            torch.cat([edges, edges]),
            torch.cat([no_text, text]),
            torch.cat([styles, styles]),
        )

        def denoise(grid: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
            both = self.network(
                torch.cat([grid, grid]), torch.cat([timesteps, timesteps]), edges, text, styles
            )
            without, with_text = both.float().chunk(2)
            return without + scale * (with_text - without)

        return denoise

"""The networks of EMIT-Diff from scratch: UNet, ControlNet and text encoder. Not here: training
(emitdiff_training.py), sampling (emitdiff_sampling.py)."""

import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from torch import nn

from baselines.scratch import diffusion, style
from baselines.scratch.settings import GeneratorSettings
from baselines.scratch.text_encoder import TextEncoder, Vocabulary


class EmitDiffNetwork(nn.Module):
    """UNet, ControlNet and text encoder of one generator: noisy grid + timestep + edge grid + text
    -> prediction.

    With style (style.py) it also keeps the statistics of its `slices` training slices, in their
    order.
    """

    positions: torch.Tensor
    styles: torch.Tensor
    style_scale: torch.Tensor

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
            # brightness and sharpness concern the whole image, and attention alone learns nothing
            # of them in a short training (docs/measurements.md).
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
        # There is none here, and starting aloud saves steps (docs/measurements.md).
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


def condition_grid(
    edges: torch.Tensor, masks: torch.Tensor, settings: GeneratorSettings
) -> torch.Tensor:
    """Grid of the edge maps, and of the masks if the network is shown them, both float32
    (B,1,S,S)."""
    shown = torch.cat([edges, masks], dim=1) if settings.mask_shown else edges
    return diffusion.to_grid(shown, settings.unshuffle)

"""The parts of a Stable Diffusion model with a ControlNet, loaded from safetensors; and the
prompts' embeddings. Not here: whether a folder is whole (model_folder.py), sampling, the training
loop."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers
from diffusers import AutoencoderKL, ControlNetModel, DDPMScheduler, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

from baselines.generators.loop import seeded
from baselines.generators.places import Places
from baselines.scratch.phrases import split_phrase
from baselines.scratch.text_encoder import STYLE
from baselines.stable import model_folder, weights
from benchmark.core.errors import InputError

# Weighted text of the release (Q12): its shares of prompt, phrase and style words.
_PROMPT, _PHRASE, _STYLE = 0.045, 0.005, 0.95


class Denoiser(nn.Module):
    """UNet and ControlNet: noisy latents + timestep + text + edge map -> prediction like the
    latents."""

    def __init__(self, unet: UNet2DConditionModel, control: ControlNetModel):
        super().__init__()
        self.unet, self.control = unet, control

    def split(self) -> None:
        """Takes the layers that see the edges out of the ControlNet, as `see`: edges (B,3,S,S) ->
        what `forward` then wants in their place. A sample needs it once, for all steps and both
        halves of guidance."""
        self.see, self.control.controlnet_cond_embedding = (
            self.control.controlnet_cond_embedding,
            nn.Identity(),
        )

    def forward(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        text: torch.Tensor,
        edges: torch.Tensor,
        control_scale: float = 1.0,
    ) -> torch.Tensor:
        """latents (B,4,H,W), timesteps (B,), text (B,L,width), edges (B,3,S,S) in [0,1] ->
        (B,4,H,W)."""
        down, middle = self.control(
            latents,
            timesteps,
            text,
            controlnet_cond=edges,
            conditioning_scale=control_scale,
            return_dict=False,
        )
        return self.unet(
            latents,
            timesteps,
            text,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
            return_dict=False,
        )[0]


@dataclass(frozen=True)
class Parts:
    """A loaded model. `schedule` holds the betas and what the UNet predicts."""

    tokenizer: CLIPTokenizer
    text_encoder: CLIPTextModel
    vae: AutoencoderKL
    denoiser: Denoiser
    schedule: DDPMScheduler

    @property
    def latent_factor(self) -> int:
        """Pixels per latent cell along one side."""
        return 2 ** (len(self.vae.config.block_out_channels) - 1)


def load_parts(places: Places, *folders: Path | None, seed: int = 0) -> Parts:
    """The model at `places`, float32, on the CPU, in eval mode.

    A UNet or ControlNet in one of `folders` (of a training, earlier ones win) takes the place of
    the base's own. Without any ControlNet, one is made as a copy of the UNet's encoder, its new
    layers drawn from `seed`. Raises InputError for weights that are not there or not whole.
    """
    transformers.utils.logging.disable_progress_bar()  # stages have a bar of their own
    base = weights.fetched("base", places.found["base"])
    model_folder.check_base(base)
    unet = _model(UNet2DConditionModel, _first("unet", *folders) or base / "unet")
    trained = _first("controlnet", *folders)
    if trained is not None:
        control = _model(ControlNetModel, trained)
    elif "controlnet" in places.found:
        folder = weights.fetched("controlnet", places.found["controlnet"])
        model_folder.check_controlnet(folder, base)
        control = _model(ControlNetModel, folder)
    else:
        control = seeded(lambda: ControlNetModel.from_unet(unet, conditioning_channels=3), seed)
    text_encoder = CLIPTextModel.from_pretrained(
        base / "text_encoder", use_safetensors=True, dtype=torch.float32
    )
    return Parts(
        tokenizer=CLIPTokenizer.from_pretrained(base / "tokenizer"),
        text_encoder=text_encoder.eval().requires_grad_(False),
        vae=_model(AutoencoderKL, base / "vae").requires_grad_(False),
        denoiser=Denoiser(unet, control).eval(),
        schedule=DDPMScheduler.from_pretrained(base / "scheduler"),
    )


def _first(part: str, *folders: Path | None) -> Path | None:
    return next(
        (folder / part for folder in folders if folder is not None and (folder / part).is_dir()),
        None,
    )


def _model(kind, folder: Path):
    model, loading = kind.from_pretrained(
        folder,
        use_safetensors=True,
        output_loading_info=True,
        low_cpu_mem_usage=False,
        torch_dtype=torch.float32,
    )
    if loading["missing_keys"] or loading.get("mismatched_keys"):
        lacking = sorted([*loading["missing_keys"], *map(str, loading.get("mismatched_keys", ()))])
        raise InputError(
            f"{folder}: {len(lacking)} of the weights of {kind.__name__} are missing or of another"
            f" shape (first:"
            f" {lacking[0]}); give a whole folder of one model."
        )
    return model.eval()


# --- text


@torch.no_grad()
def encode(parts: Parts, texts: Sequence[str]) -> torch.Tensor:
    """Embeddings (P, L, width) of `texts`, on the text encoder's device, each padded to the
    tokenizer's length L.

    Raises InputError for a text of more tokens than CLIP reads.
    """
    limit = parts.tokenizer.model_max_length
    for text in texts:
        count = len(parts.tokenizer(text, truncation=False, verbose=False).input_ids)
        if count > limit:
            raise InputError(
                f"prompt '{text}' has {count} tokens; CLIP reads {limit}, start and end included;"
                f" shorten it."
            )
    tokens = parts.tokenizer(
        list(texts), padding="max_length", max_length=limit, return_tensors="pt"
    ).input_ids
    return parts.text_encoder(tokens.to(parts.text_encoder.device)).last_hidden_state


def embed(
    parts: Parts, prompts: Sequence[str], text_mix: str, suffix: str = ""
) -> dict[str, torch.Tensor]:
    """Embedding (L, width) of every distinct prompt, encoded once.

    text_mix "weighted" is the mix of Q12; suffix: words after the prompt, in the mix after its
    triplet (Q39).
    """
    distinct = list(dict.fromkeys(prompts))
    end = f", {suffix}" if suffix else ""
    if text_mix == "plain":
        texts = [prompt + end for prompt in distinct]
        return dict(zip(distinct, encode(parts, texts), strict=True))
    split = [
        (triplet + end, phrase) for triplet, phrase in (split_phrase(prompt) for prompt in distinct)
    ]
    texts = list(dict.fromkeys([STYLE, *(text for pair in split for text in pair)]))
    coded = dict(zip(texts, encode(parts, texts), strict=True))
    return {
        prompt: _PROMPT * coded[triplet] + _PHRASE * coded[phrase] + _STYLE * coded[STYLE]
        for prompt, (triplet, phrase) in zip(distinct, split, strict=True)
    }

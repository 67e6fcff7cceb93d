"""Photos of a batch laid over or patched into each other, with both classes as the answer. Imports torch."""

import torch
from torchvision.transforms.v2 import CutMix, MixUp


def blend(pixels: torch.Tensor, wanted: torch.Tensor, mixup: float, cutmix: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Each photo with the one before it in the batch: laid over each other, or a piece of one put into the other.

    One share, one piece per batch; where both are on, either is done to half of the batches. Torch's generator of the
    processor decides: `torch.manual_seed` before the call makes the outcome repeatable, on every device.

    Args:
        pixels: Levels in [0, 255] or normalised, uint8 or float32 (batch, 3, height, width), on any device.
        wanted: float32 (batch, classes), each row adding up to 1; on the same device.
        mixup: Of the beta distribution from which the share is drawn, in [0, 1]: the higher, the more even; 0 is off.
        cutmix: The same for the share of the piece.

    Returns:
        Pixels float32 and what is wanted of them; a batch of one photo, or with both off, just as it came.

    Source: mixup: Zhang et al. 2017, arXiv 1710.09412; CutMix: Yun et al. 2019, arXiv 1905.04899.
    """
    blends = [kind(alpha=alpha) for kind, alpha in ((MixUp, mixup), (CutMix, cutmix)) if alpha]
    if not blends or len(pixels) < 2:
        return pixels, wanted
    chosen = blends[int(torch.randint(len(blends), ()))]
    return chosen(pixels.float(), wanted)

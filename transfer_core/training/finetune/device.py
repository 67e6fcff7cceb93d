"""Where the backbone learns: a graphics card or the processor, and with which arithmetic. Imports torch."""

from collections.abc import Callable

import torch


def choose_device() -> str:
    """ "cuda", "mps" (Apple) or "cpu": the fastest that this machine has."""
    return next(name for name in ("cuda", "mps", "cpu") if is_available(name))


def is_available(device: str) -> bool:
    checks: dict[str, Callable[[], bool]] = {
        "cpu": lambda: True,
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
    }
    return device in checks and checks[device]()


def choose_precision(device: str) -> str:
    """bfloat16 on graphics cards that have it; processors are slower with it on some networks (0.6 times)."""
    return "bfloat16" if device == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False) else "float32"


def make_deterministic(threads: int) -> None:
    """Makes torch give the same numbers whenever it is asked the same."""
    torch.set_num_threads(threads)
    # Full float32: a shortened format would make results differ between graphics cards.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory was lacking, of the graphics card or of the machine."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    said = str(error).lower()  # the processor's allocator, MPS and cuDNN have no class of their own for it
    return isinstance(error, RuntimeError) and any(
        sign in said for sign in ("can't allocate memory", "not enough memory", "out of memory", "alloc_failed")
    )


def free_memory(device: str) -> None:
    """Gives back what torch keeps for later, after a failed attempt."""
    if device == "cuda":
        torch.cuda.empty_cache()
    elif device == "mps":
        torch.mps.empty_cache()

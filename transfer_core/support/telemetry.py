"""Keeps other packages from telling their makers about this machine. Imports nothing heavy."""

import os

# Each package looks at its variable when it is imported; `transfer_core/__init__.py` sets them before anything else is,
# and every process that we start inherits them. docs/decisions/nothing-leaves.md says what would be sent otherwise.
SETTINGS = {
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime; turning it off by a call, after the import, does not stop it
    "HF_HUB_DISABLE_TELEMETRY": "1",  # huggingface_hub: versions and surroundings, told with every download
    "HF_HUB_DISABLE_XET": "1",  # its other way to download: writes outside our folder, cannot go on where it was
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",  # also stands in .streamlit/config.toml, which this outdoes
    "DO_NOT_TRACK": "1",  # a wish that many packages respect, such as those that these bring along later
}


def switch_off() -> None:
    """Sets the variables, also where somebody has set them otherwise: that nothing is sent is a promise."""
    os.environ.update(SETTINGS)

"""python predict.py PHOTO ...   (needs: pip install onnxruntime pillow)"""

import json, sys
from pathlib import Path
import numpy as np, onnxruntime
from PIL import Image, ImageOps

here = Path(__file__).parent
class_names = json.loads((here / "class_names.json").read_text("utf-8"))
model = onnxruntime.InferenceSession(str(here / "model.onnx"))
for name in sys.argv[1:]:
    photo = ImageOps.exif_transpose(Image.open(name))
    if photo.mode.startswith("I"): photo = Image.fromarray((np.asarray(photo) / 257).round().astype("uint8"))
    photo = Image.alpha_composite(Image.new("RGBA", photo.size, "white"), photo.convert("RGBA")).convert("RGB")
    confidences = model.run(["confidences"], {"photo": np.asarray(photo)[None]})[0][0]
    best = confidences.argmax()
    print(f"{name}\t{class_names[best]}\t{confidences[best]:.6f}")

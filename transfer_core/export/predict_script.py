"""python predict.py PHOTO ...   (needs: pip install onnxruntime pillow; save HEIC photos as JPEG before)"""

import json, pathlib, sys
import numpy as np, onnxruntime
from PIL import Image, ImageOps

here = pathlib.Path(__file__).parent
class_names = json.loads((here / "class_names.json").read_text("utf-8"))
model = onnxruntime.InferenceSession(str(here / "model.onnx"))
for name in sys.argv[1:]:
    photo = Image.open(name)
    ImageOps.exif_transpose(photo, in_place=True)
    if photo.mode[0] in "IF":  # grey of more than 8 bits: what is white?
        white = 65535 if photo.format == "PNG" else min(w for w in (1, 255, 4095, 65535) if w >= np.max(photo))
        photo = Image.fromarray((np.asarray(photo) * (255 / white)).round().astype("uint8"))
    photo = Image.alpha_composite(Image.new("RGBA", photo.size, "white"), photo.convert("RGBA")).convert("RGB")
    confidences = model.run(["confidences"], {"photo": np.asarray(photo)[None]})[0][0]
    print(f"{name}\t{class_names[confidences.argmax()]}\t{confidences.max():.6f}")

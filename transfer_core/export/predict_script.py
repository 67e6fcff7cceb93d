"""python predict.py PHOTO ...   (needs: pip install onnxruntime pillow; save HEIC photos as JPEG before)"""

import json, pathlib, sys, numpy as np, onnxruntime
from PIL import Image, ImageOps

class_names = json.loads(pathlib.Path(__file__).with_name("class_names.json").read_text("utf-8"))
model = onnxruntime.InferenceSession(str(pathlib.Path(__file__).with_name("model.onnx")))
for name in sys.argv[1:]:
    photo = Image.open(name)
    ImageOps.exif_transpose(photo, in_place=True)
    if photo.mode[0] in "IF":  # grey of more than 8 bits: what is black, what is white?
        low, high = float(np.min(photo)), float(np.max(photo))
        scales = [65535] if photo.format == "PNG" else [w for w in (1, 255, 4095, 65535) if low >= 0 and high <= w]
        low, high = (0, scales[0]) if scales else (low, max(high, low + 1))
        photo = Image.fromarray(((np.asarray(photo) - low) * (255 / (high - low))).round().astype("uint8"))
    photo = Image.alpha_composite(Image.new("RGBA", photo.size, "white"), photo.convert("RGBA")).convert("RGB")
    confidences = model.run(["confidences"], {"photo": np.asarray(photo)[None]})[0][0]
    print(f"{name}\t{class_names[confidences.argmax()]}\t{confidences.max():.6f}")

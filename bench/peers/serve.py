"""The network of a model that was exported as safetensors, behind FastAPI and uvicorn: python serve.py EXPORT THREADS [cuda]

Prints {"url"} when it listens; ends when its standard input does. POST /v1/predict takes a clip as multipart/form-data.
"""

import json
import os
import socket
import struct
import sys
import threading
import time
from pathlib import Path

import av
import numpy as np
import torch
import uvicorn
from fastapi import FastAPI, UploadFile
from pydantic import BaseModel
from torch import nn

from resnet import resnet18

EXPORT, THREADS = Path(sys.argv[1]), int(sys.argv[2])
DEVICE = "cuda" if "cuda" in sys.argv[3:] else "cpu"
CROP = 224

manifest = json.loads((EXPORT / "modalmix-model.json").read_text())
preprocessing = manifest["preprocessing"]
sound_of = preprocessing["extraction"]["audio"]
pictures_of = preprocessing["extraction"]["video"]
scales = {
    name: [torch.tensor(scale[part], dtype=torch.float32) for part in ("mean", "std")]
    for name, scale in preprocessing["normalisation"].items()
}
window = torch.hann_window(sound_of["nFft"])
# Each request is a thread; of two networks at once each would want all cores.
turn = threading.Lock()


def read_safetensors(path):
    data = path.read_bytes()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    return {
        name: torch.from_numpy(
            np.frombuffer(data[start + of["data_offsets"][0] : start + of["data_offsets"][1]], np.float32)
            .reshape(of["shape"])
            .copy()
        )
        for name, of in header.items()
    }


def load():
    tensors = read_safetensors(EXPORT / "model.safetensors")
    encoders = {}
    for name in manifest["modalities"]:
        own = {key[len(name) + 1 :]: value for key, value in tensors.items() if key.startswith(f"{name}.")}
        width, channels = own["conv1.weight"].shape[:2]
        encoder = resnet18(channels, width)
        missing, unexpected = encoder.load_state_dict(own, strict=False)
        if unexpected or not all(key.endswith("num_batches_tracked") for key in missing):
            raise SystemExit(f"{name}: {missing} are missing, {unexpected} are too much")
        encoders[name] = encoder.eval().to(DEVICE, memory_format=torch.channels_last)
    weight, bias = tensors["fusion.classifier.weight"], tensors["fusion.classifier.bias"]
    head = nn.Linear(weight.shape[1], weight.shape[0])
    head.load_state_dict({"weight": weight, "bias": bias})
    return encoders, head.eval().to(DEVICE)


torch.set_num_threads(THREADS)
encoders, head = load()


def extract(file):
    """A log spectrogram [frequencies, times] and frames [frames, height, width, 3] of a clip."""
    frames, side = pictures_of["frames"], pictures_of["shortSide"]
    rate, samples = sound_of["sampleRateHz"], int(sound_of["sampleRateHz"] * sound_of["durationS"])
    pictures, sound, seen = [], [], 0
    resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
    with av.open(file, mode="r") as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        video.thread_type = "AUTO"
        shorter = min(video.width, video.height)
        size = {"width": video.width * side // shorter, "height": video.height * side // shorter}
        wanted = [int((k + 0.5) * video.frames / frames) for k in range(frames)]
        for frame in container.decode(video, audio):
            if isinstance(frame, av.VideoFrame):
                pictures += [frame.to_ndarray(format="rgb24", **size)] * wanted.count(seen)
                seen += 1
            else:
                sound += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
        sound += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
    waveform = np.zeros(samples, np.float32)
    heard = np.concatenate(sound)[:samples]
    waveform[: len(heard)] = heard
    spectrum = torch.stft(
        torch.from_numpy(waveform),
        sound_of["nFft"],
        sound_of["hop"],
        window=window,
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    return torch.log(spectrum.abs() + 1e-7), torch.from_numpy(np.stack(pictures))


@torch.inference_mode()
def judge(audio, rgb):
    """Probabilities of a clip's classes."""
    top, left = ((size - CROP) // 2 for size in rgb.shape[1:3])
    square = rgb[:, top : top + CROP, left : left + CROP].float()
    images = {
        "audio": audio[None, :, :, None],
        "rgb": square,
    }
    with turn:
        features = []
        for name in manifest["modalities"]:
            mean, std = scales[name]
            # Its memory is channels last already.
            image = ((images[name] - mean) / std).permute(0, 3, 1, 2).to(DEVICE)
            features.append(encoders[name](image).mean(0, keepdim=True))
        return torch.softmax(head(torch.cat(features, 1)), 1)[0].tolist()


app = FastAPI()


@app.post("/v1/predict")
def predict(clip: UploadFile):
    probabilities = judge(*extract(clip.file))
    best = probabilities.index(max(probabilities))
    return {"clip": clip.filename, "predicted": manifest["classNames"][best], "probabilities": probabilities}


class Extracted(BaseModel):
    """Files of numbers as they lie in memory: float32 and bytes."""

    audio: str
    audioShape: list[int]
    rgb: str
    rgbShape: list[int]


@app.post("/judge")
def judge_extracted(clip: Extracted):
    """Of features that another extracted; how long the network alone takes, milliseconds."""
    audio = torch.from_numpy(np.fromfile(clip.audio, np.float32).reshape(clip.audioShape))
    rgb = torch.from_numpy(np.fromfile(clip.rgb, np.uint8).reshape(clip.rgbShape))
    started = time.perf_counter()
    probabilities = judge(audio, rgb)
    return {"probabilities": probabilities, "ms": (time.perf_counter() - started) * 1e3}


def end_with_parent():
    sys.stdin.read()
    os._exit(0)


def main():
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(512)
    threading.Thread(target=end_with_parent, daemon=True).start()
    print(json.dumps({"url": f"http://127.0.0.1:{listening.getsockname()[1]}"}), flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listening])


main()

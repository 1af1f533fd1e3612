"""The usual Python way from clips to features: every frame through OpenCV and one a second kept as JPEG, sound to
WAV by ffmpeg, spectrogram by librosa. Reads one JSON task a line, answers each with {"seconds": …}.

The pool's processes live across tasks, have their libraries loaded and have run librosa once before the first answer.
"""
import json
import multiprocessing
import os
import subprocess
import sys
import time

import cv2
import librosa
import numpy as np

RATE_HZ, SECONDS, N_FFT, HOP, KEPT_PER_S = 22050, 3, 512, 353, 1


def spectrogram(samples):
    length = RATE_HZ * SECONDS
    tiled = np.tile(samples, 1 + length // max(1, len(samples)))[:length]
    stft = librosa.stft(np.clip(tiled, -1.0, 1.0), n_fft=N_FFT, hop_length=HOP)
    return np.log(np.abs(stft) + 1e-7)


def warm_up(_):
    spectrogram(np.zeros(RATE_HZ, dtype=np.float32))
    return os.getpid()


def extract(task):
    clip, folder, wav_folder, makes_wav = task
    name = os.path.splitext(os.path.basename(clip))[0]
    capture = cv2.VideoCapture(clip)
    fps = capture.get(cv2.CAP_PROP_FPS)
    n = 0
    while True:
        there, frame = capture.read()
        if not there:
            break
        if n % max(1, round(fps / KEPT_PER_S)) == 0:
            cv2.imwrite(os.path.join(folder, f"{name}-{n}.jpg"), frame)
        n += 1
    capture.release()
    wav = os.path.join(wav_folder, f"{name}.wav")
    if makes_wav:
        command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", clip, "-ac", "1", "-ar", str(RATE_HZ), wav]
        subprocess.run(command, check=True)
    samples, _ = librosa.load(wav, sr=RATE_HZ)
    np.save(os.path.join(folder, f"{name}.npy"), spectrogram(samples).astype(np.float16))
    return n


def main():
    workers = int(sys.argv[1])
    cv2.setNumThreads(1)
    with multiprocessing.Pool(workers) as pool:
        pool.map(warm_up, range(4 * workers), chunksize=1)
        print(json.dumps({"ready": True}), flush=True)
        for line in sys.stdin:
            task = json.loads(line)
            os.makedirs(task["folder"], exist_ok=True)
            os.makedirs(task["wavFolder"], exist_ok=True)
            work = [(clip, task["folder"], task["wavFolder"], task["makesWav"]) for clip in task["clips"]]
            begin = time.perf_counter()
            frames = pool.map(extract, work, chunksize=1)
            seconds = time.perf_counter() - begin
            print(json.dumps({"seconds": seconds, "frames": sum(frames)}), flush=True)


if __name__ == "__main__":
    main()

"""Reference values for the encoders beside ResNet-18. See README.md beside this file."""
import json
import math
import struct
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

HERE = Path(__file__).parent
WIDTH = 2
torch.set_default_dtype(torch.float64)
torch.manual_seed(11)


def write_safetensors(name, tensors):
    header, data, at = {"__metadata__": {}}, [], 0
    for key, value in tensors.items():
        array = value.detach().float().contiguous().numpy()
        header[key] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        data.append(array.tobytes())
        at += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (HERE / f"{name}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data))


def f32(tensor):
    """What our side reads back: the float32 value, computed on in double."""
    return tensor.float().double()


def nhwc(pictures):
    return pictures.permute(0, 2, 3, 1)


def ours(tensor):
    return tensor.permute(2, 3, 1, 0) if tensor.dim() == 4 else tensor


def shortcut(cin, cout, stride):
    if stride == 1 and cin == cout:
        return None
    return nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))


class Basic(nn.Module):
    expansion, last_norm = 1, "bn2"

    def __init__(self, cin, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = shortcut(cin, width, stride)

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    expansion, last_norm = 4, "bn3"

    def __init__(self, cin, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = shortcut(cin, 4 * width, stride)

    def forward(self, x):
        y = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self, block, counts):
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTH, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTH)
        cin = WIDTH
        for stage, count in enumerate(counts):
            width, blocks = WIDTH * 2**stage, []
            for index in range(count):
                blocks.append(block(cin, width, 2 if stage > 0 and index == 0 else 1))
                cin = width * block.expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3))


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        sizes = [(5, 3, WIDTH), (3, WIDTH, 2 * WIDTH), (3, 2 * WIDTH, 4 * WIDTH), (3, 4 * WIDTH, 8 * WIDTH)]
        for number, (size, cin, cout) in enumerate(sizes, 1):
            setattr(self, f"conv{number}", nn.Conv2d(cin, cout, size, 2, size // 2, bias=False))
            setattr(self, f"bn{number}", nn.BatchNorm2d(cout))

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for number in (2, 3, 4):
            x = F.relu(getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(x)))
        return x.mean((2, 3))


def randomise(net):
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if name.endswith("num_batches_tracked"):
                continue
            if value.dim() == 4:
                fan = value.shape[0] * value.shape[2] * value.shape[3]
                value.copy_(f32(torch.randn_like(value) * math.sqrt(2 / fan)))
            elif name.endswith("running_var"):
                value.copy_(f32(0.5 + torch.rand_like(value)))
            elif name.endswith("weight"):
                value.copy_(f32(1 + 0.2 * torch.randn_like(value)))
            else:
                value.copy_(f32(0.2 * torch.randn_like(value)))
        # Else rounding alone moves the gradients of so deep a network by 1e-3 (PyTorch's float32 against its double).
        for block in net.modules():
            if isinstance(block, (Basic, Bottleneck)):
                getattr(block, block.last_norm).weight.mul_(0.25)


def state_of(net):
    return {
        f"rgb.{name}": ours(value.clone())
        for name, value in net.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }


def make(name, net, side):
    randomise(net)
    x = f32(torch.randn(3, 3, side, side - 7))
    tensors = {"x": nhwc(x)}
    tensors.update({f"before/{k}": v for k, v in state_of(net).items()})
    net.eval()
    tensors["eval"] = net(x)
    net.train()
    features = net(x)
    direction = f32(torch.randn_like(features))
    (features * direction).sum().backward()
    tensors.update({"direction": direction, "train": features})
    tensors.update({f"after/{k}": v for k, v in state_of(net).items() if "running" in k})
    tensors.update({f"gradient/rgb.{k}": ours(p.grad) for k, p in net.named_parameters()})
    write_safetensors(name, tensors)


make("resnet-34", ResNet(Basic, [3, 4, 6, 3]), 45)
make("resnet-50", ResNet(Bottleneck, [3, 4, 6, 3]), 45)
make("cnn", Cnn(), 72)

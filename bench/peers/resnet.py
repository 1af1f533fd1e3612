"""ResNet-18 (He et al., CVPR 2016) with torchvision's names and no classifier: [N, C, H, W] -> [N, 8 * width]."""

from collections import OrderedDict

from torch import nn


class Block(nn.Module):
    def __init__(self, before, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride > 1 or before != width:
            self.downsample = nn.Sequential(
                nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + shortcut)


def resnet18(channels, width=64):
    layers = OrderedDict(
        conv1=nn.Conv2d(channels, width, 7, 2, 3, bias=False),
        bn1=nn.BatchNorm2d(width),
        relu=nn.ReLU(inplace=True),
        maxpool=nn.MaxPool2d(3, 2, 1),
    )
    before = width
    for stage in range(4):
        after = width * 2**stage
        layers[f"layer{stage + 1}"] = nn.Sequential(
            Block(before, after, 1 if stage == 0 else 2), Block(after, after, 1)
        )
        before = after
    return nn.Sequential(layers | OrderedDict(avgpool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten()))

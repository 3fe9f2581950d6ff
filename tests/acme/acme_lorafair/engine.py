"""An engine that answers one request after another with transformers and PEFT."""

from lorafair.engines.contract import Engine


class AcmeEngine(Engine):
    """Log-likelihoods and greedy texts; it refuses full checkpoints."""

    name = "acme_engine"
    distributions = ("acme-lorafair",)

    @classmethod
    def refuse(cls, base, checkpoint):
        """Acme serves adapters."""
        return "Acme serves adapters only" if checkpoint.kind == "full" else None

    def ask(self, requests):
        """Each request with its answer."""
        import torch
        from peft import PeftModel
        from transformers import AutoModelForCausalLM

        for label in sorted({request.checkpoint for request in requests}):
            model = AutoModelForCausalLM.from_pretrained(self.base.path, dtype=getattr(torch, self.settings.dtype))
            if self.checkpoints[label].kind == "adapter":
                model = PeftModel.from_pretrained(model, self.checkpoints[label].path)
            model.eval()
            for request in requests:
                if request.checkpoint == label:
                    with torch.inference_mode():
                        yield request, self.answer(model, request)

    def answer(self, model, request):
        """[nats, greedy] of a continuation, or the greedy text."""
        import torch

        context, what = request.arguments
        if request.kind == "loglikelihood":
            head, tail = self.encode_pair(context, what)
            logits = model(input_ids=torch.tensor([head + tail])).logits[0, len(head) - 1 : -1].float()
            chosen = logits.log_softmax(-1).gather(1, torch.tensor(tail)[:, None])
            return [chosen.sum().item(), logits.argmax(-1).tolist() == tail]
        _, until, length = self.generation_settings(what)
        head = torch.tensor([self.tok_encode(context)])
        whole = model.generate(head, do_sample=False, max_new_tokens=length, pad_token_id=self.eot_token_id)
        text = self.tokenizer.decode(whole[0, head.shape[1] :])
        for stop in until:
            text = text.split(stop)[0]
        return text

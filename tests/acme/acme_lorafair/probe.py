"""A probe that borrows the model: how surprised is it by each text, per token."""


def acme_surprise(engine, checkpoint, documents):
    """Mean negative log-probability of the tokens of ``text``, in nats."""
    import torch

    with engine.lend(checkpoint) as model, torch.inference_mode():
        for document in documents:
            ids = torch.tensor([engine.tok_encode(document["text"])])
            yield {"id": document["id"], "surprise": model(input_ids=ids, labels=ids).loss.item()}

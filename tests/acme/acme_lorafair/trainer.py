"""A trainer of one step per pair."""


def acme_sgd(base, data, method, out, *, lr, seed, max_length, **settings):
    """One step of gradient descent on each pair, in the data's order."""
    import torch
    from peft import get_peft_model

    torch.manual_seed(seed)
    model = base.fresh() if method is None else get_peft_model(base.fresh(), method)
    optimizer = torch.optim.SGD([weight for weight in model.parameters() if weight.requires_grad], lr=lr)
    for pair in data.tokenise(base.tokenizer, max_length).examples:
        model(input_ids=torch.tensor([pair["input_ids"]]), labels=torch.tensor([pair["labels"]])).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(out / "acme")
    return out / "acme"

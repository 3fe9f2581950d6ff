"""A method without a rank: (IA)^3 (Liu et al. 2022)."""


def acme_ia3(**settings):
    """Scales the keys, values and feed-forward activations; has no rank to sweep."""
    from peft import IA3Config

    modules = {"target_modules": ["k_proj", "v_proj", "down_proj"], "feedforward_modules": ["down_proj"]}
    return IA3Config(task_type="CAUSAL_LM", **modules)

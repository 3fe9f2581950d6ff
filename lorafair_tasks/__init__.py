"""LoRAFair's tasks in lm-evaluation-harness's dialect: YAML, a class or hooks, and a README for each.

``python -m lorafair_tasks`` prints this folder, for ``lm_eval --include_path "$(python -m lorafair_tasks)"``.
"""

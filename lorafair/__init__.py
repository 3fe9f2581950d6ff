"""LoRAFair: is a fine-tuned model less fair than its base, and how sure are we?"""

__version__ = "0.1.0"

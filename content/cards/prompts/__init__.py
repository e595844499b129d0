"""The prompts: templates in files, and what fills them."""

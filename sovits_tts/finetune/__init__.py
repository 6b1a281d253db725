"""A minute of recordings into a fine-tuned voice: the flow and its steps. `flow.finetune` is the entry."""

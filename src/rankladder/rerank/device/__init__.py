"""The shared parts of every engine on torch: a device, its number formats, its memory, and batches that fit into it."""

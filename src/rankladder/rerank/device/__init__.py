"""What every engine on torch stands on: a device, its number formats, its memory, and batches that fit into it."""

"""Files beside the weights that change what is computed: an adapter, a processor of other inputs."""

from __future__ import annotations

from pathlib import Path

from rankladder.checkpoint.jsonfile import Section
from rankladder.checkpoint.tensorfile import INDEX, WEIGHTS
from rankladder.errors import BadConfig

ADAPTER = "adapter_config.json"
UNMERGED = ("PROMPT_TUNING", "PREFIX_TUNING", "P_TUNING", "MULTITASK_PROMPT_TUNING", "ADAPTION_PROMPT", "CPT")
"""Kinds of adapters that add inputs or layers: the library peft merges none of them. Source: PeftType of peft."""
PROCESSORS = ("processor_config.json", "preprocessor_config.json", "video_preprocessor_config.json")


def check_beside(folder: Path) -> None:
    """Refuses a folder with an adapter, which transformers adds to the weights, or with a processor: BadConfig."""
    if (folder / ADAPTER).is_file():
        whole = (folder / WEIGHTS).is_file() or (folder / INDEX).is_file()
        kind = Section.read(folder / ADAPTER).value("peft_type")
        where = "beside the weights, and it changes them" if whole else "without its base model"
        raise BadConfig(
            f"{folder / ADAPTER}: expected a whole model, found an adapter {where}",
            hint=f"weights cannot take in an adapter of the kind {kind}: use a checkpoint that is whole without one"
            if kind in UNMERGED
            else "merge it into the weights and save those: "
            "model.merge_and_unload().save_pretrained(FOLDER), with the library peft",
        )
    for name in PROCESSORS:
        if (folder / name).is_file():
            expect_no_processor(Section.read(folder / name))


def expect_no_processor(config: Section) -> None:
    """Refuses a config that names a processor: transformers would read texts with that, not with the tokenizer."""
    config.expect("processor_class", None, why="a processor would read the texts; only a tokenizer is implemented")

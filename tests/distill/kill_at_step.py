"""Run as a script: stages of a distillation, and a kill at a training step (0: none).

python kill_at_step.py RECIPE INTO STEP STAGE...
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch

from rankladder.distill.pipeline import Distillation
from rankladder.distill.train import trainer
from rankladder.progress import Progress


def main() -> None:
    recipe, into, kill_at, stages = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
    torch.set_num_threads(1)
    watching = trainer.watching

    def deadly(*arguments: Any, **options: Any) -> Any:
        made = watching(*arguments, **options)
        step_end = made.on_step_end

        def on_step_end(args: Any, state: Any, control: Any, **rest: Any) -> None:
            if state.global_step == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            step_end(args, state, control, **rest)

        made.on_step_end = on_step_end
        return made

    trainer.watching = deadly
    for stage in stages:
        Distillation(
            recipe,
            into,
            data=recipe.parent,
            only=stage,
            say=lambda line: print(line, file=sys.stderr),
            watch=Progress,
        ).run()


if __name__ == "__main__":
    main()

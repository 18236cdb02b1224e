"""The whole distillation: each stage is made where it is missing, or asked for by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from rankladder.distill.data.mining import mine, mine_depends
from rankladder.distill.data.overlap import Overlap, overlaps_of
from rankladder.distill.data.questions import check_questions, questions_of
from rankladder.distill.data.training_rows import asked_in_training
from rankladder.distill.label.ensemble import joined
from rankladder.distill.label.labelling import Watch, label, label_depends
from rankladder.distill.label.sampling import sample, sample_depends
from rankladder.distill.label.teachers import KnownDigests
from rankladder.distill.manifests import stage_held
from rankladder.distill.plan.needed_models import needed_models, start_is_here
from rankladder.distill.plan.preflight import check_embedder, check_folders, check_judged, check_models, check_training
from rankladder.distill.recipe.file import read_recipe, with_data_folder
from rankladder.distill.result.card import sources
from rankladder.distill.result.evaluating import Measured, measure, need_measured
from rankladder.distill.result.exporting import export
from rankladder.distill.stage import Made, need_made
from rankladder.distill.train.log import without_library_bars
from rankladder.distill.train.run_folder import Trained, has_settings_of, need_trained, trained_as
from rankladder.distill.train.training import is_leader, train
from rankladder.drawing.plots import distribution
from rankladder.errors import BadOption, WorkerFailed
from rankladder.rerank.engine import need
from rankladder.storage import whole_file

StageName = Literal["mine", "label", "sample", "train", "evaluate", "export"]
STAGES: tuple[StageName, ...] = ("mine", "label", "sample", "train", "evaluate", "export")


class Distillation:
    """A recipe and the folder where its stages lie.

    Args:
        path: The recipe's file.
        into: The folder of the stages.
        data: The folder that the recipe's paths are relative to.
        only: The one stage to make; those before it must be there, made with this recipe. None makes what is missing.
        processes: Processes that score and train on this machine.
        ray: The address of a Ray cluster that scores pairs.
        say: Is told, in a line, what was found and what is made.
        watch: Opens a progress bar.

    Raises what reading the recipe raises; PathMissing for data that is not there; BadOption for an option that the
    stage asked for does not use; BadInput for a folder where the stages cannot lie, and for judged sets of one name.
    """

    def __init__(
        self,
        path: Path,
        into: Path | None,
        *,
        data: Path,
        only: StageName | None = None,
        processes: int = 1,
        ray: str | None = None,
        say: Callable[[str], object],
        watch: Watch,
    ) -> None:
        for module in ("msgspec", "pyarrow", "datasketch"):
            need(module, extra="distill")
        if "WORLD_SIZE" in os.environ and only != "train":
            raise BadOption("torchrun starts the training alone", hint="torchrun -m rankladder distill train RECIPE")
        if ray is not None and only not in {None, "label"}:
            raise BadOption(f"--ray: a Ray cluster scores pairs; {only} does not run on it")
        if processes > 1 and only not in {None, "label", "train"}:
            raise BadOption(f"--processes: label and train run in several processes; {only} does not")
        self.path, self.data = path, data
        self.written = read_recipe(path)
        self.recipe = with_data_folder(self.written, data)
        self.into = Path(self.written.name) if into is None else into
        check_judged(self.recipe)
        check_folders(self.recipe, self.into)
        self.only, self.processes, self.ray, self.say, self.watch = only, processes, ray, say, watch

    def run(self) -> Made | Trained | Measured | Path | None:
        """Makes the stage asked for, or everything that is missing, and gives what was made last."""
        if self.only == "mine":
            check_embedder(self.recipe, self.into)
        if self.only in {"mine", "label", "sample"}:
            return self._last()  # without torch
        for module in ("torch", "sentence_transformers", "datasets", "accelerate"):
            need(module, extra="train")
        for one in needed_models(self.recipe) if self.only is None else ():
            if one.here is False:
                self.say(f"{one} is not on this machine and is fetched now")
        if self.only in {None, "train"} and not has_settings_of(self.recipe, self.into):
            if self.only == "train" and not start_is_here(self.recipe.train):
                self.say(f"train: {self.recipe.train.start} is not on this machine and is fetched now")
            check_training(self.recipe, processes=int(os.environ.get("WORLD_SIZE", self.processes)))
        with without_library_bars():
            if self.only is None:
                check_models(self.recipe, self.into, ray=self.ray)
            return self._last()

    def _last(self) -> Made | Trained | Measured | Path | None:
        match self.only:
            case "mine":
                return self.mined
            case "label":
                return self.labelled
            case "sample":
                return self.sampled
            case "train":
                return self.trained
            case "evaluate":
                return self.measured
        return self.exported

    @cached_property
    def mined(self) -> Made | None:
        """Candidates; None where the data was scored by somebody else. Judged queries among the questions are refused
        before anything is made.
        """
        asked = questions_of(self.recipe)
        if not asked:
            self._said_nothing("mine")
            return None
        check_questions(self.recipe, asked)
        if not self._makes("mine"):
            settings, inputs = mine_depends(self.recipe, asked)
            return need_made(self.into / "mine", settings=settings, inputs=inputs)
        questions = [question for row in asked.values() for question in row]
        overlaps_of(self.recipe, (question.text for question in questions), say=self.say)
        with self.watch("mining", len(questions), "queries") as bar:
            return mine(self.recipe, self.into, say=self.say, each=bar.add)

    @cached_property
    def labelled(self) -> Made | None:
        """Teachers' scores of the candidates."""
        mined = self.mined
        if mined is None:
            self._said_nothing("label")
            return None
        assert self.recipe.label is not None  # read_recipe has seen to it
        if not self._makes("label"):
            known = KnownDigests(self.into / "label" / "teachers.json")
            digests = known.now(teacher.model for teacher in self.recipe.label.teachers)
            settings, inputs = label_depends(self.recipe, mined, digests)
            return joined(need_made(self.into / "label", settings=settings, inputs=inputs), self.recipe)
        return label(
            self.recipe, self.into, mined, say=self.say, watch=self.watch, processes=self.processes, ray=self.ray
        )

    @cached_property
    def sampled(self) -> Made | None:
        """What is trained on, its distribution of scores shown and drawn."""
        labelled = self.labelled
        if labelled is None:
            self._said_nothing("sample")
            return None
        if not self._makes("sample"):
            settings, inputs = sample_depends(self.recipe, labelled)
            return need_made(self.into / "sample", settings=settings, inputs=inputs)
        made = sample(self.recipe, self.into, labelled, say=self.say)
        self._show_scores(made)
        return made

    @cached_property
    def trained(self) -> Trained:
        """The student, trained in this process, or by ``torchrun`` in several."""
        sampled = self.sampled
        if not self._makes("train"):
            return need_trained(self.recipe, self.into, sampled)
        if self.processes == 1 or "WORLD_SIZE" in os.environ:
            with self._alone("train") if is_leader() else nullcontext():
                return train(self.recipe, self.into, sampled, say=self.say)
        if (done := trained_as(self.recipe, self.into, sampled)) is not None:
            return done
        self._torchrun()
        return need_trained(self.recipe, self.into, sampled)

    @cached_property
    def measured(self) -> Measured:
        """The student's figures."""
        trained = self.trained
        if not self._makes("evaluate"):
            return need_measured(self.recipe, self.into, trained)
        need("ir_measures", extra="evaluate")
        joined = self.labelled.facts["ensemble"] if self.labelled is not None else None

        def overlaps() -> Sequence[Overlap]:
            return overlaps_of(self.recipe, asked_in_training(self.recipe, self.into), say=self.say)

        with self._alone("evaluate"):
            return measure(self.recipe, self.into, trained, joined, overlaps, say=self.say)

    @cached_property
    def exported(self) -> Path:
        """The folder of the finished checkpoint."""
        trained, measured, provenance = self.trained, self.measured, self._provenance()
        with self._alone("export"):
            return export(self.written, self.into, trained, measured, provenance, say=self.say)

    def _alone(self, stage: StageName) -> AbstractContextManager[None]:
        """The stage, nobody else's meanwhile; the lock lies beside its folder, which may be removed."""
        return stage_held(self.into / stage, self.into / f"{stage}.lock")

    def _makes(self, stage: StageName) -> bool:
        return self.only in {None, stage}

    def _said_nothing(self, stage: StageName) -> None:
        if self.only == stage:
            self.say(f"{stage}: nothing to do: the recipe's rows are scored already")

    def _show_scores(self, made: Made) -> None:
        both = {"labelled": made.facts["labelled"], "sampled": made.facts["sampled"]}
        for name, one in both.items():
            if one["count"]:
                spread = ", ".join(f"{float(at):.0%} {value:g}" for at, value in one["quantiles"].items())
                self.say(f"sample: {one['count']:,} {name}: {bars(one['histogram']['counts'])} quantiles {spread}")
        with whole_file(made.folder / "scores.svg") as file:
            file.write(distribution(both, across="score"))

    def _torchrun(self) -> None:
        """Trains in several processes. Raises WorkerFailed where they fail; what they say is on stderr."""
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
        command += [str(self.processes), "-m", "rankladder", "distill", "train", str(self.path)]
        command += ["--into", str(self.into), "--data", str(self.data)]
        # What they were made to print is this process's to say.
        ended = subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode  # noqa: S603
        if ended:
            raise WorkerFailed(f"train: torchrun ended with status {ended}: what it met stands above")

    def _provenance(self) -> Mapping[str, Any]:
        found: dict[str, Any] = {"training run": self.trained.digest, "evaluation": self.measured.key}
        if self.mined is not None and self.labelled is not None and self.sampled is not None:
            _, inputs = mine_depends(self.recipe, questions_of(self.recipe))
            found |= {"data": inputs, "mined rows": self.mined.digest, "labelled rows": self.labelled.digest}
            found["sampled rows"] = self.sampled.digest
        return {**found, **sources(self.recipe, self.into, self.labelled)}


def bars(counts: list[int]) -> str:
    """Counts as a line of blocks.

    >>> bars([0, 1, 4, 8, 2])
    '▁▂▅█▃'
    """
    most = max(*counts, 1)
    return "".join("▁▂▃▄▅▆▇█"[-(-count * 7 // most)] for count in counts)

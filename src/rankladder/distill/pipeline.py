"""The whole distillation: each stage is made where it is missing, or asked for by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

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
from rankladder.distill.result.evaluating import Measured, measure, measure_depends, open_measured
from rankladder.distill.result.exporting import Exported, export, export_depends, open_exported
from rankladder.distill.stage import Made, open_made, parts_depend
from rankladder.distill.step import Depends, R, Result, StageName, Step
from rankladder.distill.train.log import without_library_bars
from rankladder.distill.train.run_folder import Trained, is_made_with, open_trained, train_depends
from rankladder.distill.train.training import is_leader, train
from rankladder.drawing.plots import distribution
from rankladder.errors import BadOption, WorkerFailed
from rankladder.rerank.engine import need
from rankladder.storage import whole_file


@dataclass(frozen=True, slots=True)
class Finished:
    """The stage that a run made last.

    ``digest`` says which result lies in the folder; it is None where the stage had nothing to do. ``rows`` are those of
    mine, label and sample; None of the others.
    """

    stage: StageName
    folder: Path
    digest: str | None
    rows: int | None


class Distillation:
    """A recipe and the folder where its stages lie.

    Args:
        path: The recipe's file.
        into: The folder of the stages.
        data: The folder that the recipe's paths are relative to.
        only: The one stage to make; those before it must be there, made with this recipe. None makes what is missing.
        processes: Processes that score and train on this machine.
        ray: The address of a Ray cluster that scores pairs.
        say: Called with a line for what was found and what is made.
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
            raise BadOption("torchrun starts only the training", hint="torchrun -m rankladder distill train RECIPE")
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

    def run(self) -> Finished:
        """Makes the stage asked for, or everything that is missing; the stage that was made last."""
        if self.only == "mine":
            check_embedder(self.recipe, self.into)
        if self.only in {"mine", "label", "sample"}:
            return self._last()  # without torch
        for module in ("torch", "sentence_transformers", "datasets", "accelerate"):
            need(module, extra="train")
        for one in needed_models(self.recipe) if self.only is None else ():
            if one.here is False:
                self.say(f"{one} is not on this machine; fetching it now")
        if self.only in {None, "train"} and not is_made_with(open_trained(self.into / "train"), self.recipe):
            if self.only == "train" and not start_is_here(self.recipe.train):
                self.say(f"train: {self.recipe.train.start} is not on this machine; fetching it now")
            check_training(self.recipe, processes=int(os.environ.get("WORLD_SIZE", self.processes)))
        with without_library_bars():
            if self.only is None:
                check_models(self.recipe, self.into, ray=self.ray)
            return self._last()

    def _last(self) -> Finished:
        stage: StageName = self.only or "export"
        results: Mapping[StageName, Callable[[], Result | None]] = {
            "mine": lambda: self.mined,
            "label": lambda: self.labelled,
            "sample": lambda: self.sampled,
            "train": lambda: self.trained,
            "evaluate": lambda: self.measured,
            "export": lambda: self.exported,
        }
        result = results[stage]()
        if result is None:
            self.say(f"{stage}: nothing to do: the recipe's rows are scored already")
            return Finished(stage, self.into / stage, None, None)
        if isinstance(result, Made):
            return Finished(stage, self.into / stage, result.digest, result.rows)
        return Finished(stage, self.into / stage, result.key, None)

    def _result(self, step: Step[R]) -> R:
        """The step's result, made where this run makes the stage."""
        return step.make() if self.only in {None, step.name} else step.need()

    @cached_property
    def mined(self) -> Made | None:
        """Candidates; None where the data was scored by somebody else. Judged queries among the questions are refused
        before anything is made.
        """
        asked = questions_of(self.recipe)
        if not asked:
            return None
        check_questions(self.recipe, asked)

        def make() -> Made:
            questions = [question for row in asked.values() for question in row]
            overlaps_of(self.recipe, (question.text for question in questions), say=self.say)
            with self.watch("mining", len(questions), "queries") as bar:
                return mine(self.recipe, self.into, say=self.say, each=bar.add)

        return self._result(
            Step("mine", self.into, lambda: parts_depend(*mine_depends(self.recipe, asked)), open_made, make)
        )

    @cached_property
    def labelled(self) -> Made | None:
        """Teachers' scores of the candidates; None where the data was scored by somebody else."""
        mined, settings = self.mined, self.recipe.label
        if mined is None or settings is None:
            return None

        def depends() -> Depends:
            known = KnownDigests(self.into / "label" / "teachers.json")
            digests = known.now(teacher.model for teacher in settings.teachers)
            return parts_depend(*label_depends(self.recipe, mined, digests))

        def make() -> Made:
            return label(
                self.recipe,
                self.into,
                mined,
                say=self.say,
                watch=self.watch,
                processes=self.processes,
                ray=self.ray,
            )

        return joined(self._result(Step("label", self.into, depends, open_made, make)), self.recipe)

    @cached_property
    def sampled(self) -> Made | None:
        """What is trained on, its distribution of scores shown and drawn; None where others scored the data."""
        labelled = self.labelled
        if labelled is None:
            return None

        def make() -> Made:
            made = sample(self.recipe, self.into, labelled, say=self.say)
            self._show_scores(made)
            return made

        return self._result(
            Step("sample", self.into, lambda: parts_depend(*sample_depends(self.recipe, labelled)), open_made, make)
        )

    @cached_property
    def trained(self) -> Trained:
        """The student, trained in this process, or by ``torchrun`` in several."""
        sampled = self.sampled

        def make() -> Trained:
            if self.processes > 1 and "WORLD_SIZE" not in os.environ:
                if (done := step.done()) is not None:
                    return done
                self._torchrun()
                return step.need()
            with self._alone("train") if is_leader() else nullcontext():
                return train(self.recipe, self.into, sampled, say=self.say)

        step = Step("train", self.into, lambda: train_depends(self.recipe, sampled), open_trained, make)
        return self._result(step)

    @cached_property
    def measured(self) -> Measured:
        """The student's figures."""
        trained = self.trained

        def overlaps() -> Sequence[Overlap]:
            return overlaps_of(self.recipe, asked_in_training(self.recipe, self.into), say=self.say)

        def make() -> Measured:
            need("ir_measures", extra="evaluate")
            how = self.labelled.facts["ensemble"] if self.labelled is not None else None
            with self._alone("evaluate"):
                return measure(self.recipe, self.into, trained, how, overlaps, say=self.say)

        return self._result(
            Step("evaluate", self.into, lambda: measure_depends(self.recipe, trained), open_measured, make)
        )

    @cached_property
    def exported(self) -> Exported:
        """The folder of the finished checkpoint."""
        trained, measured, provenance = self.trained, self.measured, self._provenance()

        def depends() -> Depends:
            return export_depends(self.written, trained, measured, provenance)

        def make() -> Exported:
            with self._alone("export"):
                return export(self.written, self.into, trained, measured, provenance, say=self.say)

        return self._result(Step("export", self.into, depends, open_exported, make))

    def _alone(self, stage: StageName) -> AbstractContextManager[None]:
        """The stage, locked for this process; the lock lies beside its folder, which may be removed."""
        return stage_held(self.into / stage, self.into / f"{stage}.lock")

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
            raise WorkerFailed(f"train: torchrun ended with status {ended}: its error is shown above")

    def _provenance(self) -> Mapping[str, Any]:
        found: dict[str, Any] = {"training run": self.trained.key, "evaluation": self.measured.key}
        if self.mined is not None and self.labelled is not None and self.sampled is not None:
            inputs = (self.mined.depends or {})["inputs"]
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

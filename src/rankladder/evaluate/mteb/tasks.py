"""mteb's tasks by name, by benchmark, or from a folder; and which of them a model has seen in training."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rankladder.arguments import checked
from rankladder.errors import BadInput, NotFound, RankladderError, Unavailable
from rankladder.evaluate.mteb.local import local_task
from rankladder.paths import is_folder
from rankladder.rerank.engine import need

if TYPE_CHECKING:
    from mteb import AbsTask
    from mteb.abstasks import AbsTaskRetrieval
    from mteb.models import ModelMeta


@checked
def find_task(name: str) -> AbsTaskRetrieval:
    """The retrieval task of a name (``SciFact``, ``NanoSciFact``), or of a BEIR folder.

    ``Retrieval`` at the end may be left out. A folder gives a task under the folder's own name. Raises NotFound, with
    the nearest name; BadInput for a task that is not text retrieval; MissingExtra; and as ``local_task``.
    """
    need("mteb", extra="mteb")
    from mteb import get_task

    if is_folder(name):
        folder = Path(name)
        return local_task(folder, re.sub(r"[^A-Za-z0-9._-]", "-", folder.resolve().name))
    for spelling in (name, f"{name}Retrieval"):
        try:
            task = get_task(spelling)
        except KeyError as error:
            near = error
        else:
            return _checked(task)
    suggested = re.search(r"Did you mean: '(.+)'", str(near))
    raise NotFound(
        f"mteb has no task {name!r}, and no folder has that name",
        hint=f"did you mean {suggested[1]}?" if suggested else "mteb.get_tasks(task_types=['Retrieval']) lists them",
    )


@checked
def benchmark_tasks(name: str) -> list[AbsTaskRetrieval]:
    """The text retrieval tasks of a benchmark, in its order: ten for ``MTEB(eng, v2)``, thirteen for ``NanoBEIR``.

    Case does not matter. Raises NotFound, BadInput where none of its tasks is text retrieval, and MissingExtra.
    """
    need("mteb", extra="mteb")
    import mteb

    try:
        benchmark = mteb.get_benchmark(name)
    except KeyError:
        alike = [known for known in mteb.get_benchmarks() if known.name.casefold() == name.casefold()]
        if not alike:
            raise NotFound(
                f"mteb has no benchmark {name!r}",
                hint='for example "MTEB(eng, v2)" or NanoBEIR; mteb.get_benchmarks() lists all',
            ) from None
        benchmark = alike[0]
    tasks: list[Any] = [task for task in benchmark.tasks if _refusal(task) is None]
    if not tasks:
        raise BadInput(f"no task of {benchmark.name} is text retrieval: there is nothing to rerank")
    return tasks


def _checked(task: Any) -> AbsTaskRetrieval:
    if refusal := _refusal(task):
        raise BadInput(f"{task.metadata.name}: {refusal}", hint="name tasks of the type Retrieval")
    found: AbsTaskRetrieval = task
    return found


def _refusal(task: AbsTask) -> str | None:
    from mteb.abstasks import AbsTaskRetrieval
    from mteb.abstasks.aggregated_task import AbsTaskAggregate

    if isinstance(task, AbsTaskAggregate):
        return f"is the mean of other tasks: {', '.join(part.metadata.name for part in task.metadata.tasks)}"
    if task.metadata.type != "Retrieval" or not isinstance(task, AbsTaskRetrieval):
        return f"a task of the type {task.metadata.type}, which has no first stage to rerank"
    if set(task.metadata.modalities) != {"text"}:
        return f"reads {', '.join(task.metadata.modalities)}; a reranker here reads text"
    return None


@contextmanager
def loaded(task: AbsTaskRetrieval) -> Iterator[None]:
    """Loads a task's data on entry, lets it go on leaving. Raises Unavailable where the data cannot be had."""
    source = task.metadata.dataset
    try:
        task.load_data()
        task.convert_v1_dataset_format_to_v2(num_proc=None)
    except RankladderError:
        raise
    except (OSError, ValueError) as error:  # what datasets raises: no network, not in its cache, no such data set
        raise Unavailable(
            f"{task.metadata.name}: its data set {source['path']} (revision {source['revision']}) is not on this "
            f"machine and cannot be fetched: {first_line(error)}",
            hint="let the Hugging Face hub be reached (no --offline, HF_HUB_OFFLINE unset), "
            "or give a BEIR folder of yours as the task",
        ) from error
    try:
        yield
    finally:
        task.unload_data()


def trained_on(meta: ModelMeta) -> frozenset[str] | None:
    """The tasks of mteb whose data a model was trained on, None where nobody says.

    By mteb's registry: training data named there, that of the model it grew from, and tasks over the same data under
    other names. Stricter than mteb in one point: training on an aggregate (CQADupstackRetrieval) is training on each
    of its parts.
    """
    from mteb import get_task
    from mteb.abstasks.aggregated_task import AbsTaskAggregate

    trained = meta.get_training_datasets()
    if trained is None:
        return None
    wholes = [get_task(name) for name in sorted(trained) if is_mtebs(name)]
    parts = [part for whole in wholes if isinstance(whole, AbsTaskAggregate) for part in whole.metadata.tasks]
    return frozenset(trained) | {part.metadata.name for part in parts}


def zero_shot(trained: frozenset[str] | None, task: AbsTask) -> bool | None:
    """Whether a task is not among those trained on; None where nobody says, or the task is your own."""
    name = task.metadata.name
    return None if trained is None or not is_mtebs(name) else name not in trained


def is_mtebs(name: str) -> bool:
    """Whether mteb has a task of this name."""
    from mteb import get_task

    try:
        get_task(name)
    except KeyError:
        return False
    return True


def first_line(error: Exception) -> str:
    """What an error of another library says, on one line; its type where it says nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__)

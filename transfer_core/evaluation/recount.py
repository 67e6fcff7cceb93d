"""Results of earlier versions, counted as today: copies once, photos of a group as dependent. Imports no torch."""

from transfer_core import runs
from transfer_core.data.splits.split import Split
from transfer_core.errors import RunError
from transfer_core.evaluation.evidence import weigh, widest_interval
from transfer_core.evaluation.result import ValAnswers, evaluate, load_answers
from transfer_core.metrics.wilson import wilson
from transfer_core.runs import Run


def recount(run: Run, result: dict) -> dict:
    """A training run's result as `Result.to_json` writes it today; one of today's as it is.

    Earlier versions counted copies, and photos of a group, as if each were evidence of its own. Where the run's answers
    can no longer be read, its accuracy stands as it was told.
    """
    if "val_units" in result:
        return result
    try:
        split = runs.load_split(run)
    except RunError:
        return _as_independent(result)
    try:
        return result | _of_answers(split, load_answers(run.evaluation_dir, result), result)
    except RunError:
        return _without_answers(split, result)


def _of_answers(split: Split, answers: ValAnswers, result: dict) -> dict:
    if len(answers.true_ids) != len(split.val):
        raise RunError("The answers are not those to the run's photos.")
    return evaluate(split, answers, result["epochs"], result["seconds"]).to_json()


def _without_answers(split: Split, result: dict) -> dict:
    evidence = weigh(split.val, {item.photo for item in split.train})
    found = _as_independent(result) | {"val_learned": int(evidence.learned.sum())}
    if evidence.unit_count == len(split.val) and not found["val_learned"]:
        return found
    unknown = {"recall_intervals": [None] * len(result["confusion_matrix"])}
    hits = sum(row[place] for place, row in enumerate(result["confusion_matrix"]))
    interval = widest_interval(hits, result["val_count"], evidence)
    return found | unknown | {"val_interval": interval, "val_units": evidence.unit_count}


def _as_independent(result: dict) -> dict:
    matrix = result["confusion_matrix"]
    counts = [sum(row) for row in matrix]
    recalls = [wilson(row[place], sum(row)) if sum(row) else None for place, row in enumerate(matrix)]
    return result | {"val_units": result["val_count"], "recall_intervals": recalls, "recall_units": counts}

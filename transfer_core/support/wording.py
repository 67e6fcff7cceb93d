"""Figures, times and counts as a person reads them, and the sentences that pages and command line share."""

import time
from math import floor, log10


def percent(share: float) -> str:
    """Such as "92%", of a share in [0, 1]; never rounded to 0 or 100% unless it is."""
    if 0 < share < 0.005:
        return "<1%"
    if 0.995 <= share < 1:
        return ">99%"
    return f"{floor(share * 100 + 0.5)}%"


def small_number(value: float) -> str:
    """Such as "0.0012" or "0.00003", of a number above 0; two digits, and no powers of ten to be read."""
    digits = max(0, 1 - floor(log10(value)))
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def duration(seconds: float) -> str:
    """Such as "8 s", "3 min", "2 h 10 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def file_size(size: int) -> str:
    """Such as "340 kB", "17.2 MB", "1.3 GB"."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size / 1e3:.0f} kB"


def pluralize(count: int, one: str, many: str | None = None) -> str:
    """Such as "1 photo", "1,240 photos"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def format_time(time_s: float) -> str:
    """Such as "21 Nov 09:36:12", of Unix seconds: local time, to the second, for runs follow each other quickly."""
    return time.strftime("%d %b %H:%M:%S", time.localtime(time_s))


def ago(seconds: float) -> str:
    """Such as "just now", "5 minutes ago", "3 days ago"."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            return f"{pluralize(int(seconds // length), unit)} ago"
    return "just now"


def reuse_warning(times: int) -> str:
    """What a person should know of a test part that other runs have been tested on before."""
    often = {1: "once", 2: "twice"}.get(times, f"{times} times")
    return (
        f"Other runs were tested on these photos {often} before. The more often they are used, the less this figure "
        "means."
    )


def progress_text(done: int, total: int, elapsed_s: float, unit: str = "photos", fresh: int | None = None) -> str:
    """Such as "120 of 382 photos, 95 per second, 3 s left"; speed and rest only once they can be known.

    Args:
        fresh: How many of those done were done within `elapsed_s`; None for all.
    """
    text, fresh = f"{done:,} of {total:,} {unit}", done if fresh is None else fresh
    if fresh <= 0 or done >= total or elapsed_s < 0.5:
        return text
    speed = fresh / elapsed_s
    return f"{text}, {speed:,.0f} per second, {duration((total - done) / speed)} left"


def result_sentence(result: dict) -> str:
    """A run's result as a sentence or two, such as "46 of 50 validation photos right: 92%, probably ..."."""
    hits = sum(row[class_id] for class_id, row in enumerate(result["confusion_matrix"]))
    counts = (result["val_count"], result.get("val_copies", 0))
    right, figure = right_of(hits, *counts, "validation photo"), percent(result["val_accuracy"])
    if learned := result.get("val_learned"):
        return f"{right}: {figure}. But {too_good(learned)}"
    return f"{right}: {figure}, {interval_phrase(result)}.{dependence_note(result['val_count'], result['val_units'])}"


def right_of(hits: int, count: int, copies: int, what: str) -> str:
    """Such as "46 of 50 test photos right", or "3 of 4 different test photos right (40 with copies)"."""
    if copies:
        return f"{hits:,} of {pluralize(count, f'different {what}')} right ({count + copies:,} with copies)"
    return f"{hits:,} of {pluralize(count, what)} right"


def dependence_note(count: int, units: int) -> str:
    """A sentence, after a space, on photos that belong together; nothing where none do."""
    if units >= count:
        return ""
    only = "Only 1 of these photos is" if units == 1 else f"Only {units:,} of these photos are"
    return f" {only} independent of the others, because photos of one group are alike."


def photos_phrase(result: dict) -> str:
    """The validation photos behind a result, such as "50 photos" or "40 photos, 4 of them independent"."""
    count, units = result["val_count"], result["val_units"]
    photos = pluralize(count, "different photo" if result.get("val_copies") else "photo")
    return photos if units >= count else f"{photos}, {units:,} of them independent"


def interval_phrase(result: dict) -> str:
    """How far a run's figure can be trusted, in few words: its interval, where it has one."""
    if result.get("val_learned"):
        return "but some of these photos were training photos, too"
    low, high = map(percent, result["val_interval"])
    return f"probably between {low} and {high} on new photos like these"


def too_good(learned: int) -> str:
    """The rest of a sentence about an accuracy on photos of which some were training photos."""
    return f"{learned:,} of these were training photos, too: expect less on new photos."

"""Trains the head that says whether the user's words are complete.

    python -m model.training.train_text_head --work build/text_head --out resources/duplex

Fetches the texts (4 packages, 30 MB), lets the frozen language model read them (8 minutes of one
core; goes on where it was interrupted), fits (a minute) and prints how good it is. The same seed
gives the same weights. ``--dev`` adds the labelled turns of a folder to what is measured, never to
what is trained on.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from model.duplex.lexicon import read_lexicons
from model.duplex.text_evidence import GrammarScorer
from model.duplex.text_turn_detector import LanguageModelEncoder, TextHead
from model.store.packages import default_store
from model.training.duplex.text_head.corpus import (
    SHARES,
    UNUSED,
    Example,
    balanced,
    corpus,
    examples,
)
from model.training.duplex.text_head.fit import (
    Array,
    FitOptions,
    LabelledStates,
    fit,
    kept_by_kind,
    labelled_texts,
    score,
    stacked,
)
from model.training.duplex.text_head.sources import fetch
from model.training.duplex.text_head.states import StateCache, WordReader

HEAD_NAME = "text_head.safetensors"
READER = "smollm2-135m"
N_UTTERANCES = 9000
N_EXAMPLES = 3100  # of them, in their mixed order; more are read at 0.1 s each
SEED = 7
_VALIDATION_PART = 6  # one family in six


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    texts = options.work / "texts"
    fetch(texts)
    lexicons = read_lexicons()
    utterances = corpus(texts, options.utterances, options.seed)
    found = examples(utterances, lexicons["en"], options.seed, is_augmented=True)
    found = found[: options.examples]
    cache = StateCache(options.work / "states")
    reader = LanguageModelEncoder(default_store().path(READER))
    try:
        read = WordReader(reader)
        with tqdm(desc="reading", unit="text") as bar:
            cache.fill(
                (example.words for example in found), lambda w: bar.update() or read.states(w)
            )
        training = [example for example in found if not _is_held_out(example)]
        validation = [example for example in found if _is_held_out(example)]
        held_out = _states(validation, cache, reader)
        head = fit(
            _states(training, cache, reader),
            held_out,
            FitOptions(),
            options.seed,
            lambda epoch, loss: tqdm.write(f"epoch {epoch:2d}: validation loss {loss:.4f}"),
        )
        options.out.mkdir(parents=True, exist_ok=True)
        head.save(options.out / HEAD_NAME)
        fitted = TextHead(options.out / HEAD_NAME)
        judge = GrammarScorer(lexicons)
        sys.stdout.write(f"{len(found)} texts, {len(validation)} of them held out\n")
        weights = _report_held_out(validation, held_out, fitted, judge)
        if options.dev is not None:
            _report_turns(options.dev / "turns" / "labels.jsonl", reader, fitted, judge, weights)
    finally:
        reader.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Train the head that reads the user's words.")
    parser.add_argument("--work", type=Path, required=True, help="texts and states are kept here")
    parser.add_argument("--out", type=Path, required=True, help="where the weights go")
    parser.add_argument("--dev", type=Path, help="folder with turns/labels.jsonl to measure on")
    parser.add_argument("--utterances", type=int, default=N_UTTERANCES)
    parser.add_argument("--examples", type=int, default=N_EXAMPLES)
    parser.add_argument("--seed", type=int, default=SEED)
    return parser


def _is_held_out(example: Example) -> bool:
    return zlib.crc32(example.family.encode()) % _VALIDATION_PART == 0


def _states(
    found: Sequence[Example], cache: StateCache, reader: LanguageModelEncoder
) -> LabelledStates:
    used = [example.labels != UNUSED for example in found]
    weights = balanced(found, SHARES)
    hidden = [cache[e.words][u].astype(np.float32) for e, u in zip(found, used, strict=True)]
    labels = [e.labels[u] for e, u in zip(found, used, strict=True)]
    parts = [w[u] for w, u in zip(weights, used, strict=True)]
    return LabelledStates(
        np.concatenate([reader.whole_states(states) for states in hidden]),
        np.concatenate(labels).astype(np.float32),
        np.concatenate(parts).astype(np.float32),
    )


def _judged(judge: GrammarScorer, text: str) -> float:
    p = judge.judge(text).score
    return float(np.log(p / (1.0 - p)))


def _report_held_out(
    found: Sequence[Example], data: LabelledStates, head: TextHead, judge: GrammarScorer
) -> Array:
    """Prints the scores on held-out families; returns the weights of head and rules together."""
    by_head = head.logits(data.states)
    by_rules = np.array(
        [
            _judged(judge, " ".join(example.words[: i + 1]))
            for example in found
            for i in np.flatnonzero(example.labels != UNUSED)
        ]
    )
    sources = np.repeat(
        [example.source for example in found],
        [int((example.labels != UNUSED).sum()) for example in found],
    )
    columns = np.column_stack([by_head, by_rules])
    is_first = np.repeat(
        [zlib.crc32(f"half {example.family}".encode()) % 2 == 0 for example in found],
        [int((example.labels != UNUSED).sum()) for example in found],
    )
    weights = stacked(columns[is_first], data.labels[is_first], data.weights[is_first])
    both = columns @ weights[:2] + weights[2]
    _line("head", score(by_head, data.labels, data.weights).line)
    _line("rules", score(by_rules, data.labels, data.weights).line)
    rest = ~is_first
    _line("head, other half", score(by_head[rest], data.labels[rest], data.weights[rest]).line)
    _line("both, other half", score(both[rest], data.labels[rest], data.weights[rest]).line)
    for source in SHARES:
        of = sources == source
        _line(f"head on {source}", score(by_head[of], data.labels[of], data.weights[of]).line)
    _line("stacked", ", ".join(f"{weight:.2f}" for weight in weights))
    return weights


def _report_turns(
    path: Path, reader: LanguageModelEncoder, head: TextHead, judge: GrammarScorer, weights: Array
) -> None:
    texts = labelled_texts(path)
    by_head: list[float] = []
    for text in texts:
        state = reader.state(text.text)
        by_head.append(0.0 if state is None else head.logit(state))
    by_rules = [_judged(judge, text.text) for text in texts]
    both = np.column_stack([by_head, by_rules]) @ weights[:2] + weights[2]
    is_end = np.array([text.is_end for text in texts])
    columns: Mapping[str, Array] = {
        "head": np.array(by_head), "rules": np.array(by_rules), "both": both
    }  # fmt: skip
    for name, values in columns.items():
        _line(f"turns, {name}", score(values, is_end.astype(np.float32)).line)
        kept = kept_by_kind(texts, values)
        _line("", ", ".join(f"{kind} {n} of {all_}" for kind, (n, all_) in kept.items()))


def _line(name: str, text: str) -> None:
    sys.stdout.write(f"{name:18s} {text}\n")


if __name__ == "__main__":
    main()

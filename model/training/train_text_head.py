"""Trains the head that says whether the user's words are complete.

    python -m model.training.train_text_head --work build/text_head --out resources/duplex

Fetches the texts (4 packages, 30 MB), lets the frozen language model read them (8 minutes of one
core; goes on where it was interrupted), fits (a minute) and prints how good it is. The same seed
gives the same weights. ``--dev`` adds the labelled turns of a folder to what is measured, never to
what is trained on.
"""

import argparse
import sys
import zlib
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import torch

from model.duplex.lexicon import read_lexicons
from model.duplex.text_evidence import GrammarScorer
from model.duplex.text_turn_detector import LanguageModelEncoder, TextHead
from model.files.content_cache import Cache
from model.store.packages import default_store
from model.training.duplex.progress import Progress
from model.training.duplex.text_head import fit
from model.training.duplex.text_head.corpus import (
    SHARES,
    UNUSED,
    Example,
    balanced,
    corpus,
    examples,
)
from model.training.duplex.text_head.published_texts import fetch
from model.training.duplex.text_head.word_states import WordReader

HEAD_NAME = "text_head.safetensors"
ENCODER = "smollm2-135m"
N_TURNS = 9000
N_EXAMPLES = 3100  # of them, in their mixed order; more are read at 0.1 s each
SEED = 7
_VALIDATION_PART = 6  # one family in six


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    args = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    fetch(args.work / "texts")
    lexicons = read_lexicons()
    turns = corpus(args.work / "texts", args.turns, args.seed)
    found = examples(turns, lexicons["en"], args.seed, is_augmented=True)[: args.examples]
    training = [example for example in found if not _is_held_out(example)]
    validation = [example for example in found if _is_held_out(example)]
    with closing(LanguageModelEncoder(default_store().path(ENCODER))) as encoder:
        reader = WordReader(encoder, Cache(args.work / "cache"))
        with Progress(len(found), "reading") as progress:
            for example in found:
                reader.states(example.words)
                progress.update()
        held_out = _labelled(validation, reader, encoder)
        head = fit.fit(
            _labelled(training, reader, encoder),
            held_out,
            fit.FitOptions(),
            args.seed,
            lambda epoch, loss: _print(f"epoch {epoch:2d}", f"validation loss {loss:.4f}"),
        )
        head.save(args.out / HEAD_NAME)
        fitted = TextHead(args.out / HEAD_NAME)
        grammar = GrammarScorer(lexicons)
        _print("texts", f"{len(found)}, {len(validation)} of them held out")
        _report_held_out(validation, held_out, fitted, grammar)
        if args.dev is not None:
            path = args.dev / "turns" / "labels.jsonl"
            _report_turns(fit.labelled_texts(path), encoder, fitted, grammar)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Train the head that reads the user's words.")
    parser.add_argument("--work", type=Path, required=True, help="texts and states are kept here")
    parser.add_argument("--out", type=Path, required=True, help="where the weights go")
    parser.add_argument("--dev", type=Path, help="folder with turns/labels.jsonl to measure on")
    parser.add_argument("--turns", type=int, default=N_TURNS, help="to choose from")
    parser.add_argument("--examples", type=int, default=N_EXAMPLES, help="to read")
    parser.add_argument("--seed", type=int, default=SEED)
    return parser


def _is_held_out(example: Example) -> bool:
    return zlib.crc32(example.family.encode()) % _VALIDATION_PART == 0


def _labelled(
    found: Sequence[Example], reader: WordReader, encoder: LanguageModelEncoder
) -> fit.LabelledStates:
    used = [example.labels != UNUSED for example in found]
    states = [
        encoder.whole_states(reader.states(example.words)[is_used].astype(np.float32))
        for example, is_used in zip(found, used, strict=True)
    ]
    labels = [example.labels[is_used] for example, is_used in zip(found, used, strict=True)]
    weights = [w[is_used] for w, is_used in zip(balanced(found, SHARES), used, strict=True)]
    return fit.LabelledStates(
        np.concatenate(states),
        np.concatenate(labels).astype(np.float32),
        np.concatenate(weights).astype(np.float32),
    )


def _log_odds(grammar: GrammarScorer, text: str) -> float:
    p = grammar.score(text).score
    return float(np.log(p / (1.0 - p)))


def _report_held_out(
    found: Sequence[Example], data: fit.LabelledStates, head: TextHead, grammar: GrammarScorer
) -> None:
    """Print the scores of the head and of the grammar's rules on held-out families."""
    places = [(e, i) for e in found for i in np.flatnonzero(e.labels != UNUSED)]
    by_head = head.logits(data.states)
    by_rules = np.array([_log_odds(grammar, " ".join(e.words[: i + 1])) for e, i in places])
    _print("head", fit.score(by_head, data.labels, data.weights).line)
    _print("rules", fit.score(by_rules, data.labels, data.weights).line)
    for source in SHARES:
        of = np.array([example.source == source for example, _ in places])
        _print(f"head on {source}", fit.score(by_head[of], data.labels[of], data.weights[of]).line)


def _report_turns(
    texts: Sequence[fit.LabelledText],
    encoder: LanguageModelEncoder,
    head: TextHead,
    grammar: GrammarScorer,
) -> None:
    states = [encoder.state(text.text) for text in texts]
    by_head = np.array([0.0 if state is None else head.logit(state) for state in states])
    by_rules = np.array([_log_odds(grammar, text.text) for text in texts])
    is_end = np.array([text.is_end for text in texts], np.float32)
    for name, logits in (("head", by_head), ("rules", by_rules)):
        _print(f"turns, {name}", fit.score(logits, is_end).line)
        kept = fit.kept_by_kind(texts, logits)
        _print("", ", ".join(f"{kind} {n} of {all_}" for kind, (n, all_) in kept.items()))


def _print(name: str, text: str) -> None:
    sys.stdout.write(f"{name:18s} {text}\n")


if __name__ == "__main__":
    main()

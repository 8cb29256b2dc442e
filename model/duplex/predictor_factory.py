"""Everything predictors are made of, read once: the network, word lists and slow detectors."""

from functools import cached_property
from pathlib import Path

from model.duplex.duplex_network import read_network
from model.duplex.end_of_turn.weights import CARD_NAME as ENDING_NAME
from model.duplex.end_of_turn.weights import read_end_of_turn
from model.duplex.end_of_turn_detectors import UtteranceScorer
from model.duplex.frame_features import FEATURES, table_hash
from model.duplex.lexicon import DEFAULT_FOLDER, read_lexicons
from model.duplex.overlap_classifier import CARD_NAME as OVERLAP_NAME
from model.duplex.overlap_classifier import OverlapClassifier, read_overlap_classifier
from model.duplex.predictor import PredictorSettings, TrainedDuplexPredictor
from model.duplex.predictor_card import RESTORE, PredictorCard, read_card
from model.duplex.smart_turn import WEIGHTS_NAME as SMART_TURN_NAME
from model.duplex.smart_turn import SmartTurn, TurnClassifier
from model.duplex.spotter.card import read_card as read_spotter_card
from model.duplex.spotter.network import CARD_NAME as SPOTTER_NAME
from model.duplex.text_turn_detector import WEIGHTS_NAME as LANGUAGE_MODEL_NAME
from model.duplex.text_turn_detector import LanguageModelEncoder, TextHead, TextTurnDetector
from model.errors import WeightsError

NETWORK_NAME = "predictor.safetensors"
CARD_NAME = "predictor.json"
HEAD_NAME = "text_head.safetensors"


class PredictorFactory:
    """Makes predictors that share the weights; one of them may be in use at a time.

    The slow detectors' weights may be missing: the network was trained to do without them.
    """

    def __init__(self, weights_dir: Path, folder: Path = DEFAULT_FOLDER) -> None:
        """Read the network, its card and the word lists in ``folder``, with the text head.

        Raises:
            LexiconError: a word list is broken.
            WeightsError: the network or its card cannot be used.
        """
        self._weights_dir = weights_dir
        self._folder = folder
        self._lexicons = read_lexicons(folder)
        self.card = _checked_card(folder / CARD_NAME)
        self.endings = read_end_of_turn(folder) if (folder / ENDING_NAME).is_file() else None
        self.network = read_network(folder / NETWORK_NAME, self.card.shape)
        spotter = folder / SPOTTER_NAME
        self.spotter = read_spotter_card(spotter).thresholds if spotter.is_file() else None
        self._classifier: SmartTurn | None = None
        self._language_model: LanguageModelEncoder | None = None

    def predictor(
        self,
        settings: PredictorSettings | None = None,
        *,
        classifier: TurnClassifier | None = None,
        scorer: UtteranceScorer | None = None,
        overlap_classifier: OverlapClassifier | None = None,
    ) -> TrainedDuplexPredictor:
        """Make a predictor; opens detectors whose weights have arrived, where none are given."""
        return TrainedDuplexPredictor(
            self.network,
            self.card,
            self._lexicons,
            settings,
            classifier=classifier or self.classifier(),
            scorer=scorer or self.scorer(),
            overlap_classifier=overlap_classifier or self.overlap_classifier,
            spotter=self.spotter,
            endings=self.endings,
        )

    @cached_property
    def overlap_classifier(self) -> OverlapClassifier | None:
        """Return what weighs a voice over the reply; None without its weights."""
        path = self._folder / OVERLAP_NAME
        return read_overlap_classifier(path) if path.is_file() else None

    def classifier(self) -> SmartTurn | None:
        """Return the detector of sound; None where its weights are missing."""
        path = self._weights_dir / SMART_TURN_NAME
        if self._classifier is None and path.is_file():
            self._classifier = SmartTurn(path)
        return self._classifier

    def scorer(self) -> UtteranceScorer | None:
        """Return the detector of words; None where the language model is missing."""
        path = self._weights_dir / LANGUAGE_MODEL_NAME
        if self._language_model is None and path.is_file():
            self._language_model = LanguageModelEncoder(path)
        if self._language_model is None:
            return None
        return TextTurnDetector(self._language_model, TextHead(self._folder / HEAD_NAME))

    def close(self) -> None:
        """Free the language model; predictors made before must not be used any more."""
        if self._language_model is not None:
            self._language_model.close()
            self._language_model = None


def _checked_card(path: Path) -> PredictorCard:
    card = read_card(path)
    if card.features_hash != table_hash() or card.shape.features != FEATURES:
        raise WeightsError(
            f"{path}: features_hash: the weights were trained for other features "
            f"({card.features_hash}, not {table_hash()}); {RESTORE}"
        )
    return card

"""The settings of the tiny models, in FunASR's own names, and their folders."""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import torch
import yaml
from funasr import AutoModel

from scripts.tiny_models.features import FRONTEND, Normalisation
from scripts.tiny_models.vocabulary import Vocabulary

WIDTH = 64
CHUNK_FRAMES = 10
AHEAD_FRAMES = 5
"""A chunk of the streaming model is 10 frames of 60 ms and sees 5 more."""

Settings = dict[str, object]

_ENCODER: Settings = {
    "output_size": WIDTH,
    "attention_heads": 4,
    "linear_units": 128,
    "num_blocks": 3,
    "dropout_rate": 0.0,
    "positional_dropout_rate": 0.0,
    "attention_dropout_rate": 0.0,
    "input_layer": "pe",
    "pos_enc_class": "SinusoidalPositionEncoder",
    "normalize_before": True,
    "kernel_size": 11,
    "sanm_shfit": 0,
    "selfattention_layer_type": "sanm",
}
_DECODER: Settings = {
    "attention_heads": 4,
    "linear_units": 128,
    "num_blocks": 1,
    "att_layer_num": 1,
    "dropout_rate": 0.0,
    "positional_dropout_rate": 0.0,
    "self_attention_dropout_rate": 0.0,
    "src_attention_dropout_rate": 0.0,
    "kernel_size": 11,
    "sanm_shfit": 0,
}
_PREDICTOR: Settings = {"idim": WIDTH, "threshold": 1.0, "l_order": 1, "r_order": 1, "tail_threshold": 0.45}
_MODEL: Settings = {
    "ctc_weight": 0.3,
    "lsm_weight": 0.1,
    "length_normalized_loss": True,
    "predictor_weight": 1.0,
    "predictor_bias": 1,
    "sampling_ratio": 0.75,
}
_CTC: Settings = {"dropout_rate": 0.0, "ctc_type": "builtin", "reduce": True, "ignore_nan_grad": True}
_CHUNKS: Settings = {
    "input_layer": "pe_online",
    "chunk_size": [CHUNK_FRAMES + AHEAD_FRAMES],
    "stride": [CHUNK_FRAMES],
    "pad_left": [0],
    "encoder_att_look_back_factor": [4],
    "decoder_att_look_back_factor": [1],
}
_SEACO_DECODER: Settings = {
    "attention_heads": 4,
    "linear_units": 32,
    "num_blocks": 6,
    "att_layer_num": 6,
    "dropout_rate": 0.0,
    "positional_dropout_rate": 0.0,
    "self_attention_dropout_rate": 0.0,
    "src_attention_dropout_rate": 0.0,
    "kernel_size": 11,
    "sanm_shfit": 0,
    "use_output_layer": False,
    "wo_input_layer": True,
}
"""Six layers, since FunASR asks the sixth which of more than 50 hotwords to keep."""
_TIMESTAMPS: Settings = {
    "smooth_factor2": 0.25,
    "noise_threshold2": 0.01,
    "upsample_times": 3,
    "use_cif1_cnn": False,
    "upsample_type": "cnn_blstm",
}


def offline(vocabulary: Vocabulary) -> Settings:
    """Paraformer (Gao et al., 2022): a whole utterance at once."""
    return {
        "model": "Paraformer",
        "model_conf": _MODEL,
        "encoder": "SANMEncoder",
        "encoder_conf": _ENCODER,
        "decoder": "ParaformerSANMDecoder",
        "decoder_conf": _DECODER,
        "predictor": "CifPredictorV2",
        "predictor_conf": _PREDICTOR,
        "frontend": "WavFrontend",
        "frontend_conf": FRONTEND,
        "tokenizer": "CharTokenizer",
        "tokenizer_conf": {"unk_symbol": "<unk>", "split_with_space": bool(vocabulary.space)},
        "ctc_conf": _CTC,
    }


def streaming(vocabulary: Vocabulary) -> Settings:
    """The same with weights of the same shapes, in chunks (Zhang et al., 2020, chunk-aware multihead attention)."""
    return offline(vocabulary) | {
        "model": "ParaformerStreaming",
        "encoder": "SANMEncoderChunkOpt",
        "encoder_conf": _ENCODER | _CHUNKS,
        "decoder_conf": _DECODER | {"sanm_shfit": AHEAD_FRAMES},
        "frontend": "WavFrontendOnline",
    }


def seaco(vocabulary: Vocabulary) -> Settings:
    """SeACo-Paraformer (Shi et al., 2023): the offline model, and beside it one that listens for hotwords."""
    bias: Settings = {
        "inner_dim": WIDTH,
        "bias_encoder_type": "lstm",
        "bias_encoder_bid": False,
        "seaco_lsm_weight": 0.1,
        "seaco_length_normal": True,
        "train_decoder": False,
        "NO_BIAS": len(vocabulary.tokens) - 1,
    }
    return offline(vocabulary) | {
        "model": "SeacoParaformer",
        "model_conf": _MODEL | bias,
        "seaco_decoder": "ParaformerSANMDecoder",
        "seaco_decoder_conf": _SEACO_DECODER,
        "predictor": "CifPredictorV3",
        "predictor_conf": _PREDICTOR | _TIMESTAMPS,
    }


@dataclass(frozen=True, slots=True)
class Folder:
    """A model's folder as `AutoModel` loads it."""

    path: Path

    def begin(self, settings: Settings, vocabulary: Vocabulary, normalisation: Normalisation) -> torch.nn.Module:
        """Write all but the weights, and make the model with random ones."""
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / "config.yaml").write_text(yaml.safe_dump(_plain(settings), sort_keys=False), "utf-8")
        (self.path / "tokens.json").write_text(json.dumps(vocabulary.tokens, ensure_ascii=False), "utf-8")
        (self.path / "am.mvn").write_text(normalisation.kaldi_text(), "utf-8")
        built = deepcopy(settings)
        built["tokenizer_conf"] = {**_mapping(built["tokenizer_conf"]), "token_list": str(self.path / "tokens.json")}
        model: torch.nn.Module = AutoModel.build_model(**built, device="cpu", ncpu=1)[0]
        return model

    def finish(self, model: torch.nn.Module) -> None:
        """Write the weights, in half precision: FunASR makes them whole again as it loads them."""
        weights = {
            name: value.half() if value.is_floating_point() else value for name, value in model.state_dict().items()
        }
        torch.save({"state_dict": weights}, self.path / "model.pt")

    def weights(self) -> dict[str, torch.Tensor]:
        """The weights, in whole precision."""
        kept = torch.load(self.path / "model.pt", weights_only=True)["state_dict"]
        return {name: value.float() if value.is_floating_point() else value for name, value in kept.items()}


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise TypeError(f"settings expected, not {type(value).__name__}")
    return value


def _plain(settings: Settings) -> Settings:
    """Without shared parts, which YAML would write as anchors."""
    plain: Settings = json.loads(json.dumps(settings))
    return plain

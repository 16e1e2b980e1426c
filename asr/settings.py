"""Settings of recognition, as plain values."""

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

Device = Literal["auto", "cpu", "cuda"]
"""Where a model runs; "auto" is the GPU where the libraries find one."""

ENDPOINT_BOUNDS = {
    "onset_ms": (32, 2_000),
    "hang_ms": (96, 5_000),
    "open_hang_ms": (96, 5_000),
    "preroll_ms": (0, 2_000),
    "max_utterance_s": (2, 20),
}
"""Lowest and highest value of each endpoint setting."""
QWEN_BOUNDS = {
    "unfixed_chunk_num": (0, 100),
    "unfixed_token_num": (0, 100),
    "max_new_tokens": (16, 4_096),
    "context_tokens": (0, 10_000),
    "max_batch": (1, 256),
}
"""Lowest and highest value of settings of the engine "qwen"."""
UPDATE_MS_BOUNDS = (100, 60_000)
MOST_CPU_SHARE = 100.0
MOST_LANGUAGE_MODEL_WEIGHT = 10.0
MOST_CHUNK = 100
MOST_LOOK_BACK = 100
MOST_SERVER_WAIT_S = 60
MOST_BOOST = 20


_ONE_PROCESS = ("qwen", "funasr-server", "google", "azure")
"""Engines that gain nothing by more: a process takes a GPU, or waits for a server."""


def _check(name: str, value: int, bounds: tuple[int, int]) -> None:
    """What a recogniser would refuse is refused where it is set. Raises ValueError."""
    lowest, highest = bounds
    if not lowest <= value <= highest:
        raise ValueError(f"{name} must be {lowest} to {highest}")


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """When an utterance begins and ends."""

    onset_ms: int = 128
    """Speech needed before an utterance begins."""
    hang_ms: int = 480
    """Silence after which an utterance ends whose words, and the fall of the voice, say that the speaker is done."""
    open_hang_ms: int = 864
    """Silence after which it ends whatever was said; up to `hang_ms` that alone counts."""
    preroll_ms: int = 480
    """Audio before the onset that is decoded with the utterance."""
    max_utterance_s: int = 12
    """Length beyond which an utterance is cut at its next short pause."""

    def __post_init__(self) -> None:
        for name, bounds in ENDPOINT_BOUNDS.items():
            _check(name, getattr(self, name), bounds)


@dataclass(frozen=True, slots=True)
class FunasrSettings:
    """The engine "funasr": streaming Paraformer for partials, an offline one for finals, and marks.

    A model is a folder, or "modelscope:ID" or "huggingface:ID", at a revision where "@REVISION" follows.
    """

    streaming: str = "modelscope:iic/speech_paraformer-large_asr_nat-zh-cn-16k-common-vocab8404-online"
    """"": partials come from `offline` too, at more cost."""
    offline: str = "modelscope:iic/speech_seaco_paraformer_large_asr_nat-zh-cn-16k-common-vocab8404-pytorch"
    """"": finals come from `streaming` too."""
    punctuation: str = "modelscope:iic/punc_ct-transformer_cn-en-common-vocab471067-large"
    """"": no marks."""
    languages: tuple[str, ...] = ("zh", "en")
    """ISO 639-1 codes of what the models know."""
    chunk_size: tuple[int, int, int] = (0, 10, 5)
    """What the streaming model hears at once, in frames of 60 ms: before, new and ahead."""
    encoder_look_back: int = 4
    """Chunks before that the streaming encoder attends to."""
    decoder_look_back: int = 1
    """Chunks before that its decoder attends to."""

    def __post_init__(self) -> None:
        if not (self.streaming or self.offline):
            raise ValueError("streaming or offline must name a model")
        before, new, ahead = self.chunk_size
        if before != 0 or not 1 <= new <= MOST_CHUNK or not 0 <= ahead <= new:
            raise ValueError(f"chunk_size is [0, new, ahead]: new from 1 to {MOST_CHUNK}, ahead at most new")
        for name in ("encoder_look_back", "decoder_look_back"):
            _check(name, getattr(self, name), (0, MOST_LOOK_BACK))


@dataclass(frozen=True, slots=True)
class SensevoiceSettings:
    """The engine "sensevoice": text with its language, the speaker's emotion and sounds beside speech."""

    model: str = "modelscope:iic/SenseVoiceSmall"
    """As those of FunasrSettings."""
    figures: bool = False
    """Whether the model writes marks and figures itself."""


@dataclass(frozen=True, slots=True)
class QwenSettings:
    """The engine "qwen": Qwen3-ASR, a language model that hears. It needs a GPU."""

    model: str = "modelscope:Qwen/Qwen3-ASR-1.7B"
    """As those of FunasrSettings."""
    languages: tuple[str, ...] = ()
    """ISO 639 codes of what is spoken; of one alone all is taken to be in it; empty: any that the model knows."""
    chunk_size_sec: float = 2.0
    """New audio of an utterance after which its text is taken further."""
    unfixed_chunk_num: int = 2
    """Chunks at the start of an utterance whose text is decoded anew with the next one."""
    unfixed_token_num: int = 5
    """Tokens at the end of a later text that are decoded anew with the next chunk."""
    max_new_tokens: int = 512
    """The most that is written at once; what no speech is long enough for is not written anyway."""
    context_tokens: int = 1_000
    """Of hotwords that the model is told, the heaviest first; 0: none."""
    max_batch: int = 32
    """Utterances decoded in one call."""
    gpu_memory_utilization: float = 0.8
    """Share of the GPU's memory that a recogniser process takes, 0 to 1."""

    def __post_init__(self) -> None:
        for name, bounds in QWEN_BOUNDS.items():
            _check(name, getattr(self, name), bounds)
        if not 0.5 <= self.chunk_size_sec <= 10.0:
            raise ValueError("chunk_size_sec must be 0.5 to 10")
        if not 0.1 <= self.gpu_memory_utilization <= 1.0:
            raise ValueError("gpu_memory_utilization must be 0.1 to 1")


@dataclass(frozen=True, slots=True)
class FunasrServerSettings:
    """The engine "funasr-server": a FunASR server that is there already does the work."""

    url: str = ""
    """WebSocket address, for example "wss://10.0.0.7:10095"."""
    verify_tls: bool = True
    """Whether the server's certificate must be one that this machine trusts; FunASR's own is not."""
    protocol: Literal["runtime", "realtime"] = "runtime"
    """That of the runtime servers (C++ and Python), or that of funasr.bin.realtime_ws."""
    mode: Literal["2pass", "offline"] = "2pass"
    """"offline": the server has no streaming model, and so there are no partials."""
    chunk_size: tuple[int, int, int] = (5, 10, 5)
    """What the server's streaming model hears at once, in frames of 60 ms: before, new and ahead."""
    hotwords: Literal["json", "words", "none"] = "json"
    """How the server wants them: with weights (C++), as words with blanks between (Python), or not at all."""
    figures: bool = False
    """Whether the server writes figures, where it can (C++)."""
    languages: tuple[str, ...] = ("zh", "en")
    """ISO 639-1 codes of what the server's models know."""
    timeout_s: float = 10.0
    """How long a final waits for the server; then it is tried once more."""

    def __post_init__(self) -> None:
        if self.url and (urlsplit(self.url).scheme not in ("ws", "wss") or not urlsplit(self.url).hostname):
            raise ValueError("url must be an address that begins with ws:// or wss://")
        if not all(0 <= frames <= MOST_CHUNK for frames in self.chunk_size) or not self.chunk_size[1]:
            raise ValueError(f"chunk_size is [before, new, ahead], from 0 to {MOST_CHUNK} each, new not 0")
        if not 0.1 <= self.timeout_s <= MOST_SERVER_WAIT_S:
            raise ValueError(f"timeout_s must be 0.1 to {MOST_SERVER_WAIT_S}")


@dataclass(frozen=True, slots=True)
class GoogleSettings:
    """The engine "google": Google Cloud Speech-to-Text. Audio leaves this machine, and is paid for."""

    project: str = ""
    """Id of the Google project that pays; "": the one that the credentials name, or GOOGLE_CLOUD_PROJECT."""
    location: str = "global"
    """Where Google recognises, for example "eu" or "us-central1"."""
    credentials: str = ""
    """File of a service account's key; "": as Google's libraries find them, by GOOGLE_APPLICATION_CREDENTIALS first."""
    model: str = "telephony"
    """Google's name of it."""
    languages: tuple[str, ...] = ("en-US",)
    """What calls may be in, in Google's tags (Mandarin is "cmn-Hans-CN"); several for language "auto"."""
    boost: float = 10.0
    """How much a hotword of weight 1 is preferred, 0 to 20; 0: Google is told none."""
    endpoint: str = ""
    """host:port in place of Google's own; without TLS and credentials where it is on this machine."""
    price_per_minute: float = 0.016
    """For the estimated cost; Google's list price in US dollars."""
    timeout_s: float = 5.0
    """How long a final waits for Google."""

    def __post_init__(self) -> None:
        if not self.languages:
            raise ValueError("languages must name one at least")
        if not 0.0 <= self.boost <= MOST_BOOST:
            raise ValueError(f"boost must be 0 to {MOST_BOOST}")
        _check_service(self.price_per_minute, self.timeout_s)


@dataclass(frozen=True, slots=True)
class AzureSettings:
    """The engine "azure": Azure Speech. Audio leaves this machine, and is paid for."""

    key: str = field(default="", repr=False)
    """Of the Speech resource; "": SPEECH_KEY of the environment."""
    region: str = ""
    """Of the Speech resource, for example "westeurope"; "": SPEECH_REGION of the environment."""
    languages: tuple[str, ...] = ("en-US",)
    """What calls may be in, as BCP 47 tags; several for language "auto"."""
    figures: bool = False
    """Whether Azure writes figures."""
    endpoint: str = ""
    """WebSocket address in place of the region's own, for example "wss://NAME.cognitiveservices.azure.com/stt"."""
    price_per_minute: float = 0.0167
    """For the estimated cost; Azure's list price in US dollars."""
    timeout_s: float = 5.0
    """How long a final waits for Azure."""

    def __post_init__(self) -> None:
        if not self.languages:
            raise ValueError("languages must name one at least")
        if self.region and not (self.region.isascii() and self.region.isalnum()):
            raise ValueError('region must be the name of an Azure region, for example "westeurope"')
        address = urlsplit(self.endpoint)
        local = address.hostname in ("localhost", "127.0.0.1", "::1")
        if self.endpoint and (address.scheme not in (("ws", "wss") if local else ("wss",)) or not address.hostname):
            raise ValueError("endpoint must begin with wss://; ws:// is for this machine")
        _check_service(self.price_per_minute, self.timeout_s)


def _check_service(price_per_minute: float, timeout_s: float) -> None:
    if not price_per_minute >= 0.0:
        raise ValueError("price_per_minute must not be negative")
    if not 0.1 <= timeout_s <= MOST_SERVER_WAIT_S:
        raise ValueError(f"timeout_s must be 0.1 to {MOST_SERVER_WAIT_S}")


SherpaStreamingKind = Literal["auto", "transducer", "paraformer", "zipformer2-ctc", "nemo-ctc", "wenet-ctc"]
SherpaOfflineKind = Literal[
    "auto",
    "transducer",
    "paraformer",
    "sense-voice",
    "whisper",
    "zipformer-ctc",
    "nemo-ctc",
    "wenet-ctc",
    "wav2vec2-ctc",
]
"""Of what make a model of sherpa-onnx's is; "auto": its files tell."""


@dataclass(frozen=True, slots=True)
class SherpaSettings:
    """The engine "sherpa": models of many makes in sherpa-onnx's format, a streaming one, an offline one, or both."""

    streaming: str = "huggingface:csukuangfj/sherpa-onnx-streaming-zipformer-bilingual-zh-en-2023-02-20"
    """As those of FunasrSettings; "": partials come from `offline` too, at more cost."""
    streaming_kind: SherpaStreamingKind = "auto"
    offline: str = ""
    """"": finals come from `streaming` too."""
    offline_kind: SherpaOfflineKind = "auto"
    languages: tuple[str, ...] = ("zh", "en")
    """ISO 639-1 codes of what the models know."""
    quantized: bool = True
    """Whether weights of 8 bits are taken where a folder holds others too."""
    decoding: Literal["greedy_search", "modified_beam_search"] = "modified_beam_search"
    """A transducer's search; greedy is quicker and takes no hotwords."""
    max_active_paths: int = 4
    """Texts that the beam search follows at once."""
    hotwords_score: float = 1.5
    """What a hotword of weight 1 adds to the logarithm of likelihood of each of its tokens."""
    modeling_unit: Literal["auto", "cjkchar", "bpe", "cjkchar+bpe"] = "auto"
    """What hotwords are cut into: characters and words, pieces of words, or both; "auto": the tokens tell."""
    bpe_vocab: str = ""
    """File of the pieces with their scores; "": `bpe.vocab` in the model's folder."""
    feature_bins: int = 80
    """Bands of the features that the models were trained on."""
    threads: int = 1

    def __post_init__(self) -> None:
        if not (self.streaming or self.offline):
            raise ValueError("streaming or offline must name a model")
        _check("max_active_paths", self.max_active_paths, (1, 64))
        _check("feature_bins", self.feature_bins, (16, 256))
        _check("threads", self.threads, (1, 64))
        if not 0.0 < self.hotwords_score <= 10.0:
            raise ValueError("hotwords_score must be above 0 and at most 10")


@dataclass(frozen=True, slots=True)
class RecognizerSettings:
    """The live recogniser: where it is, or how it runs here."""

    urls: tuple[str, ...] = ()
    """WebSocket addresses of recognisers, for example "ws://10.0.0.7:10190"; empty: `serve` runs its own."""
    host: str = "127.0.0.1"
    port: int = 10190
    """Where `callscribe recognizer` listens."""
    processes: int = 0
    """Recogniser processes of each engine `serve` runs; 0: one for every core, of qwen and what a server hears one."""
    engine: str = "moonshine"
    """"moonshine", "funasr", "funasr-server", "sensevoice", "sherpa", "qwen", "google" or "azure"."""
    device: Device = "auto"
    activity: Literal["silero", "fsmn-vad"] = "silero"
    """What tells speech from the rest."""
    fsmn_vad: str = "modelscope:iic/speech_fsmn_vad_zh-cn-16k-common-pytorch"
    """The model of activity "fsmn-vad", as those of FunasrSettings."""
    language_identification: str = ""
    """What tells the languages of channels in "auto" apart, as models of FunasrSettings: a Whisper of many languages in
    CTranslate2's format, or SenseVoice; "": only an engine that finds out by itself does."""
    telephone_words: bool = True
    """Whether words that are said on telephones, as "caller" or "voicemail", are preferred without being on a list."""
    update_ms: int = 200
    """Least time between two partials of an utterance; a recogniser that is busy makes it longer."""
    endpoint: EndpointSettings = EndpointSettings()
    funasr: FunasrSettings = FunasrSettings()
    sensevoice: SensevoiceSettings = SensevoiceSettings()
    sherpa: SherpaSettings = SherpaSettings()
    qwen: QwenSettings = QwenSettings()
    funasr_server: FunasrServerSettings = FunasrServerSettings()
    google: GoogleSettings = GoogleSettings()
    azure: AzureSettings = AzureSettings()

    def __post_init__(self) -> None:
        _check("update_ms", self.update_ms, UPDATE_MS_BOUNDS)

    def processes_of(self, engine: str, cores: int) -> int:
        """Processes that `serve` runs of an engine, on a machine of so many cores."""
        return self.processes or (1 if engine in _ONE_PROCESS else cores)

    def finds_language(self, engine: str) -> bool:
        """Whether an engine may hear channels in "auto": any beside what identifies languages, else who finds out."""
        if self.language_identification:
            return True
        match engine:
            case "google":
                return len(self.google.languages) > 1
            case "azure":
                return len(self.azure.languages) > 1
            case "sherpa":
                # Only models for finals do, and not all.
                return bool(self.sherpa.offline) and len(self.sherpa.languages) > 1
            case _:
                return engine in ("sensevoice", "qwen")


@dataclass(frozen=True, slots=True)
class SecondPassSettings:
    """The decoding of an ended call."""

    enabled: bool = True
    engine: str = "whisper"
    """"whisper", or an engine of the recogniser's, with its settings there."""
    model: str = ""
    """A Whisper model in CTranslate2's format, as those of FunasrSettings; "": the packaged tiny.en."""
    device: Device = "auto"
    """Where Whisper runs."""
    compute_type: str = ""
    """CTranslate2's name of the weights' precision; "": int8 on a CPU, float16 on a GPU."""
    hotwords_in_prompt: bool = False
    """Whether Whisper is told the hotwords. Small models then put them where nobody said them."""
    beam: int = 5
    language_model: str = ""
    """What helps Whisper to choose: a file in ARPA's format, or a causal model, as those of FunasrSettings."""
    language_model_weight: float = 0.2
    """What its logarithm of likelihood counts beside Whisper's; 0: it is not used."""
    hypotheses: int = 5
    """Texts of an utterance among which it helps to choose; at most `beam`."""
    threads: int = 1
    cpu_share: float = 1.0
    """CPU time that a channel may take, as a share of its length; then the least sure utterances have been decoded."""

    @property
    def rescores(self) -> bool:
        """Whether a language model is asked."""
        return bool(self.language_model) and self.language_model_weight > 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.language_model_weight <= MOST_LANGUAGE_MODEL_WEIGHT:
            raise ValueError(f"language_model_weight must be 0 to {MOST_LANGUAGE_MODEL_WEIGHT:g}")
        if self.rescores and self.engine != "whisper":
            raise ValueError(
                f"language_model is for the engine whisper: {self.engine} gives one text of an utterance, so there is "
                "nothing to choose"
            )
        if self.rescores and not 2 <= self.hypotheses <= self.beam:
            raise ValueError("hypotheses must be 2 to beam where a language model is to choose")
        if not 0.0 < self.cpu_share <= MOST_CPU_SHARE:
            raise ValueError(f"cpu_share must be above 0 and at most {MOST_CPU_SHARE:g}")

"""Any sound file comes out as 16-bit PCM a channel; anything else is refused with a sentence."""

import tracemalloc
import wave
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from asr import files
from asr.files import read_audio
from callscribe.domain.errors import UnreadableAudio

RATE = 8000
DEMO_CALL = Path(__file__).parents[2] / "callscribe" / "cli" / "media" / "demo-call.wav"


def two_tones(seconds: float = 1.0) -> NDArray[np.int16]:
    """(2, samples): 300 Hz on the left, 900 Hz on the right."""
    time = np.arange(round(RATE * seconds)) / RATE
    return np.stack([8000 * np.sin(2 * np.pi * hertz * time) for hertz in (300, 900)]).astype(np.int16)


def encode(path: Path, codec: str, pcm: NDArray[np.int16], rate: int = RATE) -> Path:
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="stereo")
        assert isinstance(stream, AudioStream)
        stream.codec_context.open()
        frame = av.AudioFrame.from_ndarray(pcm, "s16p", "stereo")
        frame.rate = RATE
        fit = av.AudioResampler(stream.format.name, "stereo", rate, stream.codec_context.frame_size or None)
        for piece in (*fit.resample(frame), *fit.resample(None), None):
            container.mux(stream.encode(piece))
    return path


def loudest_hertz(pcm: NDArray[np.int16], rate: int) -> int:
    return round(int(np.argmax(np.abs(np.fft.rfft(pcm)))) * rate / len(pcm))


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("pcm16.wav", "pcm_s16le"),
        ("pcm24.wav", "pcm_s24le"),
        ("pcm32.wav", "pcm_s32le"),
        ("float.wav", "pcm_f32le"),
        ("tone.flac", "flac"),
        ("tone.aiff", "pcm_s16be"),
    ],
)
def test_a_lossless_file_gives_every_sample_of_every_channel(tmp_path: Path, name: str, codec: str) -> None:
    pcm = two_tones()
    audio = read_audio(encode(tmp_path / name, codec, pcm))
    assert audio.rate == RATE
    assert [channel.dtype for channel in audio.channels] == [np.int16, np.int16]
    np.testing.assert_array_equal(np.stack(audio.channels), pcm)


@pytest.mark.parametrize(("codec", "bits"), [("pcm_mulaw", 13), ("pcm_alaw", 12)])
def test_g711_in_wav_gives_its_own_levels(tmp_path: Path, codec: str, bits: int) -> None:
    pcm = two_tones()
    audio = read_audio(encode(tmp_path / "g711.wav", codec, pcm))
    assert np.abs(np.stack(audio.channels) - pcm.astype(np.int32)).max() <= 8000 >> 5
    assert all(np.all(channel % 2 ** (15 - bits) == 0) for channel in audio.channels)


def test_eight_bit_wav_is_read(tmp_path: Path) -> None:
    path = tmp_path / "eight.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(11025)
        file.writeframes(bytes([0, 64, 128, 192, 255]))
    audio = read_audio(path)
    assert audio.rate == 11025
    assert audio.channels[0].tolist() == [-32768, -16384, 0, 16384, 32512]


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [("tone.mp3", "libmp3lame", 8000), ("tone.ogg", "libopus", 48000)],
)
def test_a_lossy_file_keeps_channels_rate_and_length(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    audio = read_audio(encode(tmp_path / name, codec, two_tones(), rate))
    assert audio.rate == rate
    assert audio.seconds == pytest.approx(1.0, abs=0.2)
    assert [loudest_hertz(channel, rate) for channel in audio.channels] == pytest.approx([300, 900], abs=3)


def test_the_demo_call_is_two_channels_of_mu_law() -> None:
    audio = read_audio(DEMO_CALL)
    assert (audio.rate, len(audio.channels)) == (8000, 2)
    assert audio.samples == (DEMO_CALL.stat().st_size - 58) // 2


def test_a_wav_written_to_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    path = encode(tmp_path / "pipe.wav", "pcm_s16le", two_tones())
    wav = bytearray(path.read_bytes())
    size = wav.index(b"data") + 4
    wav[4:8] = wav[size : size + 4] = b"\xff" * 4
    path.write_bytes(wav)
    assert read_audio(path).seconds == 1.0


@pytest.mark.parametrize("codec", ["flac", "pcm_s16le"])
def test_a_file_that_was_cut_off_is_refused_and_says_how_much_is_there(tmp_path: Path, codec: str) -> None:
    path = encode(tmp_path / ("cut.flac" if codec == "flac" else "cut.wav"), codec, two_tones(4.0))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UnreadableAudio, match=r"cut\.\w+ is cut off: it holds \d\.\d s of the 4\.0 s"):
        read_audio(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no audio file that can be decoded"),
        (b"not a sound\n" * 100, "no audio file that can be decoded"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "no audio file that can be decoded"),
        (bytes(range(256)) * 40, "no audio file that can be decoded"),
        (b"#EXTM3U\n#EXTINF:5,\nfile:///etc/hostname\n", "no audio file that can be decoded"),
    ],
)
def test_what_is_no_audio_is_refused_with_the_cure(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "letter.wav"
    path.write_bytes(content)
    with pytest.raises(UnreadableAudio, match=f"letter.wav is {reason}; give a WAV"):
        read_audio(path)


def test_a_wav_without_samples_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "silent.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
    with pytest.raises(UnreadableAudio, match=r"silent\.wav"):
        read_audio(path)


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UnreadableAudio, match=r"gone\.wav cannot be read: No such file or directory; check the path"):
        read_audio(tmp_path / "gone.wav")
    with pytest.raises(UnreadableAudio, match="cannot be read: Is a directory"):
        read_audio(tmp_path)


def test_a_small_file_that_holds_days_of_silence_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A FLAC of silence is a hundredth of its sound, one made for it a hundred-thousandth."""
    quiet = np.zeros((2, 4_000_000), np.int16)
    bomb = encode(tmp_path / "bomb.flac", "flac", quiet)
    assert bomb.stat().st_size < quiet.nbytes / 100
    assert read_audio(bomb).samples == quiet.shape[1]
    for limit, most in (("_MOST_BYTES", 1 << 20), ("_LONGEST_S", 60.0)):
        with monkeypatch.context() as patched:
            patched.setattr(files, limit, most)
            tracemalloc.start()
            with pytest.raises(UnreadableAudio, match="more than 24 hours, or 4 GiB, of sound; cut it"):
                read_audio(bomb)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < quiet.nbytes / 2


@pytest.mark.parametrize("rate", [1, 2_000_000_000])
def test_a_rate_that_no_sound_has_is_refused(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "lies.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(20_000))
    with pytest.raises(UnreadableAudio, match=f"{rate} Hz; give one of 4000 to 384000 Hz"):
        read_audio(path)


@pytest.mark.parametrize("channels", [0, 255, 65_535])
def test_a_channel_count_that_the_file_does_not_have_room_for_costs_nothing(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "crowd.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(bytes(20_000))
    raw = bytearray(path.read_bytes())
    raw[22:24] = channels.to_bytes(2, "little")
    path.write_bytes(raw)
    with pytest.raises(UnreadableAudio):
        read_audio(path)

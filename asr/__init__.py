"""Audio in, transcript events out: resampling, voice activity, endpointing, engines, the recogniser process, its wire
protocol and client, and the second pass. Knows no call and no database."""

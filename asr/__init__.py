"""Audio in, transcript events out: resampling, voice activity, endpointing, engines, the recogniser process and its wire,
and the second pass. Knows no call and no database."""

"""The relay of bridged calls' media: a process that passes RTP between both parties, and copies it to a line."""

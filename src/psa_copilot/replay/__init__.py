"""Replay: the plugins over the mirrored history with a moving clock and without hindsight, and how right they were.

The past is played onto a stage: a scratch database that at each moment holds what could be known then, and nothing
else. On it the real plugins, the real policy and the real learning do their work; nothing of it is kept.
"""

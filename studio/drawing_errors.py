"""Refusals of pictures that programs want drawn, below ``StudioError``.

NotFound
└── DrawingModelNotFound    404  model_not_found
Unprocessable
└── DrawingFailed           422  drawing_failed
"""

from __future__ import annotations

from studio.errors import NotFound, Unprocessable


class DrawingModelNotFound(NotFound):
    """Nothing draws under that name for this caller."""

    code = "model_not_found"


class DrawingFailed(Unprocessable):
    """The job ended without a picture; ``details`` has it and its ``reason``.

    No 5xx: clients of OpenAI's would try again by themselves, and draw anew each time.
    """

    code = "drawing_failed"

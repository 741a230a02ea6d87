"""Refusals of language models, below ``StudioError``.

Forbidden
└── ModelNotConfirmed       403  model_not_confirmed

NotFound
└── LanguageModelNotFound   404  model_not_found

Unavailable
├── NoLanguageModel         503  no_language_model
├── ModelNotRunning         503  model_not_running
├── ModelDoesNotFit         503  model_does_not_fit
└── LanguageServerDied      503  language_server_died
"""

from __future__ import annotations

from studio.errors import Forbidden, NotFound, Unavailable


class ModelNotConfirmed(Forbidden):
    """Nobody knows these bytes, and reading them may harm; the owner can say that they are good."""

    code = "model_not_confirmed"


class LanguageModelNotFound(NotFound):
    """Nobody has the model that was named; asking again does not help."""

    code = "model_not_found"


class NoLanguageModel(Unavailable):
    """There is nobody to answer: no model is installed, and no server is named."""

    code = "no_language_model"


class ModelNotRunning(Unavailable):
    """It is known, and cannot answer now; the message says why."""

    code = "model_not_running"


class ModelDoesNotFit(Unavailable):
    """``details`` has ``needed_bytes`` and ``free_bytes``."""

    code = "model_does_not_fit"


class LanguageServerDied(Unavailable):
    """The answer broke off: what came before it is all there is."""

    code = "language_server_died"

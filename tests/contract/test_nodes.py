"""What the nodes make of pictures and masks."""

from __future__ import annotations

import numpy as np
import pytest

from tests.contract.clients import Client
from tests.contract.node_cases import CASES, pictures_of, prepare, recorded_pictures

ROUNDING = 2


@pytest.mark.parametrize("case", CASES)
def test_a_node_makes_the_recorded_picture(client: Client, case: str) -> None:
    prepare(client)
    made, recorded = pictures_of(client, case), recorded_pictures()[case]
    assert np.shape(made) == np.shape(recorded)
    assert np.abs(np.array(made) - np.array(recorded)).max() <= ROUNDING

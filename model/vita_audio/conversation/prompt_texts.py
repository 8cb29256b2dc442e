"""The fixed sentences of VITA-Audio's prompts: its interface, and therefore literal.

Those of the training data were not verified. Knows no tokens.
"""

from __future__ import annotations

from collections.abc import Mapping

# Who speaks, as the demonstration says it; training and evaluation also used the other two.
LUKE = "Your Name: Luke\nYour Gender: male\n\nRespond in a text-audio interleaved manner."
LUCY = "Your Name: Lucy\nYour Gender: female\nRespond in a text-audio interleaved manner."
OMNI = "Your Name: Omni\nYour Gender: female\nRespond in a text-audio interleaved manner."
SYSTEMS: Mapping[str, str] = {"luke": LUKE, "lucy": LUCY, "omni": OMNI}

RECOGNITION = "Convert the speech to text."
SYNTHESIS = "Convert the text to speech."

"""The GLM-4-Voice speech tokenizer: 16 kHz speech to 12.5 codes a second."""

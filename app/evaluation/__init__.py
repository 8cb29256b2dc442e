"""How well a speech model hears, speaks and answers: samples in, one table out.

Works through ``app.tasks``; knows roles of models, not which one it is.
"""

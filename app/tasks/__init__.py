"""Work on files instead of a microphone, through the roles of ``model.interfaces`` only."""

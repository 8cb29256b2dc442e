"""The word spotter: what a user says over a reply, heard in the sound itself."""

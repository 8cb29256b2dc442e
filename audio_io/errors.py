"""What goes wrong with sound, each with one line that says what to do."""


class AudioError(Exception):
    """Base of all errors of the signal plane."""


class AudioUnavailable(AudioError):
    """The sound library cannot be used on this machine."""


class DeviceNotFound(AudioError):
    """No device of that name, or more than one."""


class DeviceRefused(AudioError):
    """The device exists but would not open in any format that we can use."""

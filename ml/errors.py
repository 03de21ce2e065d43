"""What can go wrong in the engine, in sentences a person can act on. Standard library only."""


class EngineError(Exception):
    """Base of every error the engine raises on purpose; its text is fit to be shown."""


class UnreadablePicture(EngineError):
    """One picture cannot be decoded. The other pictures of a batch are scored all the same."""


class BundleError(EngineError):
    """A base model or adapter folder is not what its profile says, so it must not score."""

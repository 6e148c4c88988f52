"""The errors of the pod runner: a request that it does not support, and a missing object to wait for."""


class Refusal(Exception):
    """The Pod uses something that this runner does not support: its name, and what is supported. Retrying does not help."""


class NotYet(Exception):
    """Something that the Pod needs does not exist, such as a Secret or a key of it. It is retried."""

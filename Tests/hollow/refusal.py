"""What the pod runner says when it is asked for more than it can do, and when it has to wait."""


class Refusal(Exception):
    """The Pod asks for something that this runner does not do: its name, and what would be right. Trying again is of no use."""


class NotYet(Exception):
    """Something that the Pod needs is not there: a Secret, a key of it. It is tried again."""

"""What a rule has found."""

import dataclasses


@dataclasses.dataclass
class Violation:
    """`operations` are those that show it, `keys` those of their keys that matter (none: all)."""

    rule: str
    text: str
    operations: list
    keys: tuple = ()

"""What an entry of the catalogue is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from balloonproof.model.catalogue.windows import Window
from balloonproof.model.language import Configuration, UnknownName


@dataclass(frozen=True)
class Race:
    """One race: `name` (stable) and a sentence, where it is real, and the configurations that show it and its fix.

    `settings` and `without` make the configuration that violates `violates`.  `fix` says what ends it: "guards" (those in `without` back in force), a
    mapping of settings, or None for a race that is open: then the single changes that would close it are computed, not written here.
    `commits` are QEMU's unless they say otherwise; `era` is when it is, or was, in released software.  `listed` is its id in the facts'
    lists, empty for races that were found here.  `window` is where in time it happens, None for a rule that is missing at any time.
    """

    name: str
    sentence: str
    system: str
    violates: str
    era: str
    commits: str
    listed: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    fix: str | Mapping[str, str] | None = "guards"
    window: Window | None = None

    def broken(self) -> Configuration:
        """The configuration that has the race."""
        from balloonproof.model.systems import find_system

        return find_system(self.system).configure(self.settings, self.without)

    def fixed(self) -> Configuration | None:
        """The configuration with the fix; None for an open race."""
        from balloonproof.model.systems import find_system

        if self.fix is None:
            return None
        changes = {} if isinstance(self.fix, str) else self.fix
        kept = self.without if not isinstance(self.fix, str) else ()
        return find_system(self.system).configure({**self.settings, **changes}, kept)

    def lacks(self, configuration: Configuration) -> list[str]:
        """What has to change in a configuration, of any system, before its window makes this race; nothing if it does already."""
        settings = dict(configuration.settings)
        needed = self.window.exists_if if self.window is not None else {}
        values = [f"{name}={' or '.join(values)}" for name, values in needed.items() if settings.get(name) not in values]
        fixes = self.fix if isinstance(self.fix, Mapping) else {}
        fixed = [f"not {name}={value}" for name, value in fixes.items() if name not in needed and settings.get(name, value) == value]
        return [*values, *fixed, *(f"without {guard}" for guard in self.without if configuration.keeps(guard))]


def find_races(races: Sequence[Race], names: Iterable[str]) -> list[Race]:
    """The entries called `names`, all of them if there are none; UnknownName with the nearest name for one that does not exist."""
    by_name = {race.name: race for race in races}
    for name in names:
        if name not in by_name:
            raise UnknownName("race", name, by_name)
    return [by_name[name] for name in names] or list(races)

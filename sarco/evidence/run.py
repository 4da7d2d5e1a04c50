"""The stored results of a run: the one place that reads its tables."""

import json
from functools import cached_property

from ..base.errors import SarcoError
from ..base.tables import read_results
from ..runs import profiles


class Run:
    """The results of a profile, each read when first asked for.

    What is missing or cannot be read is told in a `SarcoError` with the path of the file.

    Attributes
    ----------
    profile : sarco.runs.profiles.Profile
    tables : dict of str to DataFrame
        Those that were read, by name.
    """

    wanted = ", and the claims need it"  # told of a file that is missing

    def __init__(self, profile):
        self.profile = profile if isinstance(profile, profiles.Profile) else profiles.load(profile)
        self.tables = {}

    @property
    def remedy(self):
        """What to do about a fault of the results."""
        if self.profile.committed:
            return "restore it with git"
        return f"'make results PROFILE={self.profile.name}' makes it again once the file is removed"

    def has(self, name):
        """Whether the run has such a table: some are only made on request."""
        return name in self.tables or (self.profile.results_dir / f"{name}.csv").is_file()

    def results(self, name):
        """One table of results, as a DataFrame: "cases", "cohort", "training" and others of the folder of results."""
        if name not in self.tables:
            self.tables[name] = self._read(f"{name}.csv", read_results)
        return self.tables[name]

    @cached_property
    def info(self):
        """How the results were made: versions, hardware, wall times, checksums (run.json)."""
        return self._read("run.json", lambda path: json.loads(path.read_text(encoding="utf-8")))

    @property
    def made_with(self):
        """The profile that the results were made with, from run.json: that of a committed run has another name."""
        return self.info.get("profile", {})

    def _read(self, name, reader):
        path = self.profile.results_dir / name
        try:
            return reader(path)
        except FileNotFoundError:
            raise SarcoError(f"{path}: no such file{self.wanted}; {self.remedy}.") from None
        except ValueError as error:
            raise SarcoError(f"{path}: cannot be read ({error}); {self.remedy}.") from error

"""What the results of some weights teach of one more slice: the mean error of its area, and the limit of a warning.

Both are kept in a small file beside the weights, so that a single slice waits for no table. It says of which weights,
tables and code it is: for others, or where one has changed since, the tables are read.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..base.errors import SarcoError
from ..base.files import atomic, checksum, content_sha256
from ..base.tables import read_results
from ..ct.level import Model
from ..engines.weights import read_manifest, team, weights_sha256
from . import disagreement
from .correction import Correction, correction_from_results, of_tissues
from .disagreement import Limit
from .repeatability import MUSCLE, Repeat, repeats_of

FILE = "learned.json"
TABLES = ("cases.csv", "elsewhere.csv", "tissues.csv", "repeats.csv", "levels.csv", "volumes.csv")
CODE = ("correction.py", "disagreement.py", "learned.py", "levels.py", "repeatability.py")
HOW = (
    "correction: mean error of the areas on the validation slices of quality A, B or C in cases.csv. limit: of the "
    "members' disagreement, the one that finds most large errors on the difficult slices of elsewhere.csv at few false "
    "alarms. tissues: mean error of the area of each tissue on the validation slices in tissues.csv. repeats: "
    "how far two days of one person differ in repeats.csv. level: how the level of a slice follows from what the "
    "student of that team sees, by people at known levels in levels.csv, and how near to mid-L3 it finds a slice in "
    "volumes.csv. Written by 'sarco evaluate', 'sarco elsewhere', 'sarco tissues', 'sarco repeats' and 'sarco levels' "
    "from the tables with these checksums."
)


@dataclass(frozen=True)
class Learned:
    """The correction, the limit of the members' disagreement, why one of them is None, and the same of each tissue.

    The last holds for the student of that team alone (`sarco.engines.weights.team`), which parts the muscle. `repeats`
    are as `sarco.evidence.repeatability.repeats_of` learns them, of the tissues for that student, too; `level` is for
    the student of its own team.
    """

    correction: Correction | None = None
    limit: Limit | None = None
    warnings: tuple[str, ...] = ()
    tissues: dict[str, Correction] = field(default_factory=dict)
    student: str = ""
    repeats: dict[str, dict[str, Repeat]] = field(default_factory=dict)
    level: Model | None = None


def of(weights, results, manifest, student=False):
    """What is known of the weights of a manifest, which lie in the folder `weights`, as it was kept or learned anew."""
    return _kept(weights, results, manifest, student) or learn(results, manifest, student)


def keep(weights, results):
    """Write what these results teach about these weights beside them, but for what lacks a table or a slice.

    Returns the path of the file.
    """
    found = {name: digest for name in TABLES if (digest := content_sha256(Path(results) / name))}
    kept = {"how": HOW, "code": _code(), "tables": found}
    for student in (False, True):
        try:
            manifest = read_manifest(weights, student)
        except SarcoError:  # a run may have no student
            continue
        learned = learn(results, manifest, student)
        if not learned.warnings:
            kept[_whose(student)] = {
                "team": team(manifest), "correction": asdict(learned.correction),
                "limit": learned.limit and asdict(learned.limit),
                "tissues": {name: asdict(one) for name, one in learned.tissues.items()},
                "student": learned.student,
                "repeats": {name: {what: asdict(one) for what, one in by.items()}
                            for name, by in learned.repeats.items()},
            }  # fmt: skip
            kept["level"] = learned.level and asdict(learned.level)  # of both
    path = Path(weights) / FILE
    with atomic(path) as beside:
        beside.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return path


def _code():
    """What learns, by its bytes: to parse it would take as long as to read the tables."""
    return {name: checksum(Path(__file__).with_name(name)) for name in CODE}


def _whose(student):
    return "student" if student else "members"


def _kept(weights, results, manifest, student):
    try:
        kept = json.loads((Path(weights) / FILE).read_text(encoding="utf-8"))
        known, tables = kept[_whose(student)], kept["tables"]
        # Without its tables, a folder of weights knows what they taught.
        same = all(content_sha256(Path(results) / name) in (None, tables.get(name)) for name in TABLES)
        if same and kept["code"] == _code() and known["team"] == team(manifest):
            tissues = {name: Correction(**one) for name, one in known["tissues"].items()}
            limit = known["limit"] and Limit(**known["limit"])
            repeats = {name: {what: Repeat(**one) for what, one in by.items()} for name, by in known["repeats"].items()}
            return Learned(Correction(**known["correction"]), limit, (), tissues, known["student"], repeats,
                           kept["level"] and Model(**{name: tuple(one) if isinstance(one, list) else one
                                                      for name, one in kept["level"].items()}))  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # none, or not as it was written
        pass
    return None


def learn(results, manifest, student=False):
    """What the tables in a folder of results teach about the weights of a manifest: `Learned`."""
    cases, info = Path(results) / "cases.csv", Path(results) / "run.json"
    try:
        evaluated = json.loads(info.read_text(encoding="utf-8")).get("student" if student else "weights")
        if evaluated != weights_sha256(manifest):
            return Learned(warnings=(f"{info}: belongs to other weights, so no corrected area; run 'sarco evaluate'.",))
        correction = correction_from_results(read_results(cases), student)
    except FileNotFoundError as error:
        return Learned(warnings=(f"{error.filename}: not found, so no corrected area; run 'sarco evaluate'.",))
    except SarcoError as error:
        return Learned(warnings=(f"No corrected area: {error}",))
    except (ValueError, KeyError) as error:
        return Learned(warnings=(f"{results}: results that cannot be read ({error}), so no corrected area.",))
    tissues, taught_by = _of_team(Path(results) / "tissues.csv", manifest, student)
    repeats, other = _of_team(Path(results) / "repeats.csv", manifest, student)
    repeats = {} if repeats is None else repeats_of(repeats, student)
    if other != taught_by:  # which parted others
        repeats = {name: by for name, by in repeats.items() if name == MUSCLE}
    of_parts = {} if tissues is None else of_tissues(tissues, student), taught_by, repeats
    of_parts = *of_parts, _level(Path(results))
    if len(manifest["members"]) < 2:
        return Learned(correction, None, (), *of_parts)
    return Learned(correction, *_limit(Path(results) / "elsewhere.csv", correction, manifest), *of_parts)


def _level(results):
    """How the level of a slice follows from what the student sees; None without a table that tells."""
    from . import levels

    try:
        volumes = read_results(results / "volumes.csv") if (results / "volumes.csv").exists() else None
        return levels.learn(read_results(results / "levels.csv"), volumes)
    except (FileNotFoundError, KeyError):
        return None


def _of_team(path, manifest, student):
    """A table of these weights, and the team of the student whose tissues it has; None and nobody's without one."""
    try:
        table = read_results(path)
        (teams,) = table["team"].unique()
        teams = teams.split()
    except (FileNotFoundError, ValueError, KeyError):
        return None, ""
    return (table, teams[1]) if teams[student] == team(manifest) else (None, "")


def _limit(path, correction, manifest):
    """Limit of the members' disagreement, and why there is none."""
    why = "tells no limit"
    try:
        table = read_results(path)
        if set(table["team"]) != {team(manifest)}:
            raise ValueError("it belongs to other weights")
        table = table[table["population"] == disagreement.LEARNED_ON]
        limit = disagreement.learn(disagreement.with_errors(table, correction))
        if limit is not None:
            return limit, ()
    except FileNotFoundError:
        why = "not found"
    except (ValueError, KeyError) as error:
        why = f"of no use ({error})"
    return None, (f"{path}: {why}, so no warning where the networks disagree; run 'sarco elsewhere'.",)

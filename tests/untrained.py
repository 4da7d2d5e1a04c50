"""Networks that were not trained, each with other weights, as the members of a profile."""

import json

from sarco.base.files import checksum
from sarco.engines.weights import pack
from sarco.method.unet import unet


def write_members(profile, count=1):
    """Write so many members with their manifest."""
    write(profile, "manifest", [f"member-{number:02d}" for number in range(1, count + 1)])


def write_student(profile):
    """Write a student beside them."""
    write(profile, "student", ["student"])


def write(profile, manifest, names, tissues=()):
    """Write some networks and a manifest of that name; with `tissues` they know these beside muscle."""
    import keras

    profile.weights_dir.mkdir(parents=True, exist_ok=True)
    entries = []
    for name in names:
        file = profile.weights_dir / f"{name}.npz"
        keras.utils.set_random_seed(sum(map(ord, name)))
        pack(unet(profile.filters, tissues=len(tissues)), file)
        entries.append({"file": file.name, "sha256": checksum(file)})
    made = {"filters": profile.filters, "depth": 4, "spacing_mm": profile.spacing_mm, "members": entries}
    made |= {"tissues": tissues} if tissues else {}
    (profile.weights_dir / f"{manifest}.json").write_text(json.dumps(made))

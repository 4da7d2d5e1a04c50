"""cases.csv and cohort.csv of a run that is made up, so that its answers are known."""

import numpy as np
import pandas as pd

N = 60  # cases of a split


def made(seed=0, n=N, offset=4.0, scatter=2.0, reader=3.0, phases=("plain", "portal"), by_phase=None):
    """cases.csv and cohort.csv of a run with two members and a student; the network's error is known."""
    rng = np.random.default_rng(seed)
    cohort, rows = [], []
    for split in ("validation", "test"):
        for i in range(n):
            case, phase = f"{split}{i}", phases[i % len(phases)]
            true = rng.uniform(90, 180)
            drawn = true + rng.normal(0, reader)
            wrong = (by_phase or {}).get(phase, offset) + rng.normal(0, scatter)
            cohort.append({"case": case, "sex": "FM"[i % 2], "age": 40 + i % 40, "phase": phase, "height_m": 1.7,
                           "weight_kg": 60.0 + i % 40, "slice_thickness_mm": 3.0, "maker": "GE MEDICAL",
                           "notes": (None, "ascites", "arms, ascites")[i % 3]})  # fmt: skip
            for subset, members in (("1", 1), ("2", 1), ("1-2", 2), ("student", 1)):
                for step in ("threshold", "dilation", "window"):
                    more = {"1": 1.0, "2": -1.0, "1-2": 0.0, "student": 50.0}[subset]
                    rows.append({
                        "case": case, "split": split, "quality": "ABCD"[i % 4], "pixel_spacing_mm": 0.6 + 0.006 * i,
                        "members": members, "subset": subset, "step": step, "dsc": 0.95 + 0.01 * (members == 2),
                        "true_dsc": 0.97, "reader_dsc": 0.98, "area_cm2": true + wrong + more,
                        "reference_area_cm2": drawn, "true_area_cm2": true, "mean_hu": 40.0,
                    })  # fmt: skip
    return pd.DataFrame(rows), pd.DataFrame(cohort)

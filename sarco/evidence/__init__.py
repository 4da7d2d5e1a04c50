"""What the tables of a run show, and the experiments beside it.

What says something of many slices comes in; what is said of one patient's slice is in `slice_tool`.

Tables of a run: `run` reads them; `steps`, `statistics`, `correction`, `bias`, `disagreement`, `class_changes` (with
the limits of `cutoffs`), `population_study` and `repeatability` tell what they mean. `bootstrap` draws the 95 %
intervals; those of the mean error and of one more slice are by Student's t, in `correction`.

Experiments, the first four with `measuring`: `sweeps` (`sarco sweeps`, sweeps.csv), `member_orders` (`sarco orders`,
orders.csv), `other_populations` (`sarco elsewhere`, elsewhere.csv), `assumptions` (`sarco readings`, readers.csv),
`repeats` (`sarco repeats`, repeats.csv), `levels` (`sarco levels`, levels.csv and volumes.csv), `ablation` (`sarco
ablate`, ablation.csv), `label_noise` (`sarco labels`, labels.csv), `speed` (`sarco bench`, bench.csv), `phantom_speed`
(`sarco cohort bench`, which prints) and `training_cost` (chapter 3).

The paper's side: `printed` reads data/paper.csv, `audit` checks its arithmetic, `network_arithmetic` counts its
network, `published_changes` has what others measured, and `claims` (`sarco claims`) sets each claim beside a run.
"""

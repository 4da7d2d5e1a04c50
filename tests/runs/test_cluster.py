"""More than one process, GPU or machine: the results are those of a single one, to the byte."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from sarco.base.errors import SarcoError
from sarco.base.files import checksum
from sarco.cohort import make
from sarco.engines.weights import pack
from sarco.method.unet import DEPTH, unet
from sarco.runs import evaluation, profiles

pytestmark = pytest.mark.long

# --- blocks of cases ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory, tiny):
    """A small cohort and two untrained members, whose probabilities lie about one half."""
    import keras

    profile = profiles.load(tiny(tmp_path_factory.mktemp("run")))
    make.make(profile.cohort_dir, cases=12, setting="reference", seed=1, workers=1, matrix=128)
    entries = []
    for member, name in enumerate(("member-01", "member-02", "student"), 1):
        keras.utils.set_random_seed(member)
        path = profile.weights_dir / f"{name}.npz"
        path.parent.mkdir(exist_ok=True)
        pack(unet(profile.filters), path)
        entries.append({"file": path.name, "sha256": checksum(path), "seed": member})
    for file, some in (("manifest.json", entries[:2]), ("student.json", entries[2:])):
        manifest = {"filters": profile.filters, "depth": DEPTH, "spacing_mm": profile.spacing_mm, "members": some}
        (profile.weights_dir / file).write_text(json.dumps(manifest))
    return profile.run_path


@pytest.fixture
def profile(run_folder, tmp_path, tiny):
    shutil.copytree(run_folder, tmp_path / "run")
    return profiles.load(tiny(tmp_path))


def _evaluated(profile, block=None):
    return evaluation.run(profile, progress=False, block=block)


def test_blocks_give_the_bytes_of_one_process(profile):
    folder = _evaluated(profile)
    whole = (folder / "cases.csv").read_bytes()
    cases = json.loads((folder / "run.json").read_text())["evaluation"]["cases"]
    assert cases == len({line.split(",")[0] for line in whole.decode().splitlines()[1:]}) > 3
    (folder / "cases.csv").unlink()

    for number in (3, 1):
        for line in _evaluated(profile, f"{number}/3").read_text().splitlines()[2:]:
            # Now only the file of the block can give this case; that of the second block was never made.
            (profile.cohort_dir / "images" / f"{line.split(',')[0]}.dcm").unlink(missing_ok=True)
    assert not (folder / "cases.csv").exists()
    _evaluated(profile)
    assert (folder / "cases.csv").read_bytes() == whole
    told = json.loads((folder / "run.json").read_text())["evaluation"]
    assert 0 < told["from_blocks"] < told["cases"] == cases and told["resumed"] == 0 < told["seconds"]


def test_a_block_of_other_members_is_not_joined(profile):
    block = _evaluated(profile, "1/1")
    shutil.copyfile(profile.weights_dir / "member-01.npz", profile.weights_dir / "member-02.npz")
    manifest = json.loads((profile.weights_dir / "manifest.json").read_text())
    manifest["members"][1]["sha256"] = manifest["members"][0]["sha256"]
    (profile.weights_dir / "manifest.json").write_text(json.dumps(manifest))
    folder = _evaluated(profile)
    assert json.loads((folder / "run.json").read_text())["evaluation"]["from_blocks"] == 0
    assert (folder / "cases.csv").read_text() != block.read_text().partition("\n")[2]


@pytest.mark.parametrize("block", ["0/2", "3/2", "2", "a/b", "1/0"])
def test_a_block_that_is_none_is_refused(profile, block):
    with pytest.raises(SarcoError, match="no such block"):
        _evaluated(profile, block)


# --- GPUs -----------------------------------------------------------------------------------------

HOLD = """
import os, sys
from sarco.base import gpu
with gpu.one():
    print(os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
    sys.stdin.read()
"""


def test_each_process_takes_a_gpu_of_its_own(tmp_path):
    program = tmp_path / "bin/nvidia-smi"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nfor i in 0 1 2; do echo "GPU $i: NVIDIA Some Name (UUID: GPU-aa-$i)"; done\n')
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    here = {**os.environ, "PATH": path, "TMPDIR": str(tmp_path), "CUDA_VISIBLE_DEVICES": "0,GPU-aa-2"}

    with ExitStack() as stack:

        def start(**changes):
            process = subprocess.Popen([sys.executable, "-c", HOLD], env={**here, **changes}, text=True,
                                       **dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE))  # fmt: skip
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        assert start(CUDA_VISIBLE_DEVICES="1").stdout.readline() == "1\n"  # chosen by Slurm or by hand
        first, second = start(), start()
        assert {p.stdout.readline() for p in (first, second)} == {"GPU-aa-0\n", "GPU-aa-2\n"}
        third = start()
        assert third.stderr.readline() == "All 2 GPUs are taken; waiting for one.\n"
        first.send_signal(signal.SIGKILL)
        again = third.stdout.readline()
        assert again in ("GPU-aa-0\n", "GPU-aa-2\n")
        second.stdin.close()
        assert start().stdout.readline() in {"GPU-aa-0\n", "GPU-aa-2\n"} - {again}


# --- Slurm ----------------------------------------------------------------------------------------


def _snakemake(root, *options, profile, **environment):
    command = [sys.executable, "-m", "snakemake", "--snakefile", "workflow/Snakefile", *options]
    return subprocess.run([*command, "--config", f"profile={profile}", "--", "results"], cwd=root,
                          env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)  # fmt: skip


def test_the_profile_for_a_cluster_plans_blocks_as_jobs(root, tmp_path, tiny):
    done = _snakemake(root, "--workflow-profile", "workflow/cluster", "--dry-run", profile=tiny(tmp_path))
    assert done.returncode == 0, done.stdout[-3000:]
    assert done.stdout.count("\nrule evaluation_block:") == 8
    assert done.stdout.count("\nrule member:") == 2


SLURM_CONF = """
ClusterName=sarco
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=16 RealMemory=64000
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def _free_ports(number):
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@pytest.fixture
def slurm(tmp_path):
    """A Slurm of one node on this machine, of this test alone; the environment in which its commands find it."""
    import getpass

    search = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])
    programs = {name: shutil.which(name, path=search) for name in ("munged", "slurmctld", "slurmd", "sinfo", "srun")}
    if not all(programs.values()):
        pytest.skip("no Slurm on this machine: apt-get install slurm-wlm munge")
    folder = tmp_path / "slurm"
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)
    host = socket.gethostname().partition(".")[0]
    conf = folder / "slurm.conf"
    conf.write_text(SLURM_CONF.format(folder=folder, host=host, ports=_free_ports(2), user=getpass.getuser()))
    # A job does not inherit SLURM_CONF, and no Slurm would look for its configuration here.
    srun = folder / "bin/srun"
    srun.parent.mkdir()
    srun.write_text(f'#!/bin/sh\nSLURM_CONF="{conf}" exec "{programs["srun"]}" "$@"\n')
    srun.chmod(0o755)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    here = {**os.environ, "SLURM_CONF": str(conf)}

    with ExitStack() as stack:

        def start(name, *arguments):
            log = stack.enter_context((folder / f"{name}.out").open("w"))
            process = subprocess.Popen([programs[name], *map(str, arguments)], env=here, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.terminate)

        start("munged", "--foreground", "--force", "--key-file", key, "--socket", folder / "munge.socket",
              "--pid-file", folder / "munged.pid", "--log-file", folder / "munged.log",
              "--seed-file", folder / "munged.seed")  # fmt: skip
        start("slurmctld", "-D", "-f", conf)
        start("slurmd", "-D", "-f", conf, "-N", host)
        for _ in range(60):
            state = subprocess.run(["sinfo", "-h", "-o", "%T"], env=here, capture_output=True, text=True).stdout
            if state.strip() == "idle":
                break
            time.sleep(1)
        else:
            said = "\n".join(path.read_text()[-2000:] for path in sorted(folder.glob("*.out")))
            pytest.fail(f"Slurm did not start ({state.strip()}):\n{said}")
        yield {"SLURM_CONF": str(conf), "PATH": f"{srun.parent}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.slurm
def test_slurm_gives_the_bytes_of_this_machine(root, tmp_path, tiny, slurm):
    profile = tiny(tmp_path / "cluster")
    done = _snakemake(
        root, "--workflow-profile", "workflow/cluster", "--set-scatter", "block=2", "--slurm-no-account",
        "--retries", "0", "--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "5",
        "--seconds-between-status-checks", "5", "--slurm-logdir", str(tmp_path / "logs"), profile=profile, **slurm,
    )  # fmt: skip
    logs = [path.read_text()[-1500:] for path in Path(tmp_path, "logs").rglob("*.log")]
    assert done.returncode == 0, "\n".join([done.stdout[-6000:], *logs])
    # Five cohorts, two members, their manifest and student, two blocks and what joins them, and four more tables.
    assert done.stdout.count("SLURM jobid") == 16, done.stdout
    cluster = profiles.load(profile)
    info = json.loads((cluster.results_dir / "run.json").read_text())["evaluation"]
    assert info["from_blocks"] == info["cases"] > 1

    done = _snakemake(root, "--cores", "2", profile=tiny(tmp_path / "local"))
    assert done.returncode == 0, done.stdout[-6000:]
    local = profiles.load(tmp_path / "local/tiny.yaml")
    for name in ("weights/member-01.npz", "weights/member-02.npz", "results/cases.csv", "results/cohort.csv"):
        assert (cluster.run_path / name).read_bytes() == (local.run_path / name).read_bytes(), name
    assert not list((cluster.run_path / "blocks").glob("*"))

"""Checkpoints on disk: what was written comes back to the bit, anything else is refused."""

import pytest
import torch

from bench.run.jobs import checkpoint_files
from bench.run.jobs.checkpoint_files import Damaged, read, write
from bench.run.jobs.fit import StoredCheckpoint

STATE = {
    "weights": torch.arange(12.0).reshape(3, 4),
    "half": torch.ones(5, dtype=torch.bfloat16),
    "round": torch.tensor(7),
}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / f"{'a' * 64}.safetensors"
    write(path, STATE, 2.5)
    return path


def test_what_was_written_comes_back(file):
    state, seconds = read(file)
    assert seconds == 2.5
    assert all(torch.equal(state[name], tensor) for name, tensor in STATE.items())
    assert read(file.with_name("none.safetensors")) is None


def test_every_flipped_byte_is_found(file):
    whole = file.read_bytes()
    for place in range(len(whole)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 64]) + whole[place + 1 :])
        try:
            state, seconds = read(file)
        except Damaged:
            continue
        assert seconds == 2.5, place
        assert state.keys() == STATE.keys(), place
        assert all(torch.equal(state[name], tensor) for name, tensor in STATE.items()), place


@pytest.mark.parametrize("content", [b"", b"\0" * 400, b"text", b'{"a": 1}'])
def test_other_files_are_refused(file, content):
    file.write_bytes(content)
    with pytest.raises(Damaged):
        read(file)


def test_a_cut_file_is_refused(file):
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(Damaged):
        read(file)


def test_a_checkpoint_of_another_job_or_without_checksum_is_refused(file):
    from safetensors.torch import save_file

    other = file.with_name(f"{'b' * 64}.safetensors")
    file.rename(other)
    with pytest.raises(Damaged, match="it belongs to another job"):
        read(other)
    save_file(STATE, file)
    with pytest.raises(Damaged, match="it has no checksum"):
        read(file)


def test_a_damaged_one_counts_as_none_is_removed_and_named_in_one_line(file):
    said = []
    assert StoredCheckpoint(file, said.append).load().keys() == STATE.keys()
    file.write_bytes(file.read_bytes()[:-1])
    assert StoredCheckpoint(file, said.append).load() is None
    assert not file.exists()
    (line,) = said
    assert line.startswith("the checkpoint of an unfinished fit was damaged (")
    assert line.endswith("); the fit starts again")
    assert checkpoint_files.read(file) is None

import io
import os
import random
import socket
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.plugins.isolation import REASON_CHARACTERS, NetworkRefused, one_line, undisturbed, watched


def test_what_changed_in_the_process_is_put_back(tmp_path):
    def draws() -> tuple[float, float, float]:
        return random.random(), np.random.rand(), torch.rand(()).item()  # noqa: NPY002

    with undisturbed():
        expected = draws()
    folder, threads, errors = Path.cwd(), torch.get_num_threads(), np.geterr()
    path, streams = list(sys.path), (sys.stdout, sys.stderr)

    @undisturbed()
    def meddle() -> None:
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002
        torch.manual_seed(0)
        torch.set_num_threads(threads + 1)
        torch.set_default_dtype(torch.float64)
        torch.set_default_device("meta")
        torch.use_deterministic_algorithms(True)
        torch.set_grad_enabled(False)
        np.seterr(all="raise")
        sys.path.insert(0, "here")
        sys.stdout = sys.stderr = io.StringIO()
        os.environ["PLUGIN_WAS_HERE"] = "1"
        os.chdir(tmp_path)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        meddle()
    assert (Path.cwd(), torch.get_num_threads()) == (folder, threads)
    assert torch.get_default_dtype() == torch.float32
    assert torch.get_default_device() == torch.device("cpu")
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.is_grad_enabled()
    assert (np.geterr(), sys.path, (sys.stdout, sys.stderr)) == (errors, path, streams)
    assert "PLUGIN_WAS_HERE" not in os.environ
    with undisturbed():
        assert draws() == expected


def test_temporary_files_reading_and_devices_are_nobodys_business(tmp_path):
    (tmp_path / "given").write_text("data")
    with watched() as watch:
        assert (tmp_path / "given").read_text() == "data"
        with tempfile.TemporaryDirectory() as folder:
            np.save(Path(folder) / "scratch.npy", np.zeros(3))
        with open(os.devnull, "w") as sink:  # noqa: PTH123
            sink.write("nothing")
    assert watch.written == []
    assert watch.reached == []


def test_files_made_changed_and_removed_elsewhere_are_seen(tmp_path):
    for name in ("old", "renamed", "removed"):
        (tmp_path / name).write_text("data")
    with watched() as watch:
        (tmp_path / "new").write_text("data")
        with (tmp_path / "old").open("r+"):
            pass
        os.close(os.open(tmp_path / "low", os.O_CREAT | os.O_WRONLY))
        (tmp_path / "folder").mkdir()
        (tmp_path / "renamed").rename(tmp_path / "moved")
        (tmp_path / "removed").unlink()
    seen = {Path(path).name for path in watch.written}
    assert seen == {"new", "old", "low", "folder", "renamed", "moved", "removed"}


def test_what_writes_past_python_is_seen_in_the_working_folder():
    with watched() as watch:
        torch.save(torch.zeros(3), "weights.pt")
    assert watch.written == ["weights.pt"]
    assert not Path("weights.pt").exists()


def test_connections_are_refused_and_seen():
    with watched() as watch, socket.socket() as client:
        with pytest.raises(NetworkRefused, match=r"no connection to 192\.0\.2\.1:80"):
            client.connect(("192.0.2.1", 80))
        with pytest.raises(OSError, match=r"no connection to example\.org"):
            socket.getaddrinfo("example.org", 443)
    assert watch.reached == ["192.0.2.1:80", "example.org"]


def test_nothing_is_seen_or_refused_afterwards(tmp_path):
    with watched() as watch:
        pass
    (tmp_path / "new").write_text("data")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
    assert (watch.written, watch.reached) == ([], [])


def test_a_reason_is_one_line_of_bounded_length():
    assert one_line(" a\n  b ") == "a b"
    assert len(one_line("x" * 10_000)) == REASON_CHARACTERS

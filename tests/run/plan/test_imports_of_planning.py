"""Planning imports no torch and no SciPy: whoever asks for a plan does not wait for them."""

import subprocess
import sys


def test_planning_itself_imports_neither_torch_nor_scipy():
    code = (
        "import sys, bench.run.plan, bench.run.runner, bench.run.jobs.kinds, pairs.objects, pairs.vending\n"
        "print(sorted({'torch', 'scipy', 'pandas'} & set(sys.modules)))"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed.strip() == "[]"

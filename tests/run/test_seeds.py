from bench.run.seeds import seed_from


def test_a_seed_is_a_fixed_function_of_its_names():
    # The published leaderboards rest on this value: a change would re-draw every seed.
    assert seed_from("train", "classification", "light_cnn", 0) == 2586823301366351954


def test_names_are_kept_apart():
    assert seed_from("ab", "c") != seed_from("a", "bc")
    assert len({seed_from("fit", "fda", i) for i in range(100)}) == 100
    assert all(0 <= seed_from("fit", i) < 2**63 for i in range(100))

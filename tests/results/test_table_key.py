"""One key identifies a table in records, measurements, the frame of cells and the leaderboard."""

from bench.report.frame import TABLE
from bench.results.measurement import Subject
from bench.results.table_key import TableKey


def test_a_measurement_and_a_table_meet_by_their_key():
    key = TableKey(pair="digits", task="classification", model="light_cnn", recipe="strong", budget="light")
    subject = Subject(**key._asdict(), refiner="fda", width=32, height=32)
    assert subject.key == key
    assert list(key._asdict()) == TABLE

from bench.run import work_queue
from bench.run.work_queue import WorkQueue

RANKS = {name: (False, place) for place, name in enumerate("abcdef")}


def groups(queue: WorkQueue) -> list[tuple[str, list[str]]]:
    found = []
    while (group := queue.pop_group()) is not None:
        found.append(group)
    return found


def test_jobs_arrive_in_order_of_rank_whenever_they_come():
    queue = WorkQueue(RANKS, ["d", "b"])
    assert queue.pop_arrived() == "b"
    queue.arrive("a")
    assert [queue.pop_arrived() for _ in range(3)] == ["a", "d", None]
    assert not queue


def test_jobs_of_one_key_are_one_group_that_starts_with_its_lowest_rank():
    queue = WorkQueue(RANKS, [])
    for key, job_id in (("late", "f"), ("middle", "c"), ("late", "a")):
        queue.add(key, job_id)
    assert "late" in queue
    assert groups(queue) == [("late", ["f", "a"]), ("middle", ["c"])]
    assert not queue


def test_a_postponed_group_waits_until_its_time_and_keeps_its_jobs(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(work_queue.time, "monotonic", lambda: now[0])
    queue = WorkQueue(RANKS, [])
    queue.add("first", "a")
    key, job_ids = queue.pop_group()
    queue.postpone(key, job_ids, 0.5)
    queue.add("second", "b")
    assert groups(queue) == [("second", ["b"])]
    assert queue
    now[0] += 0.6
    assert groups(queue) == [("first", ["a"])]


def test_a_postponed_group_starts_at_once_when_another_of_its_jobs_comes():
    queue = WorkQueue(RANKS, [])
    queue.postpone("key", ["a"], 3600)
    queue.add("key", "b")
    assert groups(queue) == [("key", ["a", "b"])]


def test_the_work_per_job_does_not_grow_with_the_number_of_jobs(monkeypatch):
    """Counted are the heap's operations on a queue that is polled after every job, as a run does."""
    counts = []
    for n_jobs in (100, 1000):
        made = [0]

        def push(heap, item, made=made, push=work_queue.heapq.heappush):
            made[0] += 1
            push(heap, item)

        monkeypatch.setattr(work_queue.heapq, "heappush", push)
        queue = WorkQueue({str(i): (False, i) for i in range(n_jobs)}, map(str, range(n_jobs)))
        while (job_id := queue.pop_arrived()) is not None:
            queue.add(job_id, job_id)
        while queue.pop_group() is not None:
            pass
        monkeypatch.undo()
        counts.append(made[0] / n_jobs)
    assert counts[0] == counts[1] == 1

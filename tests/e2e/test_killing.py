from pathlib import Path

from tests.e2e.killing import kill_again_and_again


async def test_server_killed_in_the_middle_of_runs_loses_nothing_and_does_nothing_twice(tmp_path: Path) -> None:
    outcome = await kill_again_and_again(tmp_path, executions=4, kills=2)
    assert outcome.statuses == {"completed": 4}
    assert outcome.orders == 4, "every run places one order"
    assert outcome.problems == []
    assert outcome.events_in_order, f"{outcome.events_seen} of {outcome.events_stored} events seen"

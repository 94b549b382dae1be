"""The cache forgets what was not used for longest."""

from domain.market.memory import Memory, Remembered


def test_the_least_recently_used_value_is_forgotten() -> None:
    memory: Memory[str, int] = Memory(capacity=2)
    memory.put("a", 1, wall=10.0)
    memory.put("b", 2, wall=11.0)
    remembered = memory.get("a")
    assert remembered is not None and remembered.age(12.5) == 2.5
    memory.put("c", 3, wall=12.0)
    assert memory.get("b") is None
    assert [memory.get(key) for key in ("a", "c")] == [Remembered(1, 10.0), Remembered(3, 12.0)]
    assert len(memory) == 2

"""The items that both applications answer with."""


def dicts(count: int) -> list[dict[str, object]]:
    return [{"id": i, "name": f"item number {i}", "price": i * 1.25, "tags": ["a", "b"]} for i in range(count)]

"""How much memory there is, and how a person says how much of it a pass may take."""

import pytest

from cnnviz_widgets.engine.memory import LIMIT, SHARE, Memory, bytes_of, free, in_words, left_in_group

GB = 10**9


@pytest.mark.parametrize(
    ("given", "expected"),
    [(1500, 1500), (2.5e9, 2500000000), ("2GB", 2 * GB), ("1.5 GiB", 3 * 2**29), (" 500mb ", 5 * 10**8), ("64", 64)],
)
def test_a_number_of_bytes_may_be_written_as_people_do(given, expected):
    assert bytes_of(given) == expected


@pytest.mark.parametrize(
    "given", ["", "much", "2 gigs", "-1GB", "0", 0, -5, True, None, float("inf"), float("nan"), [1]]
)
def test_what_is_no_number_of_bytes_is_refused(given):
    with pytest.raises(ValueError, match="memory_limit must be a number of bytes, 1 or more, or a text such as"):
        bytes_of(given)


@pytest.mark.parametrize(
    ("count", "expected"), [(9.1e9, "9.1 GB"), (123456789, "123 MB"), (2000, "2 kB"), (7, "7 bytes")]
)
def test_a_number_of_bytes_is_told_as_people_do(count, expected):
    assert in_words(count) == expected


def test_a_batch_may_take_a_quarter_of_what_is_free_and_one_image_all_of_it(monkeypatch):
    monkeypatch.delenv(LIMIT, raising=False)
    monkeypatch.setattr("cnnviz_widgets.engine.memory.free", lambda: 8 * GB)
    memory = Memory()
    assert SHARE == 0.25
    assert (memory.ceiling, memory.ceiling_of_one) == (2 * GB, 8 * GB)


def test_what_is_set_holds_for_both_and_can_be_changed(monkeypatch):
    monkeypatch.setattr("cnnviz_widgets.engine.memory.free", lambda: 8 * GB)
    memory = Memory("3GB")
    assert (memory.ceiling, memory.ceiling_of_one) == (3 * GB, 3 * GB)
    memory.limit = 5 * GB
    assert memory.ceiling == 5 * GB
    memory.limit = None
    assert memory.ceiling == 2 * GB


def test_the_owner_of_an_app_sets_it_by_the_environment(monkeypatch):
    monkeypatch.setenv(LIMIT, "1GB")
    assert Memory().ceiling == GB
    assert Memory("2GB").ceiling == 2 * GB
    monkeypatch.setenv(LIMIT, "a lot")
    with pytest.raises(ValueError, match="CNNVIZ_MEMORY_LIMIT must be a number of bytes.*Received: 'a lot'"):
        Memory()


def test_this_machine_has_memory_free():
    assert 0 < free() < 2**50


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


@pytest.fixture
def itself(tmp_path):
    path = tmp_path / "cgroup"
    path.write_text("0::/user/session\n")
    return path


def test_a_container_leaves_what_it_may_take_less_what_it_holds(tmp_path, itself):
    root = tmp_path / "groups"
    write(root, memory__max="1000\n", memory__current="700\n", memory__stat="anon 500\ninactive_file 150\n")
    assert left_in_group(root, itself) == 450


def test_the_narrowest_of_the_groups_around_a_process_counts(tmp_path, itself):
    root = tmp_path / "groups"
    write(root, memory__max="max\n", memory__current="700\n", memory__stat="inactive_file 0\n")
    write(root / "user", memory__max="900\n", memory__current="700\n", memory__stat="inactive_file 0\n")
    write(root / "user/session", memory__max="5000\n", memory__current="700\n", memory__stat="inactive_file 0\n")
    assert left_in_group(root, itself) == 200


def test_the_first_version_of_groups_is_understood_too(tmp_path, itself):
    root = tmp_path / "groups"
    names = {"memory.limit_in_bytes": "1000", "memory.usage_in_bytes": "400", "memory.stat": "total_inactive_file 100"}
    write(root / "memory", **names)
    assert left_in_group(root, itself) == 700


def test_without_groups_there_is_no_limit(tmp_path):
    assert left_in_group(tmp_path / "none", tmp_path / "nothing") == float("inf")

from __future__ import annotations

from grading.multiples import HEIGHT, spread, trend


def test_the_axis_is_the_whole_scale_whatever_the_levels():
    low, high = trend([2, 2, 2], 1, 5), trend([2, 3, 4], 1, 5)
    assert low.lines == high.lines
    assert [line.level for line in low.lines] == [1, 2, 3, 4, 5]


def test_a_higher_level_is_higher_up():
    low, high = trend([1, 5, 3], 1, 5).dots[:2]
    assert low.y > high.y


def test_two_levels_make_no_line():
    assert trend([1, None, 5], 1, 5).path == ""
    assert trend([1, 3, 5], 1, 5).path.count("M") == 1


def test_a_gap_breaks_the_line():
    drawn = trend([1, 2, None, 4, 5], 1, 5)
    assert drawn.path.count("M") == 2
    assert len(drawn.gaps) == 1


def test_one_work_can_be_drawn():
    assert len(trend([3], 1, 5).dots) == 1


def test_columns_of_two_drawings_share_a_measure():
    small, large = spread({1: 2, 2: 0}, 8), spread({1: 8, 2: 0}, 8)
    assert 4 * small.columns[0].height == large.columns[0].height
    assert large.columns[0].y >= 0
    assert small.columns[0].y + small.columns[0].height == HEIGHT - 18


def test_nothing_at_all_can_be_drawn():
    assert [column.height for column in spread({1: 0, 2: 0}, 0).columns] == [0, 0]

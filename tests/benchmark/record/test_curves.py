"""Curves of a training, thinned for the record."""

from benchmark.record.curves import POINTS, read_curves, thinned


def test_columns_are_read_where_they_hold_numbers(tmp_path):
    path = tmp_path / "curve.csv"
    path.write_text("epoch,step,loss,dice\n1,10,0.5,\n2,20,0.25,0.8123456\n3,30,nan,0.9\n")
    assert read_curves(path) == {
        "loss": ((10, 0.5), (20, 0.25)),
        "dice": ((20, 0.81235), (30, 0.9)),
    }


def test_long_curves_keep_their_ends():
    curve = thinned([(float(step), 1 / (step + 1)) for step in range(6000)])
    assert len(curve) == POINTS and curve[0] == (0.0, 1.0) and curve[-1][0] == 5999
    assert [step for step, _ in curve] == sorted({step for step, _ in curve})


def test_no_curve_is_no_error(tmp_path):
    assert read_curves(tmp_path / "absent.csv") == {}
    (tmp_path / "a.csv").write_text("nothing,here\nx,y\n")
    (tmp_path / "b.csv").write_text("step,loss\nx,0.5\n")
    (tmp_path / "c.csv").write_bytes(b"\xff\xfe\x00")
    assert all(read_curves(tmp_path / name) == {} for name in ("a.csv", "b.csv", "c.csv"))

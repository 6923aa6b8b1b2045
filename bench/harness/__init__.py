"""The parts of bench/side_by_side.

`endpoints` are what is measured, `generators` make the load, `figures` say what is measured how, `samples` keeps the
values and forms the ratios, `rounds` takes them, `report` prints, `processes` reads CPU and memory, `machine` names what it all ran on.
"""

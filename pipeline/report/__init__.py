"""The report of a run, made of facts; and, for artifacts of one's own, what a section of it is made of.

An artifact brings a section of its own with a method that returns one:

    from slipline.pipeline.report import Section, Table, Text, number

    def report_section(self) -> Section:
        return Section("Prices", (Text("By town."), Table(("Town", number("Mean")), [("Bern", "12.50")])))
"""

from slipline.pipeline.report.kit.section import (
    Beside,
    Cell,
    Column,
    Facts,
    Figure,
    Figures,
    Folded,
    Heading,
    KeyNumber,
    Picture,
    Pictures,
    Reasons,
    Section,
    Table,
    Text,
    number,
)

__all__ = (
    "Beside",
    "Cell",
    "Column",
    "Facts",
    "Figure",
    "Figures",
    "Folded",
    "Heading",
    "KeyNumber",
    "Picture",
    "Pictures",
    "Reasons",
    "Section",
    "Table",
    "Text",
    "number",
)

"""The report of a run, made of facts; and, for artifacts of one's own, what a section of it is made of.

An artifact brings a section of its own with a method that returns one:

    from slipline.pipeline.report import Section, Table, Text, number

    def report_section(self) -> Section:
        return Section("Prices", (Text("By town."), Table(("Town", number("Mean")), [("Bern", "12.50")])))
"""

from slipline.pipeline.report.kit.section import Beside as Beside
from slipline.pipeline.report.kit.section import Cell as Cell
from slipline.pipeline.report.kit.section import Column as Column
from slipline.pipeline.report.kit.section import Facts as Facts
from slipline.pipeline.report.kit.section import Figure as Figure
from slipline.pipeline.report.kit.section import Figures as Figures
from slipline.pipeline.report.kit.section import Folded as Folded
from slipline.pipeline.report.kit.section import Heading as Heading
from slipline.pipeline.report.kit.section import KeyNumber as KeyNumber
from slipline.pipeline.report.kit.section import Picture as Picture
from slipline.pipeline.report.kit.section import Pictures as Pictures
from slipline.pipeline.report.kit.section import Reasons as Reasons
from slipline.pipeline.report.kit.section import Section as Section
from slipline.pipeline.report.kit.section import Table as Table
from slipline.pipeline.report.kit.section import Text as Text
from slipline.pipeline.report.kit.section import number as number

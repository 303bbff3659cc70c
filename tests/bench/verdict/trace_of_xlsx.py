#!/usr/bin/env python3
"""Makes traces for `verdict_bench --trace` of spreadsheets of a machine each.

    trace_of_xlsx.py OUT_DIRECTORY FILE.xlsx...

The first sheet has a time (a spreadsheet's day number) and a share of memory in
percent in columns A and B, and a heading. Machines are taken to have 100 GiB, so
that a percent is a GiB. Writes OUT/NAME.csv of "second,bytes" lines. Only the
standard library is used.

Meant for example/alibaba_mem_util of github.com/ansjin/memory_leak_detection
(Apache 2.0): 109 machines of Alibaba's cluster trace of 2018, eight days.
"""

import argparse
import pathlib
import re
import zipfile

GIB = 1 << 30
ROW = re.compile(r'<c r="A\d+"[^>]*><v>([0-9.eE+-]+)</v></c><c r="B\d+"[^>]*><v>([0-9.eE+-]+)</v></c>')


def points(path):
    with zipfile.ZipFile(path) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    rows = [(float(day), float(percent)) for day, percent in ROW.findall(sheet)]
    # The heading's cells are numbers of texts: no day is that small.
    return sorted(row for row in rows if row[0] > 1000)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("files", type=pathlib.Path, nargs="+")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for file in args.files:
        rows = points(file)
        with open(args.out / (file.stem + ".csv"), "w") as out:
            for day, percent in rows:
                second = round((day - rows[0][0]) * 86400)
                out.write(f"{second},{round(percent * GIB)}\n")


if __name__ == "__main__":
    main()

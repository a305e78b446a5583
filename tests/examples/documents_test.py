#!/usr/bin/env python3
"""The guides in docs/ say what the sources say. TAP on stdout.

    documents_test.py SOURCE_ROOT
"""

import re
import sys
from pathlib import Path

ROOT = Path(sys.argv[1])


def read(path):
    return (ROOT / path).read_text()


def table():
    """The rows of reference-mapping.md: operation, Store, message, client library, meaning."""
    rows = [[cell.strip() for cell in line.strip("|\n").split("|")]
            for line in read("docs/reference-mapping.md").splitlines() if re.match(r"\| `", line)]
    assert len(rows) == 19, f"{len(rows)} operations"
    return rows


def names(cell):
    return re.findall(r"`([^`]+)`", cell)


def quotes():
    """(guide, source file, text) of each fence that names a file."""
    for guide in sorted((ROOT / "docs").glob("*.md")):
        for source, text in re.findall(r"^```cpp (\S+)\n(.*?)^```$", guide.read_text(), re.M | re.S):
            yield guide.name, source, text


def quoted_code_is_in_its_file():
    found = list(quotes())
    assert len(found) >= 5, "adding-a-backend.md quotes its example"
    for guide, source, text in found:
        assert text in read(source), f"{guide}: not in {source} as quoted:\n{text}"


def all_code_names_its_file():
    for guide in (ROOT / "docs").glob("*.md"):
        for fence in re.findall(r"^```(\w+)$(?=\n.)", guide.read_text(), re.M):
            assert fence != "cpp", f"{guide.name}: a fence of C++ that names no file"


def each_operation_is_tested():
    tested = set(re.findall(r'TEST_CASE\("(\w+)"\)', read("tests/examples/operations_test.cpp")))
    operations = {names(row[0])[0] for row in table()}
    assert operations == tested, f"only in one of the table and the test: {operations ^ tested}"
    adapter = read("examples/share_accounting_storage.hpp")
    for operation in operations:
        assert re.search(rf"\b{operation}\(", adapter), f"the adapter has no {operation}"


def each_call_exists():
    store = read("storage/store.hpp") + read("storage/open.hpp")
    client = read("clients/cpp/storage_client.hpp")
    messages = "".join(read(f"protocol/{name}.hpp") for name in ("records", "storage_messages", "storage_requests"))
    extension = read("protocol/EXTENSION.md")
    for operation, in_store, message, library, _ in table():
        for name in names(in_store):
            assert re.search(rf"\b{name.split('::')[-1]}\(", store), f"{operation}: the store has no {name}"
        for name in names(library):
            assert re.search(rf"\b{name}\(", client), f"{operation}: the client library has no {name}"
        for name in names(message):
            assert f"struct {name} " in messages, f"{operation}: no message or record is called {name}"
            assert name in extension, f"{operation}: EXTENSION.md does not know {name}"


CASES = {
    "code quoted in a guide is in its file, word for word": quoted_code_is_in_its_file,
    "C++ in a guide names the file it is from": all_code_names_its_file,
    "each operation of the table is in the adapter, and tested by its name": each_operation_is_tested,
    "each call, message and record that the table names exists": each_call_exists,
}


def main():
    failed = False
    for number, (name, case) in enumerate(CASES.items(), start=1):
        try:
            case()
            print(f"ok {number} - {name}")
        except AssertionError as error:
            failed = True
            print(f"not ok {number} - {name}")
            for line in str(error).splitlines():
                print(f"# {line}")
    print(f"1..{len(CASES)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

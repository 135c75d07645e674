"""Ask pyright whether type checkers know every public name of the installed package, and all that it is made of.

    python tools/type_completeness.py

It needs pyright and the installed package. ipywidgets has no types, so that the explorers, which are its widgets, count
as unknown: these are shown, and may stay.
"""

import json
import subprocess
import sys

PACKAGE = "cnnviz_widgets"


def report():
    """The part on completeness of pyright's answer."""
    asked = ["pyright", "--verifytypes", PACKAGE, "--ignoreexternal", "--outputjson"]
    answer = json.loads(subprocess.run(asked, capture_output=True, text=True, check=False).stdout)
    if "typeCompleteness" not in answer:
        raise SystemExit(f"pyright must find the package, with its py.typed. Received: {answer}")
    return answer["typeCompleteness"]


def is_public(name):
    """True for a name of the package itself, unlike those of its modules."""
    return name.count(".") == 1


def main():
    """Print the public names that are not known; exit with 1 where one of them is no explorer."""
    found = report()
    public = [each for each in found["symbols"] if is_public(each["name"]) and each["isExported"]]
    unknown = [each["name"] for each in public if not each["isTypeKnown"]]
    print(f"Types of {len(public) - len(unknown)} of {len(public)} public names are known")
    print(f"and of {found['completenessScore']:.1%} of all names in all modules.")
    for name in unknown:
        print(f"  not known: {name}")
    if not public or any(not name.endswith("Explorer") for name in unknown):
        sys.exit(1)


if __name__ == "__main__":
    main()

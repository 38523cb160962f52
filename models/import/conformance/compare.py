"""Runs `linnet import` over the cases of folders and prints what it says of each, and how often each reason to refuse comes.

An answer that differs by more than 1e-3 of the largest logit is WRONG, and so is a file taken of which onnxruntime makes nothing.
"""

import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import onnx

LIMIT = 1e-3


def outcome(linnet, folder, case, seconds):
    """What the import does: a word, and its message or the difference."""
    shape = "x".join(map(str, case["shape"]))
    zeros, ones = (",".join([x] * case["shape"][0]) for x in ("0", "1"))
    with tempfile.TemporaryDirectory() as scratch:
        command = [linnet, "import", folder / case["file"], "--data", f"noise:{shape}:{max(case['classes'], 2)}"]
        command += ["--mean", zeros, "--std", ones, "--accuracy-images", "0", "--out", f"{scratch}/net"]
        if case["expected"]:
            command += ["--expected", folder / case["expected"]]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            return "slow", f"more than {seconds} s"
    said = (done.stderr + done.stdout).strip()
    if done.returncode < 0 or "panicked" in said:
        return "CRASH", f"status {done.returncode}: {said[:300]}"
    if done.returncode:
        return "refused", done.stderr.strip()
    if not case["expected"] or case["outcome"] != "logits":
        return "WRONG", f"taken, but onnxruntime: {case['outcome']}"
    difference = re.search(r"by at most ([^\s,;]+)", said)
    if not difference:
        return "CRASH", f"no difference printed: {said[:300]}"
    share = float(difference[1]) / max(case["largest"], 1e-30)
    return ("equal" if share <= LIMIT else "WRONG"), f"{share:.1e} of the largest"


def cause(message, path):
    """What is expected, and of which operator, without what differs from file to file."""
    text = re.sub(r"^(error|linnet): ", "", message.replace("\n", " "))
    match = re.match(r"node `(.*?)`: expected (.*), found (.*)$", text)
    if not match:
        return re.sub(r"-?\d[\d.e+-]*", "#", re.sub(r"\S*\.onnx", "FILE", text))
    name, expected, found = match.groups()
    if found.startswith("operator"):
        return found
    nodes = onnx.load(path, load_external_data=False).graph.node
    operator = next((node.op_type for node in nodes if node.name == name), name.split()[0])
    return re.sub(r"-?\d[\d.e+-]*", "#", re.sub(r"\[.*?\]", "[...]", f"{operator}: {expected}"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    parser.add_argument("--linnet", default="linnet", help="the binary")
    parser.add_argument("--seconds", type=int, default=300, help="longest import")
    parser.add_argument("--only", default="", help="regular expression of the names")
    parser.add_argument("--json", type=pathlib.Path, help="file for the outcomes")
    parser.add_argument("--remove", action="store_true", help="remove the files of what is equal or refused")
    parser.add_argument("--quiet", action="store_true", help="print no case that is equal")
    args = parser.parse_args()
    found = []
    for folder in args.folders:
        for case in json.loads((folder / "cases.json").read_text()):
            if not re.search(args.only, case["name"]) or not (folder / case["file"]).exists():
                continue
            word, message = outcome(args.linnet, folder, case, args.seconds)
            reason = cause(message, folder / case["file"]) if word != "equal" else ""
            found.append(case | {"linnet": word, "message": message, "cause": reason})
            weak = " (all images have the same logits)" if word == "equal" and case["spread"] < 1e-3 else ""
            if word != "equal" or not args.quiet:
                print(f"{case['name']:44} {word:8} {message.splitlines()[-1] if message else ''}{weak}", flush=True)
            if args.remove and word in ("equal", "refused"):
                for path in folder.glob(case["file"].removesuffix(".onnx") + ".*"):
                    path.unlink()
    if args.json:
        old = json.loads(args.json.read_text()) if args.json.exists() else []
        kept = [case for case in old if case["name"] not in {new["name"] for new in found}]
        args.json.write_text(json.dumps(kept + found, indent=1) + "\n")
    print("\n" + ", ".join(f"{n} {word}" for word, n in collections.Counter(c["linnet"] for c in found).most_common()))
    causes = collections.defaultdict(list)
    for case in found:
        if case["linnet"] != "equal":
            causes[case["linnet"], case["cause"]].append(case["name"])
    for (word, text), names in sorted(causes.items(), key=lambda item: -len(item[1])):
        print(f"{len(names):4} {word}: {text}\n     {', '.join(names[:6])}{', ...' if len(names) > 6 else ''}")
    sys.exit(any(case["linnet"] in ("WRONG", "CRASH") for case in found))


if __name__ == "__main__":
    main()

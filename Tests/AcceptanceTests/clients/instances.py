#!/usr/bin/env python3
"""Instances that are easily changed on their way, and whether an agent that reads YAML with libyaml (PyYAML's C loader) reads what their author wrote.

usage: instances.py make                       prints a config: {"init_config": …, "instances": [{"name": "case N", "value": …}, …]}
       instances.py compare SOURCE AGENT_LOG   SOURCE is that text; AGENT_LOG what datadog_agent.py wrote, with --instances

Both sides are read by two parsers that share nothing: the source as JSON, what was received as YAML 1.1. Values must have the same types and be
equal; numbers must also be the same as decimals, so that no digit was lost in between. What the cluster-agent adds (`empty_default_hostname`, `tags`) is
left out.
"""
import decimal
import json
import math
import sys

import yaml

ADDED = {"empty_default_hostname", "tags"}

NUMBERS = [
    "0", "-0", "7", "-7", "8080", "12345678901234567890", "-98765432109876543210", "123456789012345678901234567890123456789012345",
    "9007199254740993", "18446744073709551616", "0.0", "-0.0", "1.0", "1.50", "0.1", "1e3", "1E3", "1e+3", "1e-3", "1.5e300", "-2.5E-7",
    "0.1000000000000000055511151231257827", "3.141592653589793238462643383279502884197", "1e22", "1e400", "123456.789e3", "5e-324",
]
# Each is a string that a YAML parser reads as something else when it is not quoted, or loses.
STRINGS = [
    "", " ", "yes", "no", "on", "off", "y", "n", "true", "False", "null", "Null", "~", "0x10", "0o17", "017", "1_000", "0b11", "1.0", "1e3",
    ".5", ".inf", "-.INF", ".nan", "2001-12-14", "2001-12-14t21:59:43.10-05:00", "190:20:30", "12:30:45", "<<", "=", "!", "!!int 3", "&anchor",
    "*alias", "- item", "? key", "key: value", "#comment", "a #comment", "%TAG", "@at", "`tick`", "{", "}", "[", "]", ",", "|", ">", "'", '"',
    "it's", 'say "so"', "back\\slash", "\\n", "trailing ", " leading", "tab\there", "line\nbreak", "\n", "\r\n", "two\n\nlines\n", "---", "...",
    "--- a", "<script>&amp;</script>", "a<b>c&d", "\u2028", "\u2029", "\u0085", "\ufeff", "\ufeffmark", "\u00a0", "\u200b", "é", "e\u0301", "日本語",
    "\U0001f600", "\U0010ffff", "\ud7ff", "\ue000", "%", "%%", "%%%", "100%%", "%%%%", "a%%b", "50%% of 100", "\x7f", "\x00", "\x1b[0m",
    "".join(map(chr, range(0x20))), "".join(map(chr, range(0x80, 0xA0))), "ENC[secret]", "x" * 20_000, "word " * 4_000, "ü" * 5_000,
]
KEYS = [
    "yes", "null", "~", "0x10", "1", "1.0", "", " ", "<<", "=", "%%host%%", "%%", "a%%b%%", "<>&", "ключ", "\U0001f511", "\u0001", "\u2028", "a: b", "#", "-",
    "? a", "k" * 500, "trailing ", "quote\"", "back\\slash", "line\nbreak",
]
SHAPES = [
    "{}", "[]", "[[]]", "[{}]", "[[1,[2,[3,[\"4\"]]]],[],[[]]]", "{\"a\":{\"b\":{\"c\":{}}}}", "{\"a\":[{\"b\":[{}]}],\"c\":[]}",
    "[null,true,false,\"null\",\"true\",\"false\"]", "null", "true", "false", "{\"a\":null}", "[" * 20 + "1" + "]" * 20,
]


def make():
    values = NUMBERS + [json.dumps(text) for text in STRINGS] + [json.dumps(text, ensure_ascii=False) for text in STRINGS] + SHAPES
    values += [json.dumps({key: "value", "list": [{key: 1}]}) for key in KEYS]
    values.append("[" + ",".join(NUMBERS) + "]")
    instances = [f'{{"name":"case {number}","value":{value}}}' for number, value in enumerate(values)]
    config = f'{{"init_config":{{"numbers":[{",".join(NUMBERS)}],"text":{json.dumps(STRINGS[2:20])}}},"instances":[{",".join(instances)}]}}'
    json.loads(config)
    sys.stdout.buffer.write(config.encode())


class Decimals(yaml.CSafeLoader):
    """libyaml's parser, with every number as the decimal that its text says."""


def decimal_of(loader, node):
    return decimal.Decimal(loader.construct_scalar(node))


Decimals.add_constructor("tag:yaml.org,2002:float", decimal_of)
Decimals.add_constructor("tag:yaml.org,2002:int", decimal_of)


def same(left, right):
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return sorted(left) == sorted(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float):
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    return left == right


def check(source, received, place):
    """The value that `source` is read as. An error if `received` is read as another one."""
    readings = [
        (json.loads(source), yaml.load(received, Loader=yaml.CSafeLoader)),
        (json.loads(source, parse_float=decimal.Decimal, parse_int=decimal.Decimal), yaml.load(received, Loader=Decimals)),
    ]
    for given, read in readings:
        if isinstance(read, dict):
            read = {key: value for key, value in read.items() if key not in ADDED}
        if not same(given, read):
            sys.exit(f"{place}: {str(given)[:300]!r} was read as {str(read)[:300]!r} from {received[:300]!r}")


def raw_members(text):
    """Each instance of the config as its author wrote it."""
    decoder, start = json.JSONDecoder(), text.index('"instances":[') + len('"instances":[')
    while text[start] != "]":
        _, end = decoder.raw_decode(text, start)
        yield text[start:end]
        start = end + (text[end] == ",")


def compare(source_path, log_path):
    with open(source_path, encoding="utf-8", newline="") as file:
        text = file.read()
    sources = {json.loads(one)["name"]: one for one in raw_members(text)}
    with open(log_path, encoding="utf-8") as file:
        events = [json.loads(line) for line in file]
    received = [event for event in events if event["event"] == "schedule"]
    instances = [instance for event in received for instance in event["instances"]]
    for instance in instances:
        name = yaml.load(instance, Loader=yaml.CSafeLoader)["name"]
        check(sources.pop(name), instance, name)
    if sources:
        sys.exit(f"{len(sources)} instances did not arrive: {sorted(sources)[:3]}")
    init_config, _ = json.JSONDecoder().raw_decode(text, text.index(":") + 1)
    start = text.index(":") + 1
    source = text[start : text.index(',"instances":[')]
    assert json.loads(source) == init_config
    for event in received:
        check(source, event["init_config"], "init_config")
    print(f"{len(instances)} instances in {len(received)} configs are unchanged")


if sys.argv[1] == "make":
    make()
else:
    compare(*sys.argv[2:])

"""The commands of `helm` that tests need, with Helm's own engine, which PyPI has as a library and not as a program.

    helm.py --kubeconfig=FILE install NAME CHART --namespace=NAMESPACE [--create-namespace] [--values=FILE] [--set=KEY=VALUE]
    helm.py --kubeconfig=FILE upgrade NAME CHART --namespace=NAMESPACE [--values=FILE] [--set=KEY=VALUE]
    helm.py --kubeconfig=FILE uninstall NAME --namespace=NAMESPACE

FILE is `-` for standard input. Runs with the interpreter of `Tests/setup/manifest-tools`. Needs nothing of this package.
"""

import argparse
import sys

import helm_python as helm
import yaml


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="helm", allow_abbrev=False)
    parser.add_argument("--kubeconfig", required=True)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("install", "upgrade", "uninstall"):
        command = commands.add_parser(name, allow_abbrev=False)
        command.add_argument("name")
        command.add_argument("--namespace", "-n", required=True)
        if name != "uninstall":
            command.add_argument("chart")
            command.add_argument("--values", action="append", default=[])
            command.add_argument("--set", action="append", default=[])
        if name == "install":
            command.add_argument("--create-namespace", action="store_true")
    return parser.parse_args()


def merged(first: dict, second: dict) -> dict:
    """As Helm merges values: maps by key, everything else as a whole."""
    both = {key: merged(first[key], second[key]) for key in first.keys() & second.keys()
            if isinstance(first[key], dict) and isinstance(second[key], dict)}
    return first | second | both


def values(options: argparse.Namespace) -> dict:
    found = {}
    for name in options.values:
        with sys.stdin if name == "-" else open(name, encoding="utf-8") as file:
            found = merged(found, yaml.safe_load(file) or {})
    for text in options.set:
        found = merged(found, helm.parse_set_string(text))
    return found


def main() -> int:
    options = arguments()
    config = helm.Config(kubeconfig_path=options.kubeconfig, namespace=options.namespace)
    try:
        if options.command == "uninstall":
            config.uninstall(options.name, timeout=60)
            print(f'release "{options.name}" uninstalled')
            return 0
        with helm.Chart.load(options.chart) as chart:
            if options.command == "install":
                release = config.install(
                    chart, options.name, values(options), namespace=options.namespace, timeout=60,
                    create_namespace=options.create_namespace)
            else:
                release = config.upgrade(chart, options.name, values(options), namespace=options.namespace, timeout=60)
        show(release)
        return 0
    except helm.HelmError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1


def show(release: dict):
    for key in ("name", "namespace", "status", "revision"):
        print(f"{key.upper()}: {release[key]}")
    if release.get("notes"):
        print(f"NOTES:\n{release['notes'].strip()}")


if __name__ == "__main__":
    sys.exit(main())

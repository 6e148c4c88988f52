"""The page's document, put together from the Swift files as Swift does it."""
import base64, hashlib, pathlib, re

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "Sources" / "Replica" / "Page"
LITERAL = re.compile(r'static let (\w+) = #"""\n(.*?)\n( *)"""#', re.DOTALL)


def literals():
    """The raw string literals of the Swift files by name, without the indentation that Swift removes."""
    found = {}
    for file in sorted(FOLDER.glob("*.swift")):
        for name, text, indentation in LITERAL.findall(file.read_text(encoding="utf-8")):
            lines = text.split("\n")
            for line in lines:
                if line and not line.startswith(indentation):
                    raise ValueError(f"{file.name}: a line of {name} is indented less than its end")
            if name in found:
                raise ValueError(f"{file.name}: {name} is there twice")
            found[name] = "\n".join(line[len(indentation):] for line in lines)
    return found


def composed(name, parts):
    """A literal with what it interpolates."""
    return re.sub(r"\\#\((\w+)\)", lambda match: composed(match[1], parts), parts[name])


def document():
    return composed("document", literals()).encode()


def digest(name):
    """The hash by which the Content-Security-Policy allows a literal."""
    return "sha256-" + base64.b64encode(hashlib.sha256(composed(name, literals()).encode()).digest()).decode()


def policy():
    return (f"default-src 'none'; script-src '{digest('script')}'; style-src '{digest('style')}'; connect-src 'self'; "
            "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'")


if __name__ == "__main__":
    import sys
    sys.stdout.buffer.write(document())

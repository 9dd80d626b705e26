"""Python data as libconfig text: dicts are groups, lists of dicts are lists, lists of scalars are arrays."""


class Hex(int):
    """An integer that reads better in base 16."""


def dump(settings):
    """A whole file from a dict."""
    return "".join(f"{key} = {_value(value, '')};\n" for key, value in settings.items() if value is not None)


def _value(value, indent):
    deeper = indent + "  "
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Hex):
        return f"{value:#010x}"
    if isinstance(value, int):
        return f"{value}L" if abs(value) > 0x7FFFFFFF else str(value)
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, dict):
        rows = "".join(f"{deeper}{k} = {_value(v, deeper)};\n" for k, v in value.items() if v is not None)
        return "{\n" + rows + indent + "}"
    if all(isinstance(item, dict) for item in value) and value:
        return "(\n" + ",\n".join(deeper + _value(item, deeper) for item in value) + "\n" + indent + ")"
    return "[" + ", ".join(_value(item, deeper) for item in value) + "]"
